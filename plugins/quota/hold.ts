import type { Limit } from '../keys/limits.ts'
import type { Place } from '../linked-list.ts'
import type { Granted, QuotaStore } from './store.ts'

/** What a request really used. */
export interface Spent {
  requests: number
  tokens: number
  /** Nano-dollars. */
  cost: number
}

/** How a limit stood when a request was let through. */
export interface LimitSeen {
  name: Limit['name']
  /** The key's id, or `group:NAME`. */
  owner: string
  unit: Limit['unit']
  per: Limit['per']
  limit: number
  /** Spent and held, this request's hold included. */
  used: number
  held: number
  /** Of a window of a length, such as an hour: that, and when it ends, in ms since 1970. Its beginning follows from them. */
  windowMs?: number
  resetAt?: number
  /** It refuses nothing. Absent: it does. */
  dryRun?: true
  /** In a dry run: it would have refused. */
  exceeded?: true
}

/** A request's place in the limits of its key. Ends in exactly one of three ways; whatever comes after does nothing. */
export interface Hold {
  readonly id: string
  /**
   * Tokens that an answer was held for, where a limit in force leans on them: the provider must be told so, in the words it
   * knows. Without a cap of the request's own, as many as the limits afford.
   */
  readonly cap: number | undefined
  /** Nano-dollars that are held; 0 where no budget asked for it. */
  readonly money: number
  /** Tokens that are held; likewise. */
  readonly tokens: number
  /** Whether a budget in force holds the key. */
  readonly budgeted: boolean
  /** The decision, for whoever asks later. */
  explain (): LimitSeen[]
  /** The same as JSON, as every request's row holds it. */
  readonly explanation: string
  /** It reached a provider, and this is what it used. */
  settle (used: Spent): void
  /** It never did: it costs nothing. */
  release (): void
  /** What it used will never be known: everything that was held is used. */
  expire (): void
}

/** A hold of the store's. */
export class StoreHold implements Hold {
  readonly cap: number | undefined
  /** Whether something still comes of the request. Where not, the hold was forgotten. */
  readonly alive: () => boolean
  /** In the order of the demands. */
  readonly limits: Limit[]
  readonly granted: Granted
  /** The sweeper's own. */
  place: Place<StoreHold> | undefined
  readonly #store: QuotaStore
  readonly #onEnd: (hold: StoreHold, used: Spent | undefined) => void
  /** ms since 1970, when it was granted. */
  readonly #since = Date.now()
  #open = true

  constructor (store: QuotaStore, granted: Granted, { limits, cap, alive, onEnd }: {
    limits: Limit[]
    cap: number | undefined
    alive: () => boolean
    /** @param used `undefined` where that is not known */
    onEnd: (hold: StoreHold, used: Spent | undefined) => void
  }) {
    this.#store = store
    this.granted = granted
    this.limits = limits
    this.cap = cap
    this.alive = alive
    this.#onEnd = onEnd
  }

  get id (): string {
    return this.granted.id
  }

  get money (): number {
    return this.#held('money')
  }

  get tokens (): number {
    return this.#held('tokens')
  }

  get budgeted (): boolean {
    return this.limits.some(({ unit, dryRun }) => unit === 'money' && !dryRun)
  }

  get explanation (): string {
    const { demands, held, levels, exceeded } = this.granted
    const seen = this.limits.map((limit, index) => {
      const window = demands[index]?.window
      const { used = 0, resetIn = 0 } = levels[index] ?? {}
      const ends = window?.kind === 'length' && Number.isFinite(resetIn) ? `,"windowMs":${window.ms},"resetAt":${Math.round(this.#since + resetIn)}` : ''
      return `{${factsOf(limit)},"used":${used},"held":${held[index] ?? 0}${ends}${exceeded.includes(index) ? ',"exceeded":true' : ''}}`
    })
    return `[${seen.join(',')}]`
  }

  explain (): LimitSeen[] {
    return JSON.parse(this.explanation) as LimitSeen[]
  }

  settle (used: Spent): void {
    this.#end(this.limits.map(({ unit }) => amountOf(unit, used)), used)
  }

  release (): void {
    this.#end(this.limits.map(() => 0), NOTHING)
  }

  expire (): void {
    this.#end(this.granted.held, undefined)
  }

  #end (amounts: number[], used: Spent | undefined): void {
    if (!this.#open) return
    this.#open = false
    if (this.limits.length > 0) this.#store.settle(this.granted, amounts)
    this.#onEnd(this, used)
  }

  #held (unit: Limit['unit']): number {
    return Math.max(0, ...this.limits.map((limit, index) => limit.unit === unit ? this.granted.held[index] ?? 0 : 0))
  }
}

/** What of a limit stands in every row alike, as JSON: made once. */
const facts = new WeakMap<Limit, string>()
function factsOf (limit: Limit): string {
  let text = facts.get(limit)
  if (text === undefined) {
    const { name, owner, unit, per, limit: most, dryRun } = limit
    text = JSON.stringify({ name, owner, unit, per, limit: most, ...dryRun && { dryRun } }).slice(1, -1)
    facts.set(limit, text)
  }
  return text
}

const NOTHING: Spent = { requests: 0, tokens: 0, cost: 0 }

/** In the unit of a limit. */
export function amountOf (unit: Limit['unit'], { requests, tokens, cost }: Spent): number {
  switch (unit) {
    case 'requests': return requests
    case 'tokens': return tokens
    case 'money': return cost
    case 'parallel': return 0
  }
}
