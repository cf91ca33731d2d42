import type { ErrorCodec, Reading } from './dialect.ts'
import { isObject, textOf } from './json.ts'

type Told = NonNullable<Reading['error']>

/** Whether a field named `error` tells of one. Replies that went well may have it, and nothing in it. */
export function saysError (error: unknown): boolean {
  return textOf(error) !== undefined || (isObject(error) && Object.keys(error).length > 0)
}

/** The error that a body is which stands in the place of a reply, with a status of success: in whatever form, or just not a reply. */
export function inPlace (body: Record<string, unknown>, errors: ErrorCodec): Told {
  return errors.decode(body) ?? (saysError(body.error)
    ? { code: 'upstream_error', message: 'The provider reported an error.' }
    : { code: 'upstream_bad_reply', message: 'The provider sent a reply that is not valid.' })
}
