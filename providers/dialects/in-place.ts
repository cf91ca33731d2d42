import type { ErrorCodec, Reading } from './dialect.ts'
import { isObject, textOf } from './json.ts'

type Told = NonNullable<Reading['error']>

/** Whether a field named `error` tells of one. Replies that went well may have it, and nothing in it. */
export function saysError (error: unknown): boolean {
  return textOf(error) !== undefined || (isObject(error) && Object.keys(error).length > 0)
}

/**
 * The error that a body is which stands in the place of a reply or an event: in whatever form, or just none of the dialect's.
 *
 * @param failed whether something else tells already that it is one
 */
export function inPlace (body: Record<string, unknown>, errors: ErrorCodec, failed = saysError(body.error)): Told {
  return errors.decode(body) ?? (failed
    ? { code: 'upstream_error', message: 'The provider reported an error.' }
    : { code: 'upstream_bad_reply', message: 'The provider sent a reply that is not valid.' })
}
