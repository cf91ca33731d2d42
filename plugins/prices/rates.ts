import type { Usage } from '../../providers/dialects/events.ts'
import { BUCKETS, type Bucket } from '../ledger/buckets.ts'
import { toNano } from '../money.ts'
import type { Batch, Price, Tier } from './schema.ts'

/** Whole nano-dollars per million tokens. */
export interface Rates extends Record<Bucket, number> {
  /** Nano-dollars for each request. */
  request: number
}

const MILLION = 1_000_000

/** Rates as a file has them, those it leaves out filled in. */
export function toRates (price: Price, ...over: Array<Partial<Tier>>): Rates {
  const {
    input, output, cache_read: read = input, cache_write: write = input, cache_write_1h: hour = write, reasoning = output,
    audio_input: audioInput = input, audio_output: audioOutput = output, per_request: request = 0
  }: Price = Object.assign({}, price, ...over)
  return {
    input: toNano(input),
    cacheRead: toNano(read),
    cacheWrite5m: toNano(write),
    cacheWrite1h: toNano(hour),
    output: toNano(output),
    reasoning: toNano(reasoning),
    audioInput: toNano(audioInput),
    audioOutput: toNano(audioOutput),
    request: toNano(request)
  }
}

/** The same in a batch, of which a part of them counts, or rates of its own. */
export function toBatchRates (batch: Batch, price: Price, ...over: Array<Partial<Tier>>): Rates {
  if (typeof batch === 'object') return toRates(price, ...over, batch)
  const rates = toRates(price, ...over)
  for (const bucket of BUCKETS) rates[bucket] = Math.round(rates[bucket] * batch)
  return rates
}

/** How long the prompt was, by which its tier is chosen. */
export function promptTokens ({ input = 0, cacheRead = 0, cacheWrite5m = 0, cacheWrite1h = 0, audioInput = 0 }: Usage): number {
  return input + cacheRead + cacheWrite5m + cacheWrite1h + audioInput
}

/** What a request cost, in nano-dollars: exact, and rounded half up once at the end. */
export function costOf (rates: Rates, usage: Usage): number {
  let sum = 0
  for (const bucket of BUCKETS) sum += (usage[bucket] ?? 0) * rates[bucket]
  // Terms are never negative, so that none was beyond it either.
  const exact = sum <= Number.MAX_SAFE_INTEGER - MILLION
  return rates.request + (exact ? Math.floor((sum + MILLION / 2) / MILLION) : largeCost(rates, usage))
}

/** The same, where products pass what a number holds exactly. */
function largeCost (rates: Rates, usage: Usage): number {
  let sum = 0n
  for (const bucket of BUCKETS) sum += BigInt(usage[bucket] ?? 0) * BigInt(rates[bucket])
  return Number((sum + BigInt(MILLION / 2)) / BigInt(MILLION))
}

/** Of some rates the texts of all choices that were met. */
const texts = new WeakMap<Rates, Map<number, string>>()

/** Those rates that a request met, as JSON: of the buckets it used, and its own where it has one. There are few, and each text is made once. */
export function ratesMet (rates: Rates, usage: Usage): string {
  let met = 0
  let bit = 1
  for (const bucket of BUCKETS) {
    if ((usage[bucket] ?? 0) > 0) met |= bit
    bit <<= 1
  }
  let known = texts.get(rates)
  if (known === undefined) texts.set(rates, known = new Map())
  let text = known.get(met)
  if (text === undefined) {
    const used = BUCKETS.filter((_, place) => (met & 1 << place) !== 0).map((bucket) => [bucket, rates[bucket]])
    text = JSON.stringify(Object.fromEntries(rates.request === 0 ? used : [...used, ['request', rates.request]]))
    known.set(met, text)
  }
  return text
}
