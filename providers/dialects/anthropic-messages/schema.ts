import { Type } from 'typebox'
import { AnyObject, Content, Model, nullable } from '../schemas.ts'

/** Messages requests: https://platform.claude.com/docs/en/api/messages */

const Message = Type.Object({
  role: Type.Enum(['user', 'assistant', 'system']),
  content: Content
})

const Tool = Type.Object({
  type: Type.Optional(nullable(Type.String())),
  name: Type.Optional(Type.String()),
  description: Type.Optional(nullable(Type.String())),
  input_schema: Type.Optional(AnyObject),
  strict: Type.Optional(nullable(Type.Boolean()))
})

const admission = {
  model: Model,
  stream: Type.Optional(nullable(Type.Boolean()))
}

export const MessagesAdmission = Type.Object(admission)

export const MessagesRequest = Type.Object({
  ...admission,
  messages: Type.Array(Message),
  max_tokens: Type.Integer(),
  system: Type.Optional(nullable(Content)),
  temperature: Type.Optional(nullable(Type.Number())),
  top_p: Type.Optional(nullable(Type.Number())),
  stop_sequences: Type.Optional(nullable(Type.Array(Type.String()))),
  tools: Type.Optional(nullable(Type.Array(Tool))),
  tool_choice: Type.Optional(nullable(AnyObject)),
  thinking: Type.Optional(nullable(AnyObject)),
  output_config: Type.Optional(nullable(AnyObject)),
  metadata: Type.Optional(nullable(AnyObject))
})
