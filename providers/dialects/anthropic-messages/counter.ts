import type { TokenCounter } from '../dialect.ts'
import { countOf, objectOf } from '../json.ts'

/** https://platform.claude.com/docs/en/api/messages-count-tokens */
export const counter: TokenCounter = {
  summary: 'Counts the tokens of a conversation',
  paths: ['/v1/messages/count_tokens', '/messages/count_tokens'],
  fields: ['model', 'messages', 'system', 'tools', 'tool_choice', 'thinking', 'output_config'],
  required: { max_tokens: 1 },
  encode: (tokens) => ({ input_tokens: tokens }),
  decode: (body) => countOf(objectOf(body).input_tokens)
}
