/** The source's models in the catalogue's own terms. */
import type { Model, Price, Tier } from '../../plugins/prices/schema.ts'
import type { Match, SourceModel, SourceRates } from './source.ts'

const rates = {
  input_mtok: 'input',
  output_mtok: 'output',
  cache_read_mtok: 'cache_read',
  cache_write_mtok: 'cache_write',
  cache_write_1h_mtok: 'cache_write_1h',
  output_reasoning_mtok: 'reasoning',
  input_audio_mtok: 'audio_input',
  output_audio_mtok: 'audio_output'
} as const

/** Fees of server tools, which no usage record tells; and a discount on cached audio, which has no bucket of its own. */
const LEFT_OUT = /_searches_kcount$|^cache_audio_read_mtok$/

export function translateModel ({ id, match, context_window: window, prices }: SourceModel): Model {
  const names = patterns(match)
  const known = {
    id,
    ...names.match.join() !== id && { match: names.match },
    ...names.not.length > 0 && { not: names.not },
    ...window !== undefined && { context_window: window }
  }
  const unpriced = whyUnpriced(id, prices)
  if (unpriced !== undefined) return { ...known, unpriced }
  const list = Array.isArray(prices) ? prices : [{ prices }]
  return { ...known, prices: list.map(({ prices, constraint }) => ({ ...translateRates(prices), ...conditions(constraint) })) }
}

/** A model is kept without a price rather than left out, lest a shorter name with a price take its place. */
function whyUnpriced (id: string, prices: SourceModel['prices']): string | undefined {
  const all = (Array.isArray(prices) ? prices.map((entry) => entry.prices) : [prices]).map((entry) => Object.keys(entry))
  if (all.some((keys) => keys.length === 0) && !id.endsWith(':free')) return 'the source has no price'
  const odd = all.flat().find((key) => !(key in rates) && key !== 'requests_kcount' && !LEFT_OUT.test(key))
  return odd === undefined ? undefined : `${odd.replace(/_(mtok|kcount)$/, '').replaceAll('_', ' ')} cannot be told from a usage record`
}

function conditions (constraint: { type: 'start_date', start_date: string } | { type: 'time_of_date', start_time: string, end_time: string } | undefined): Pick<Price, 'from' | 'hours'> {
  if (constraint === undefined) return {}
  return constraint.type === 'start_date' ? { from: constraint.start_date } : { hours: [`${clock(constraint.start_time)}-${clock(constraint.end_time)}`] }
}

function clock (text: string): string {
  const [, minutes] = /^(\d\d:\d\d):00Z$/.exec(text) ?? []
  if (minutes === undefined) throw new Error(`not a whole minute in UTC: ${text}`)
  return minutes
}

function translateRates (source: SourceRates): Price {
  const price: Price = { input: 0, output: 0 }
  const tiers = new Map<number, Tier>()
  for (const [key, value] of Object.entries(source)) {
    if (LEFT_OUT.test(key)) continue
    if (key === 'requests_kcount') {
      price.per_request = exact(Number(value) / 1000)
      continue
    }
    const rate = rates[key as keyof typeof rates]
    price[rate] = exact(typeof value === 'number' ? value : value.base)
    for (const { start, price } of typeof value === 'number' ? [] : value.tiers) {
      tiers.set(start, { ...tiers.get(start) ?? { above: start }, [rate]: exact(price) })
    }
  }
  return tiers.size === 0 ? price : { ...price, tiers: [...tiers.values()].sort((a, b) => a.above - b.above) }
}

/** Rates are counted in nano-dollars per million tokens: what a third of a dollar is beyond that is cut. */
function exact (dollars: number): number {
  return Math.round(dollars * 1e9) / 1e9
}

/** Its rules for names are few enough to be said with `*` and `#`. */
function patterns (rule: Match): { match: string[], not: string[] } {
  if ('or' in rule) {
    const parts = rule.or.map(patterns)
    return { match: [...new Set(parts.flatMap(({ match }) => match))], not: [...new Set(parts.flatMap(({ not }) => not))] }
  }
  if ('and' in rule) {
    const [one, ...others] = rule.and.map(patterns).sort((a, b) => a.not.length - b.not.length)
    if (one === undefined || others.some(({ match }) => match.length > 0)) throw new Error(`cannot be said: ${JSON.stringify(rule)}`)
    return { match: one.match, not: [...one.not, ...others.flatMap(({ not }) => not)] }
  }
  if ('regex' in rule) return fromRegex(rule.regex)
  const [[kind, text] = ['', '']] = Object.entries(rule)
  if (/[*#]/.test(text)) throw new Error(`holds "*" or "#": ${text}`)
  return { match: [kind === 'starts_with' ? `${text}*` : kind === 'ends_with' ? `*${text}` : kind === 'contains' ? `*${text}*` : text], not: [] }
}

const NOT_SPEECH = '^(?!.*-[tT][tT][sS](?:$|-))'

function fromRegex (regex: string): { match: string[], not: string[] } {
  if (regex === NOT_SPEECH) return { match: [], not: ['*-tts', '*-tts-*'] }
  const [, body = '', end] = /^\^(.*?)(\$?)$/.exec(regex) ?? []
  const text = body.replaceAll(/\\d(?:\{(\d)\})?/g, (_, count = '1') => '#'.repeat(Number(count))).replaceAll('\\.', '.').replaceAll(/\\([[\]])/g, '$1')
  if (text === '' || /[\\^$*+?(){}|]/.test(text)) throw new Error(`cannot be said: ${regex}`)
  return { match: [end === '' ? `${text}*` : text], not: [] }
}
