import { toBatchRates, toRates, type Rates } from './rates.ts'
import { schedule } from './schedule.ts'
import type { Batch, Model, Price } from './schema.ts'

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
  /** The same in a batch; `undefined` where what that costs is not known. */
  batchAt (time: number, promptTokens: number): Rates | undefined
  /** Above how many prompt tokens other rates count at a moment. */
  tiers (time: number): number[]
}

/**
 * A model's entry, its numbers turned into integers once. `undefined` where it has no price.
 *
 * @param batch what batches of its provider cost, where the entry says nothing of them
 */
export function modelPrice (entry: Model, source: string, override: boolean, batch?: number): ModelPrice | undefined {
  const [first, ...later] = entry.prices?.map((price) => compile(price, price.batch ?? batch)) ?? []
  if (first === undefined) return undefined
  const current = (time: number): Compiled => later.findLast(({ holds }) => holds(time)) ?? first
  return {
    model: entry.id,
    source: entry.reason === undefined ? source : `${source}, corrected${entry.as_of === undefined ? '' : ` on ${entry.as_of}`}: ${entry.reason}`,
    override,
    ...entry.context_window !== undefined && { contextWindow: entry.context_window },
    ...entry.max_output_tokens !== undefined && { maxOutputTokens: entry.max_output_tokens },
    at: (time, promptTokens) => tierOf(current(time), promptTokens).rates,
    batchAt: (time, promptTokens) => tierOf(current(time), promptTokens).batch,
    tiers: (time) => current(time).tiers.map(({ above }) => above)
  }
}

interface Compiled {
  holds: (time: number) => boolean
  base: Compared
  tiers: Array<Compared & { above: number }>
}

/** Rates for a length of prompts. */
interface Compared { rates: Rates, batch: Rates | undefined }

function tierOf ({ base, tiers }: Compiled, promptTokens: number): Compared {
  return tiers.findLast(({ above }) => promptTokens > above) ?? base
}

function compile (price: Price, batch: Batch | undefined): Compiled {
  const tiers = (price.tiers ?? []).toSorted((a, b) => a.above - b.above)
  const rates = (count: number): Compared => {
    // A tier keeps what the one below it set and it leaves out itself.
    const over = tiers.slice(0, count)
    return { rates: toRates(price, ...over), batch: batch === undefined ? undefined : toBatchRates(batch, price, ...over) }
  }
  return { holds: schedule(price), base: rates(0), tiers: tiers.map(({ above }, index) => ({ above, ...rates(index + 1) })) }
}
