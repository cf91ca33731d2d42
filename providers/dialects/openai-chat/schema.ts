import { Type } from 'typebox'
import { AnyObject, Content, Model, nullable } from '../schemas.ts'

/** Chat Completions requests: https://platform.openai.com/docs/api-reference/chat/create */

const Function = Type.Object({ name: Type.String(), arguments: Type.Optional(nullable(Type.String())) })

const Message = Type.Object({
  role: Type.Enum(['developer', 'system', 'user', 'assistant', 'tool', 'function']),
  content: Type.Optional(nullable(Content)),
  tool_calls: Type.Optional(nullable(Type.Array(Type.Object({
    id: Type.Optional(nullable(Type.String())),
    type: Type.Optional(nullable(Type.String())),
    function: Type.Optional(Function),
    custom: Type.Optional(Type.Object({ name: Type.String(), input: Type.Optional(nullable(Type.String())) }))
  })))),
  tool_call_id: Type.Optional(nullable(Type.String())),
  reasoning_content: Type.Optional(nullable(Type.String({ description: 'What the model reasoned, as the reply had it.' }))),
  reasoning_details: Type.Optional(nullable(Type.Array(AnyObject, { description: 'Reasoning with its signatures, to be sent back as the reply had it.' })))
})

const Tool = Type.Object({
  type: Type.Optional(Type.String()),
  function: Type.Optional(Type.Object({
    name: Type.String(),
    description: Type.Optional(nullable(Type.String())),
    parameters: Type.Optional(nullable(AnyObject)),
    strict: Type.Optional(nullable(Type.Boolean()))
  })),
  custom: Type.Optional(Type.Object({
    name: Type.String(),
    description: Type.Optional(nullable(Type.String())),
    format: Type.Optional(nullable(AnyObject))
  }))
})

const admission = {
  model: Model,
  stream: Type.Optional(nullable(Type.Boolean())),
  stream_options: Type.Optional(nullable(AnyObject)),
  n: Type.Optional(nullable(Type.Integer()))
}

export const ChatAdmission = Type.Object(admission)

export const ChatRequest = Type.Object({
  ...admission,
  messages: Type.Array(Message),
  max_completion_tokens: Type.Optional(nullable(Type.Integer())),
  max_tokens: Type.Optional(nullable(Type.Integer())),
  temperature: Type.Optional(nullable(Type.Number())),
  top_p: Type.Optional(nullable(Type.Number())),
  stop: Type.Optional(nullable(Type.Union([Type.String(), Type.Array(Type.String())]))),
  tools: Type.Optional(nullable(Type.Array(Tool))),
  tool_choice: Type.Optional(nullable(Type.Union([Type.String(), AnyObject]))),
  parallel_tool_calls: Type.Optional(nullable(Type.Boolean())),
  response_format: Type.Optional(nullable(AnyObject)),
  reasoning_effort: Type.Optional(nullable(Type.String())),
  user: Type.Optional(nullable(Type.String()))
})
