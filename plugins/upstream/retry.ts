import type { GatewayError } from '../errors.ts'

type Headers = Record<string, string | string[] | undefined>

/** How an attempt failed before any byte of it went to the client. */
export type Trouble =
  /** The provider said no. */
  | { kind: 'status', status: number, headers: Headers }
  /** No reply came of it. @see UpstreamCall.reached */
  | { kind: 'error', error: GatewayError, reached: boolean }
  /** It answered 200 with a stream, and failed before the first content. */
  | { kind: 'stream' }

/** What of a request bears on whether it may go out again. */
export interface Manner {
  stream: boolean
  /** Whether the key would rather pay twice than see a failure. */
  eager: boolean
}

/** ms that one call may wait between its attempts, all in all. */
export const MOST_WAITING = 1000

/** ms at first; doubled for each repetition. */
const BACKOFF = 200

/** A provider that says so has not worked on the request. */
const REFUSALS: ReadonlySet<number> = new Set([429, 503, 529])
/** It may have, and said that nothing came of it. */
const FAILURES: ReadonlySet<number> = new Set([500, 502, 504])
/** The account is at fault, and another may do. */
const ACCOUNT: ReadonlySet<number> = new Set([401, 402, 403, 407])

/** Why a connection was not made, where the next may be. */
const PASSING: ReadonlySet<string | undefined> = new Set(['ECONNREFUSED', 'ECONNRESET', 'EHOSTUNREACH', 'ENETUNREACH', 'ETIMEDOUT', 'EPIPE', 'EAI_AGAIN', 'UND_ERR_SOCKET'])

/** Whether the same target may be asked again: it is sure not to have taken the request, or the key does not mind. */
export function mayRepeat (trouble: Trouble, { eager }: Manner): boolean {
  switch (trouble.kind) {
    case 'status':
      return trouble.headers['x-should-retry'] !== 'false' && (REFUSALS.has(trouble.status) || (eager && FAILURES.has(trouble.status)))
    case 'error':
      return trouble.reached ? eager && trouble.error.code === 'upstream_broke' : trouble.error.code === 'upstream_unreachable' && PASSING.has(trouble.error.reason)
    case 'stream':
      return false
  }
}

/**
 * Whether another target may be asked: also where this one said that it failed, and where it gave a stream no beginning.
 * A whole reply that breaks off or does not come may have been made and charged.
 */
export function mayMove (trouble: Trouble, { stream, eager }: Manner): boolean {
  switch (trouble.kind) {
    case 'status': return REFUSALS.has(trouble.status) || ACCOUNT.has(trouble.status) || trouble.status >= 500
    case 'error': return !trouble.reached || stream || eager
    case 'stream': return true
  }
}

/** The trouble in one word, of which there are few. */
export function reasonOf (trouble: Trouble): string {
  switch (trouble.kind) {
    case 'status':
      if (trouble.status === 429) return 'rate_limited'
      if (REFUSALS.has(trouble.status)) return 'overloaded'
      return ACCOUNT.has(trouble.status) ? 'account' : 'failed'
    case 'error': return trouble.error.code
    case 'stream': return 'no_content'
  }
}

/**
 * ms to wait before the next attempt; `undefined` where it would be too long: then the client is told, and waits itself.
 *
 * @param before how many repetitions there were
 * @param waited ms that were waited for them
 */
export function waitBefore (trouble: Trouble, before: number, waited: number, random: () => number = Math.random): number | undefined {
  const asked = trouble.kind === 'status' ? retryAfter(trouble.headers) ?? 0 : 0
  const backoff = BACKOFF * 2 ** before * (1 + random()) / 2
  const wait = asked > 0 ? asked * 1000 : Math.min(backoff, MOST_WAITING - waited)
  return wait > 0 && waited + wait <= MOST_WAITING ? wait : undefined
}

/** Seconds that a provider asks to wait, whichever way it was written. */
export function retryAfter (headers: Headers): number | undefined {
  const after = headers['retry-after']
  if (typeof after !== 'string') return undefined
  const text = after.trim()
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(Number(text), FOREVER)
  // Much else is a date to the language: `-5` is a day in May.
  const seconds = DATE.test(text) ? (Date.parse(text) - Date.now()) / 1000 : NaN
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined
}

/** A date as HTTP has it (RFC 9110 § 5.6.7): each form begins with the day of the week, and has the time. */
const DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun).* \d\d:\d\d:\d\d/
/** Seconds that stand for all longer waits, as in RFC 9111 § 1.2.2. */
const FOREVER = 2 ** 31
