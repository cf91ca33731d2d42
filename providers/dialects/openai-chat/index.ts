import type { Dialect } from '../dialect.ts'
import { objectOf } from '../json.ts'
import { bound, cap } from './bound.ts'
import { ChatEventDecoder } from './decode-events.ts'
import { decodeRequest, names } from './decode-request.ts'
import { ChatEventEncoder } from './encode-events.ts'
import { encodeRequest } from './encode-request.ts'
import { ID } from './id.ts'
import { errors } from '../openai-errors.ts'
import { limitHeaders } from '../openai-limits.ts'
import { models } from './models.ts'
import { ChatAdmission, ChatRequest } from './schema.ts'
import { stream } from './stream.ts'

/** OpenAI Chat Completions, which most servers speak: https://platform.openai.com/docs/api-reference/chat */
export const openaiChat: Dialect = {
  id: ID,
  summary: 'Answers a conversation',
  genAiOperation: 'chat',
  paths: ['/v1/chat/completions', '/chat/completions'],
  request: ChatRequest,
  admission: ChatAdmission,
  requestHeaders: ['openai-beta'],
  replyHeaders: ['openai-processing-ms', 'openai-version'],
  limitHeaders,
  peek: (body) => ({
    model: String(body.model),
    stream: body.stream === true,
    choices: typeof body.n === 'number' ? Math.max(1, body.n) : 1,
    wantsUsage: objectOf(body.stream_options).include_usage === true
  }),
  patch: (body, call) => call.stream && !call.wantsUsage
    ? { stream_options: { ...objectOf(body.stream_options), include_usage: true } }
    : {},
  bound,
  cap,
  errors,
  stream,
  models,
  translation: {
    names,
    decodeRequest,
    encodeRequest,
    decodeEvents: () => new ChatEventDecoder(),
    encodeEvents: (options) => new ChatEventEncoder(options)
  }
}
