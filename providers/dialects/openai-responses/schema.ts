import { Type } from 'typebox'
import { AnyObject, Content, Model, nullable } from '../schemas.ts'

/** Responses requests: https://platform.openai.com/docs/api-reference/responses/create */

const Item = Type.Object({
  type: Type.Optional(nullable(Type.String({ description: 'What the item is; a message where it is missing.' }))),
  role: Type.Optional(nullable(Type.Enum(['developer', 'system', 'user', 'assistant']))),
  content: Type.Optional(nullable(Content)),
  call_id: Type.Optional(nullable(Type.String())),
  name: Type.Optional(nullable(Type.String())),
  namespace: Type.Optional(nullable(Type.String())),
  summary: Type.Optional(nullable(Type.Array(AnyObject))),
  encrypted_content: Type.Optional(nullable(Type.String({ description: 'Reasoning with its proof, to be sent back as the reply had it.' })))
})

const Tool = Type.Object({
  type: Type.String(),
  name: Type.Optional(Type.String()),
  description: Type.Optional(nullable(Type.String())),
  parameters: Type.Optional(nullable(AnyObject)),
  strict: Type.Optional(nullable(Type.Boolean())),
  format: Type.Optional(nullable(AnyObject)),
  tools: Type.Optional(nullable(Type.Array(AnyObject)))
})

const admission = {
  model: Model,
  stream: Type.Optional(nullable(Type.Boolean()))
}

export const ResponsesAdmission = Type.Object(admission)

export const ResponsesRequest = Type.Object({
  ...admission,
  input: Type.Optional(nullable(Type.Union([Type.String(), Type.Array(Item)]))),
  instructions: Type.Optional(nullable(Type.String())),
  max_output_tokens: Type.Optional(nullable(Type.Integer())),
  temperature: Type.Optional(nullable(Type.Number())),
  top_p: Type.Optional(nullable(Type.Number())),
  tools: Type.Optional(nullable(Type.Array(Tool))),
  tool_choice: Type.Optional(nullable(Type.Union([Type.String(), AnyObject]))),
  parallel_tool_calls: Type.Optional(nullable(Type.Boolean())),
  text: Type.Optional(nullable(AnyObject)),
  reasoning: Type.Optional(nullable(AnyObject)),
  include: Type.Optional(nullable(Type.Array(Type.String()))),
  store: Type.Optional(nullable(Type.Boolean())),
  metadata: Type.Optional(nullable(AnyObject)),
  previous_response_id: Type.Optional(nullable(Type.String()))
})
