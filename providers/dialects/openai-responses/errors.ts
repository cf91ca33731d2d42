import type { ErrorCodec } from '../dialect.ts'
import { isObject, objectOf } from '../json.ts'
import { errors as openai } from '../openai-errors.ts'
import { responseObject } from './response.ts'

/**
 * Errors are those of all of the vendor's dialects. A stream tells one as `error`, flat or nested, or as the response
 * that failed, which is what its clients look for.
 */
export const errors: ErrorCodec = {
  encode (error) {
    const encoded = openai.encode(error)
    if (error.resetsAt === undefined) return encoded
    return { error: { ...objectOf(objectOf(encoded).error), type: LIMIT_REACHED, resets_at: Math.ceil(error.resetsAt / 1000) } }
  },
  events (error, { id, model = '' } = {}) {
    const response = responseObject(id ?? 'resp_0', model, 0)
    const failed = { ...response, status: 'failed', error: { code: error.code, message: error.message } }
    const events = [{ type: 'response.failed', response: failed as Record<string, unknown> }]
    // Clients want every stream to begin so.
    if (id === undefined) events.unshift({ type: 'response.created', response })
    return events.map(({ type, response }, i) => ({ event: type, data: JSON.stringify({ type, sequence_number: i, response }) }))
  },
  decode (body) {
    if (!isObject(body)) return openai.decode(body)
    if (isObject(body.response)) return isObject(body.response.error) ? openai.decode({ error: body.response.error }) : undefined
    // Flat, the type is the event's and not the error's.
    return openai.decode(body.type === 'error' && !isObject(body.error) ? { ...body, type: undefined } : body)
  }
}

/**
 * Codex waits for as long as `Retry-After` says, an hour too, and shows only that it reconnects. Of an error of this type, which
 * its own service has, it says at once that a limit is reached, and until when.
 */
const LIMIT_REACHED = 'usage_limit_reached'

/** The error that a response or an event holds, however little is known of it. */
export function errorOf (body: Record<string, unknown>): NonNullable<ReturnType<ErrorCodec['decode']>> {
  const { code } = objectOf(objectOf(body.response ?? body).error)
  return errors.decode(body) ?? { code: typeof code === 'string' ? code : 'upstream_error', message: 'The provider reported an error.' }
}
