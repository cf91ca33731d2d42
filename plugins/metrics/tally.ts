import type { UsageSource } from '../../providers/dialects/known-usage.ts'
import { errorTable } from '../errors.ts'
import type { Bucket } from '../ledger/buckets.ts'
import type { Exchange, Outcome } from '../logging/exchange.ts'
import type { Prices } from '../prices/index.ts'

/** What tells requests apart. None of it is a client's own choice of words. */
export interface RequestLabels {
  provider: string
  /** The client's. */
  dialect: string
  model: string
  outcome: Outcome
}

/** What is measured of each request by itself. In seconds. */
export interface Timings {
  /** Called once for each set of labels. @returns what takes the times of such requests */
  total (labels: RequestLabels): (seconds: number) => void
  firstByte (labels: RequestLabels): (seconds: number) => void
}

/** What was counted of requests that have all labels in common. */
export class Series {
  readonly labels: RequestLabels
  readonly total: (seconds: number) => void
  readonly firstByte: (seconds: number) => void
  readonly tokens: Record<Bucket, number> = { input: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 0, reasoning: 0, audioInput: 0, audioOutput: 0 }
  readonly sources: Record<UsageSource, number> = { provider: 0, partial: 0, estimated: 0, none: 0 }
  /** By code. */
  readonly errors = new Map<string, number>()
  requests = 0
  attempts = 0
  /** Nano-dollars. */
  cost = 0
  unpriced = 0

  constructor (labels: RequestLabels, timings: Timings) {
    this.labels = labels
    this.total = timings.total(labels)
    this.firstByte = timings.firstByte(labels)
  }
}

/** Names of models that are told apart. */
const MOST_MODELS = 100
/** The label of all others, and of requests that name no model. */
const OTHER = 'other'
const NONE = 'none'

/** Counts requests as they end: a few additions each, since it is on the path of every request. */
export class Tally {
  readonly #prices: Pick<Prices, 'find'>
  readonly #timings: Timings
  readonly #series = new Map<string, Series>()
  readonly #models = new Set<string>()

  constructor (prices: Pick<Prices, 'find'>, timings: Timings) {
    this.#prices = prices
    this.#timings = timings
  }

  get series (): Iterable<Series> {
    return this.#series.values()
  }

  add (exchange: Exchange): void {
    const { usage, charge, attempts, error, start, firstByteAt, endedAt = start } = exchange
    const series = this.#find(exchange)
    series.requests++
    series.attempts += attempts
    series.sources[exchange.usageSource]++
    series.total((endedAt - start) / 1000)
    if (firstByteAt !== undefined) series.firstByte((firstByteAt - start) / 1000)
    if (error !== undefined) {
      // A provider's own word may be any.
      const code = Object.hasOwn(errorTable, error) ? error : OTHER
      series.errors.set(code, (series.errors.get(code) ?? 0) + 1)
    }
    if (usage === undefined) return
    let used = false
    for (const bucket in usage) {
      const count = usage[bucket as Bucket] ?? 0
      series.tokens[bucket as Bucket] += count
      used ||= count > 0
    }
    if (charge !== undefined) series.cost += charge.cost
    else if (used) series.unpriced++
  }

  #find (exchange: Exchange): Series {
    const { provider, clientDialect: dialect, outcome } = exchange
    const model = this.#model(exchange)
    const name = `${provider}\n${dialect}\n${outcome}\n${model}`
    let series = this.#series.get(name)
    if (series === undefined) this.#series.set(name, series = new Series({ provider, dialect, model, outcome }, this.#timings))
    return series
  }

  /**
   * A client may send any text for a model, its key by mistake too. So names are those of the prices and those that
   * keys.json gives the key, and of them the first hundred.
   */
  #model ({ provider, model, sentModel = model, key }: Exchange): string {
    if (sentModel === '') return NONE
    const name = this.#prices.find(provider, sentModel)?.model ?? (isNamed(key, sentModel) ? sentModel : OTHER)
    if (this.#models.has(name)) return name
    if (name === OTHER || this.#models.size >= MOST_MODELS) return OTHER
    this.#models.add(name)
    return name
  }
}

/** Whether the key's entry has the name itself, not just a pattern for it. */
function isNamed ({ models, modelAliases }: Exchange['key'], model: string): boolean {
  if (models?.includes(model) === true && !model.endsWith('*')) return true
  if (modelAliases !== undefined) for (const real of modelAliases.values()) if (real === model) return true
  return false
}
