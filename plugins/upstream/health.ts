import { retryAfter, type Trouble } from './retry.ts'

/** Failures one after another at which a target is rested. */
const TOLERATED = 3
/** ms that it rests at first and at most; doubled each time that it fails again. */
const REST = 10_000
const LONGEST_REST = 120_000
/** ms that an account rests which the provider does not take. */
const ACCOUNT_REST = 60_000

export interface Standing {
  failures: number
  /** When it came to stand so. All moments are `now()`s. */
  at: number
  /** Until when it rests; 0 while it does not. What was heard of may lie before this process began. */
  until: number
  rest: number
}

/** How a target stands: `open` is at rest, and `half-open` has rested and may be tried by one request. */
export type State = 'closed' | 'half-open' | 'open'

/**
 * Which targets are well. It refuses nothing: it only says in which order they are to be tried, so that with one target,
 * or with all of them at rest, a request is still sent.
 */
export class Health {
  readonly #standings = new Map<string, Standing>()
  readonly now: () => number
  /** Hears of each target that begins to rest, is tried by a request, or is well again. */
  onLearned: ((id: string, at: number) => void) | undefined

  constructor (now = () => performance.now()) {
    this.now = now
  }

  state (id: string): State {
    const { until = 0 } = this.#standings.get(id) ?? {}
    return until === 0 ? 'closed' : until > this.now() ? 'open' : 'half-open'
  }

  /** Those at rest last, the one that has rested longest before the others; the rest in the order given. */
  order<T> (targets: readonly T[], idOf: (target: T) => string): T[] {
    const resting = (target: T): number => this.state(idOf(target)) === 'open' ? this.#standings.get(idOf(target))?.until ?? 0 : 0
    return [...targets].sort((a, b) => resting(a) - resting(b))
  }

  /** An attempt begins: of a target that has rested it is the only one until it is known how that went. */
  begin (id: string): void {
    const standing = this.#standings.get(id)
    if (standing === undefined || this.state(id) !== 'half-open') return
    standing.until = this.now() + standing.rest
    this.#learned(id, standing)
  }

  worked (id: string): void {
    const standing = this.#standings.get(id)
    if (standing === undefined) return
    this.#standings.delete(id)
    if (standing.until !== 0) this.#learned(id, standing)
  }

  failed (id: string, trouble?: Trouble): void {
    let standing = this.#standings.get(id)
    if (standing === undefined) this.#standings.set(id, standing = { failures: 0, at: 0, until: 0, rest: REST })
    standing.failures++
    const asked = restAsked(trouble)
    if (asked === undefined && standing.failures < TOLERATED) return
    const again = standing.until !== 0
    if (asked === undefined && again) standing.rest = Math.min(standing.rest * 2, LONGEST_REST)
    standing.until = Math.max(standing.until, this.now() + (asked ?? standing.rest))
    this.#learned(id, standing)
  }

  standing (id: string): Readonly<Standing> | undefined {
    return this.#standings.get(id)
  }

  /** Those that rest, or have rested and not been tried yet. */
  atRest (): Array<[id: string, standing: Readonly<Standing>]> {
    return [...this.#standings].filter(([, { until }]) => until !== 0)
  }

  /** Another gateway has learned it. @param standing undefined: it is well */
  hear (id: string, standing: Standing | undefined): void {
    if (standing === undefined) this.#standings.delete(id)
    else this.#standings.set(id, standing)
  }

  #learned (id: string, standing: Standing): void {
    standing.at = this.now()
    this.onLearned?.(id, standing.at)
  }
}

/** ms, where the provider itself says how long. */
function restAsked (trouble: Trouble | undefined): number | undefined {
  if (trouble?.kind !== 'status') return undefined
  const { status, headers } = trouble
  if (status === 401 || status === 402 || status === 403 || status === 407) return ACCOUNT_REST
  const seconds = retryAfter(headers) ?? 0
  return seconds > 0 ? Math.min(seconds * 1000, LONGEST_REST) : undefined
}
