import type { ErrorCodec } from '../dialect.ts'
import type { ErrorInfo } from '../events.ts'
import { isObject, textOf } from '../json.ts'
import { errors as foreign } from '../openai-errors.ts'

/**
 * Errors are `{ "type": "error", "error": { type, message } }`, in a stream as `event: error`. What stands before a provider
 * of this dialect may say them in the forms that servers of others do.
 */
export const errors: ErrorCodec = {
  encode: (error) => ({ type: 'error', error: { type: typeOf(statusOf(error), error.type), message: error.message } }),
  statusOf,
  events: (error) => [{ event: 'error', data: JSON.stringify(errors.encode(error)) }],
  decode (body) {
    if (!isObject(body) || !isObject(body.error)) return foreign.decode(body)
    const message = textOf(body.error.message)
    if (message === undefined) return undefined
    const type = textOf(body.error.type)
    const status = statuses.find(([, name]) => name === type)?.[0]
    return { code: type ?? 'upstream_error', message, ...type !== undefined && { type }, ...status !== undefined && { status } }
  }
}

/** https://platform.claude.com/docs/en/api/errors */
const statuses: ReadonlyArray<readonly [status: number, type: string]> = [
  [400, 'invalid_request_error'],
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [500, 'api_error'],
  [504, 'timeout_error'],
  [529, 'overloaded_error']
]

/** Where a budget is used up, the vendor wants a payment. */
function statusOf ({ code, status }: ErrorInfo): number {
  return code === 'budget_exceeded' ? 402 : status
}

/** @param told by a provider, maybe in another vendor's words: it counts where no type belongs to the status */
function typeOf (status: number, told?: string): string {
  const [, type] = statuses.find(([own]) => own === status) ?? statuses.find(([, type]) => type === told) ?? []
  return type ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
}
