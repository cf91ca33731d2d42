import type { Usage } from '../../providers/dialects/events.ts'
import type { Write } from '../database/writer.ts'
import { groupOwner } from '../keys/owner.ts'
import { BUCKET_COLUMNS, countsOf } from './buckets.ts'

/** What one row adds to the sums. */
export interface Addition {
  /** ms since 1970 of the request's arrival: what it cost belongs to the time it was admitted. */
  startedAt: number
  key: string
  keyName: string
  groups: readonly string[]
  provider: string
  model: string
  requests: number
  usage: Usage | undefined
  /** Tokens charged at the hold, of rows whose usage nobody knows any more. */
  heldTokens: number
  /** Nano-dollars; `undefined` where there is no known price. */
  cost: number | undefined
}

/** ms that a row sums up: every time zone's days begin on a quarter of an hour. */
export const SLOT = 15 * 60_000

const NAMES = ['owner', 'slot', 'provider', 'model', 'key_name']

/** What is summed. */
export const TOTALS = ['calls', 'requests', ...BUCKET_COLUMNS, 'held_tokens', 'cost', 'unpriced'] as const

const ADD = `INSERT INTO sums (${[...NAMES, ...TOTALS].join(', ')}) VALUES (${[...NAMES, ...TOTALS].map(() => '?').join(', ')})
ON CONFLICT DO UPDATE SET key_name = excluded.key_name, ${TOTALS.map((total) => `${total} = ${total} + excluded.${total}`).join(', ')}`

/** The tokens of a row of `sums`, as SQL. */
export const TOKENS = [...BUCKET_COLUMNS, 'held_tokens'].join(' + ')

/**
 * Sums by key and group, provider, model and quarter of an hour, written in the same transactions as the rows they are
 * the sums of. They outlive the rows, and are what budgets are rebuilt from.
 */
export class Sums {
  readonly #waiting = new Map<string, { names: [string, number, string, string, string], totals: number[] }>()

  add (addition: Addition): void {
    this.#add(addition.key, addition)
    for (const group of addition.groups) this.#add(groupOwner(group), addition)
  }

  /** What waits, as writes. */
  take (): Write[] {
    if (this.#waiting.size === 0) return []
    const writes = [...this.#waiting.values()].map(({ names, totals }): Write => ({ sql: ADD, values: [...names, ...totals] }))
    this.#waiting.clear()
    return writes
  }

  #add (owner: string, { startedAt, keyName, provider, model, requests, usage = {}, heldTokens, cost }: Addition): void {
    const slot = slotOf(startedAt)
    const name = `${owner}\n${slot}\n${provider}\n${model}`
    let entry = this.#waiting.get(name)
    if (entry === undefined) this.#waiting.set(name, entry = { names: [owner, slot, provider, model, keyName], totals: new Array<number>(TOTALS.length).fill(0) })
    const { totals } = entry
    const known = Object.keys(usage).length > 0
    // In the order of TOTALS.
    const terms = [1, requests, ...countsOf(usage, 0), heldTokens, cost ?? 0, known && cost === undefined ? 1 : 0]
    for (let i = 0; i < terms.length; i++) totals[i] = (totals[i] ?? 0) + (terms[i] ?? 0)
  }
}

/** The quarter of an hour that a moment is in. */
export function slotOf (time: number): number {
  return time - time % SLOT
}
