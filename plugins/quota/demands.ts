import type { Dialect } from '../../providers/dialects/dialect.ts'
import { GatewayError } from '../errors.ts'
import type { VirtualKey } from '../keys/index.ts'
import type { Limit } from '../keys/limits.ts'
import type { Prices } from '../prices/index.ts'
import { moneyOf, sizeOf, tokensOf, type Part, type Spend } from './ceiling.ts'
import { gaugeOf } from './gauges.ts'
import type { Demand, Elastic } from './store.ts'

/** A request that wants a place in the limits of its key. */
export interface Ask {
  /** Unique for ever. */
  id: string
  key: VirtualKey
  /** The client's, in whose headers it is told how the key stands. */
  dialect: Dialect
  /** How many requests it counts as; 0 is none. */
  requests: number
  /** ms since 1970, of its arrival: that decides the windows it counts in. */
  time: number
  /** Absent where it spends nothing but requests, or where nothing else is counted (`Quota.weighs`). */
  spend?: Spend
  /** Whether anything still comes of it: whoever asks has to end the hold before this is false. */
  alive: () => boolean
}

/** What the limits are asked for. */
export interface Demands {
  /** Those that the request takes anything of. */
  limits: Limit[]
  /** In their order. */
  demands: Demand[]
  /** Set where the request does not cap its output. */
  elastic: Elastic | undefined
  /** The tokens of an answer, where it does. */
  output: number | undefined
  /** Whether a limit in force leans on the cap. */
  capped: boolean
  /** Limits in a dry run that would have refused because nothing tells what the request takes of them. */
  unknown: Array<{ limit: Limit, error: GatewayError }>
}

/**
 * @param limits those of the key
 * @throws {GatewayError} where a limit in force is on what the request may use without bound, or at an unknown price
 */
export function demandsOf ({ requests, time, spend }: Ask, limits: Limit[], prices: Prices): Demands {
  const size = spend !== undefined && limits.some(isSpending) ? attempt(() => sizeOf(spend, prices)) : undefined
  const { elastic, output, bound } = size === undefined || size instanceof GatewayError ? NO_SIZE : size
  const asked: Demands = { limits: [], demands: [], elastic, output, capped: false, unknown: [] }
  let money: Part | GatewayError | undefined
  const partOf = (unit: Limit['unit']): Part | GatewayError | undefined => {
    if (unit === 'requests') return requests === 0 ? undefined : { base: requests, each: 0 }
    if (unit === 'parallel') return ONE
    if (size instanceof GatewayError) return size
    if (size === undefined || spend === undefined) return undefined
    if (unit === 'tokens') return tokensOf(size)
    money ??= attempt(() => moneyOf(size, spend, time, prices))
    return money
  }
  for (const limit of limits) {
    const part = partOf(limit.unit)
    if (part === undefined) continue
    const known = !(part instanceof GatewayError)
    if (!known) {
      if (!limit.dryRun) throw part
      asked.unknown.push({ limit, error: part })
    }
    asked.limits.push(limit)
    asked.demands.push({ ...gaugeOf(limit, time), ...known ? part : NOTHING, limit: limit.limit, dryRun: limit.dryRun })
    asked.capped ||= bound?.generates === true && isSpending(limit) && !limit.dryRun
  }
  return asked
}

const NO_SIZE = { elastic: undefined, output: undefined, bound: undefined }
const ONE: Part = { base: 1, each: 0 }
const NOTHING: Part = { base: 0, each: 0 }

export function isSpending ({ unit }: Limit): boolean {
  return unit === 'tokens' || unit === 'money'
}

function attempt<T> (find: () => T): T | GatewayError {
  try {
    return find()
  } catch (error) {
    if (error instanceof GatewayError) return error
    throw error
  }
}
