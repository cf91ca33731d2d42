import type { Prices } from '../prices/index.ts'
import { demandsOf, type Ask, type Demands } from './demands.ts'
import type { Demand, Level } from './store.ts'

/** Bytes that a cap takes of a body which had none, at most. */
const FIELD = 64
/** Tokens below which a cap is of no help: there are endpoints that take none, and are told this many. */
const LEAST = 16

/**
 * The largest cap on its answers with which a refused request would go through as all its limits stand; `undefined` where
 * none would be of help.
 *
 * @param levels of the limits that it was refused in, in their order
 */
export function fittingCap (ask: Ask, { limits, elastic, output = elastic?.least ?? 0 }: Demands, levels: Level[], prices: Prices): number | undefined {
  const { spend } = ask
  const bound = spend?.bound()
  if (spend === undefined || bound === undefined || !bound.generates || output === 0) return undefined
  const { bytes, tokens } = spend
  const more = elastic === undefined ? 0 : FIELD
  const capped = (output: number): Demand[] => demandsOf({
    ...ask,
    spend: { ...spend, bytes: bytes + more, ...tokens !== undefined && { tokens: tokens + more }, bound: () => ({ ...bound, output }) }
  }, limits, prices).demands
  const [none, all] = [capped(0), capped(output)]
  const cap = Math.min(...none.map((demand, index) => {
    const room = demand.limit - (levels[index]?.used ?? 0)
    if (demand.dryRun) return Infinity
    if (demand.limit === 0 || demand.base > room) return 0
    // Of several targets each has its own rates: what it takes is convex in the output, and nowhere above this line.
    const each = ((all[index]?.base ?? 0) - demand.base) / output
    return each === 0 ? Infinity : Math.floor((room - demand.base) / each)
  }))
  return cap >= LEAST && cap < output ? cap : undefined
}
