import type { TokenCounter } from '../dialect.ts'
import { countOf, objectOf } from '../json.ts'

/** https://platform.openai.com/docs/api-reference/responses/input-tokens */
export const counter: TokenCounter = {
  summary: 'Counts the tokens of a conversation',
  paths: ['/v1/responses/input_tokens', '/responses/input_tokens'],
  fields: ['model', 'input', 'instructions', 'tools', 'tool_choice', 'parallel_tool_calls', 'reasoning', 'text', 'truncation'],
  required: {},
  encode: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
  decode: (body) => countOf(objectOf(body).input_tokens)
}
