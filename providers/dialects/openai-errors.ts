import type { ErrorCodec } from './dialect.ts'
import type { ErrorInfo } from './events.ts'
import { isObject, objectOf, textOf } from './json.ts'

/**
 * Errors of all of OpenAI's dialects are `{ "error": { message, type, param, code } }`, in a stream too. Servers that speak the dialect also send
 * `{ "error": "text" }`, `{ "message" }`, `{ "detail" }` and an array of one.
 */
export const errors: ErrorCodec = {
  encode: (error) => ({
    error: { message: error.message, type: error.type ?? typeOf(error), param: error.param ?? null, code: error.code === SPENT ? QUOTA : error.code }
  }),
  events: (error) => [{ data: JSON.stringify(errors.encode(error)) }],
  decode (body) {
    const outer = Array.isArray(body) ? body[0] : body
    if (!isObject(outer)) return undefined
    if (typeof outer.error === 'string') return { code: textOf(outer.code) ?? 'upstream_error', message: outer.error }
    const error = isObject(outer.error) ? outer.error : outer
    const message = textOf(error.message) ?? messageOf(error.detail)
    if (message === undefined) return undefined
    const type = textOf(error.type)
    const code = textOf(error.code) ?? type ?? 'upstream_error'
    const param = textOf(error.param)
    const status = [error.status, error.status_code, error.code].find(isStatus) ?? statuses.get(code) ?? statuses.get(type ?? '')
    return {
      code,
      message,
      ...type !== undefined && { type },
      ...param !== undefined && { param },
      ...status !== undefined && { status }
    }
  }
}

/** The gateway's word for a budget that is used up, and the vendor's, which is the error's type and its code. */
const SPENT = 'budget_exceeded'
const QUOTA = 'insufficient_quota'

/** What an error inside a stream would have been as a reply of its own, where it gives no number. */
const statuses: ReadonlyMap<string, number> = new Map(Object.entries({
  invalid_request_error: 400,
  context_length_exceeded: 400,
  content_filter: 400,
  authentication_error: 401,
  invalid_api_key: 401,
  permission_error: 403,
  not_found_error: 404,
  model_not_found: 404,
  rate_limit_exceeded: 429,
  rate_limit_error: 429,
  insufficient_quota: 429,
  server_error: 500,
  internal_error: 500,
  overloaded_error: 529
}))

function typeOf ({ status, code, limited = 'requests' }: ErrorInfo): string {
  if (status >= 500) return 'server_error'
  if (code === SPENT) return QUOTA
  return code === 'rate_limit_exceeded' ? limited : 'invalid_request_error'
}

function isStatus (value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 400 && value <= 599
}

/** A text, or a validator's list of findings: `[{ loc, msg, type }]`. */
function messageOf (detail: unknown): string | undefined {
  if (!Array.isArray(detail)) return textOf(detail)
  const findings = detail.map((finding) => textOf(objectOf(finding).msg)).filter((text) => text !== undefined)
  return findings.length === 0 ? undefined : findings.join('; ')
}
