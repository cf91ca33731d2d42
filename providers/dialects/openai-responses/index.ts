import type { Dialect } from '../dialect.ts'
import { objectOf, textOf } from '../json.ts'
import { itemReferences } from '../openai-items.ts'
import { limitHeaders } from '../openai-limits.ts'
import { bound, cap } from './bound.ts'
import { counter } from './counter.ts'
import { ResponsesEventDecoder } from './decode-events.ts'
import { decodeRequest, names } from './decode-request.ts'
import { ResponsesEventEncoder } from './encode-events.ts'
import { encodeRequest } from './encode-request.ts'
import { errors } from './errors.ts'
import { ID } from './id.ts'
import { ResponsesAdmission, ResponsesRequest } from './schema.ts'
import { stream } from './stream.ts'

/** OpenAI Responses: https://platform.openai.com/docs/api-reference/responses */
export const openaiResponses: Dialect = {
  id: ID,
  summary: 'Answers a conversation',
  genAiOperation: 'chat',
  paths: ['/v1/responses', '/responses'],
  request: ResponsesRequest,
  admission: ResponsesAdmission,
  requestHeaders: ['openai-beta'],
  replyHeaders: ['openai-processing-ms', 'openai-version'],
  limitHeaders,
  peek: (body) => ({
    model: String(body.model),
    stream: body.stream === true,
    choices: 1,
    wantsUsage: true,
    ...refers(body)
  }),
  references: itemReferences('input'),
  bound,
  cap,
  errors,
  stream,
  counter,
  translation: {
    names,
    decodeRequest,
    encodeRequest,
    decodeEvents: () => new ResponsesEventDecoder(),
    encodeEvents: (options) => new ResponsesEventEncoder(options),
    holdsText: true
  }
}

/** What the provider keeps and the request goes on from. */
function refers ({ previous_response_id: previous, conversation }: Record<string, unknown>): { refers?: Array<{ param: string, id: string }> } {
  const found = [
    { param: 'previous_response_id', id: textOf(previous) },
    { param: 'conversation', id: textOf(conversation) ?? textOf(objectOf(conversation).id) }
  ].flatMap(({ param, id }) => id === undefined ? [] : [{ param, id }])
  return found.length === 0 ? {} : { refers: found }
}
