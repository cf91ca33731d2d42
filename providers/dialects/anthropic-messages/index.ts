import type { Dialect } from '../dialect.ts'
import { bound, cap } from './bound.ts'
import { counter } from './counter.ts'
import { MessagesEventDecoder } from './decode-events.ts'
import { decodeRequest, names } from './decode-request.ts'
import { MessagesEventEncoder } from './encode-events.ts'
import { encodeRequest } from './encode-request.ts'
import { errors } from './errors.ts'
import { ID } from './id.ts'
import { limitHeaders } from './limits.ts'
import { models } from './models.ts'
import { MessagesAdmission, MessagesRequest } from './schema.ts'
import { stream } from './stream.ts'

/** Anthropic Messages: https://platform.claude.com/docs/en/api/messages */
export const anthropicMessages: Dialect = {
  id: ID,
  summary: 'Answers a conversation',
  genAiOperation: 'chat',
  paths: ['/v1/messages', '/messages'],
  request: MessagesRequest,
  admission: MessagesAdmission,
  requestHeaders: ['anthropic-version', 'anthropic-beta'],
  replyHeaders: [],
  query: ['beta'],
  marker: 'anthropic-version',
  requestIdHeader: 'request-id',
  limitHeaders,
  heartbeat: 'event: ping\ndata: {"type": "ping"}\n\n',
  peek: (body) => ({ model: String(body.model), stream: body.stream === true, choices: 1, wantsUsage: true }),
  bound,
  cap,
  errors,
  stream,
  models,
  counter,
  translation: {
    names,
    decodeRequest,
    encodeRequest,
    decodeEvents: () => new MessagesEventDecoder(),
    encodeEvents: (options) => new MessagesEventEncoder(options)
  }
}
