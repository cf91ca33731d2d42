import { toRates, type Rates } from './rates.ts'
import { schedule } from './schedule.ts'
import type { Model, Price } from './schema.ts'

/** What one model costs. */
export interface ModelPrice {
  /** The entry's id. */
  model: string
  /** Where the price is from, in words. */
  source: string
  /** Whether it is the operator's own. */
  override: boolean
  contextWindow?: number
  maxOutputTokens?: number
  /**
   * The rates at a moment, for a prompt of so many tokens.
   *
   * @param time milliseconds since 1970
   */
  at (time: number, promptTokens: number): Rates
  /** Above how many prompt tokens other rates count at a moment. */
  tiers (time: number): number[]
}

/** A model's entry, its numbers turned into integers once. `undefined` where it has no price. */
export function modelPrice (entry: Model, source: string, override: boolean): ModelPrice | undefined {
  const [first, ...later] = entry.prices?.map(compile) ?? []
  if (first === undefined) return undefined
  const current = (time: number): Compiled => later.findLast(({ holds }) => holds(time)) ?? first
  return {
    model: entry.id,
    source: entry.reason === undefined ? source : `${source}, corrected${entry.as_of === undefined ? '' : ` on ${entry.as_of}`}: ${entry.reason}`,
    override,
    ...entry.context_window !== undefined && { contextWindow: entry.context_window },
    ...entry.max_output_tokens !== undefined && { maxOutputTokens: entry.max_output_tokens },
    at (time, promptTokens) {
      const price = current(time)
      return price.tiers.findLast(({ above }) => promptTokens > above)?.rates ?? price.base
    },
    tiers: (time) => current(time).tiers.map(({ above }) => above)
  }
}

interface Compiled {
  holds: (time: number) => boolean
  base: Rates
  tiers: Array<{ above: number, rates: Rates }>
}

function compile (price: Price): Compiled {
  const tiers = (price.tiers ?? []).toSorted((a, b) => a.above - b.above)
  return {
    holds: schedule(price),
    base: toRates(price),
    // A tier keeps what the one below it set and it leaves out itself.
    tiers: tiers.map(({ above }, index) => ({ above, rates: toRates(price, ...tiers.slice(0, index + 1)) }))
  }
}
