import { formatDollars } from '../money.ts'
import { nearest } from '../nearest.ts'
import type { PriceList } from './list.ts'
import type { Rates } from './rates.ts'

/** The last of each is what it is like where nothing else is known, and then not worth a line. */
const NAMES: Array<[keyof Rates, string, (keyof Rates)?]> = [
  ['input', 'input'],
  ['cacheRead', 'cache read'],
  ['cacheWrite5m', 'cache write, 5 min'],
  ['cacheWrite1h', 'cache write, 1 h'],
  ['output', 'output'],
  ['reasoning', 'reasoning', 'output'],
  ['audioInput', 'audio input', 'input'],
  ['audioOutput', 'audio output', 'output']
]

/** What a model costs at a moment, for people. */
export function show (prices: PriceList, provider: string, model: string, time: number): string {
  const price = prices.find(provider, model)
  if (price === undefined) return ''
  const lengths = [0, ...price.tiers(time)].map((above) => ({ above, of: above === 0 ? 'short prompts' : `above ${above}` }))
  const columns = [
    ...lengths.map(({ above, of }) => ({ head: lengths.length === 1 ? 'alone' : of, rates: price.at(time, above + 1) })),
    ...lengths.flatMap(({ above, of }) => {
      const rates = price.batchAt(time, above + 1)
      return rates === undefined ? [] : [{ head: lengths.length === 1 ? 'in a batch' : `batch, ${of}`, rates }]
    })
  ]
  const width = Math.max(...columns.map(({ head }) => head.length)) + 3
  const row = (name: string, ...cells: string[]): string => `  ${name.padEnd(20)}${cells.map((cell) => cell.padEnd(width)).join('')}`.trimEnd()
  const { request } = price.at(time, 0)
  return [
    `${model} of ${provider}, at ${new Date(time).toISOString()}`,
    row('entry', price.model),
    row('from', price.source),
    row('version', prices.version),
    row('$ per M tokens', ...columns.map(({ head }) => columns.length === 1 ? '' : head)),
    ...NAMES.filter(([rate, , like]) => like === undefined || columns.some(({ rates }) => rates[rate] !== rates[like])).map(([rate, name]) => row(name, ...columns.map(({ rates }) => formatDollars(rates[rate])))),
    ...request > 0 ? [row('$ per request', formatDollars(request))] : [],
    ...price.contextWindow === undefined ? [] : [row('context window', String(price.contextWindow))],
    ...price.maxOutputTokens === undefined ? [] : [row('largest output', String(price.maxOutputTokens))]
  ].join('\n')
}

/** Why there is no price, and what to do. */
export function unknown (prices: PriceList, providers: string[], model: string): string {
  for (const provider of providers) {
    const why = prices.entry(provider, model)?.model.unpriced
    if (why !== undefined) return `"${model}" of ${provider} has no price: ${why}. PRICES_FILE can give it one.`
  }
  const known = providers.flatMap((provider) => prices.models(provider))
  const near = nearest(model, known)
  const hint = near === undefined ? '' : ` Did you mean "${near}"?`
  return `no price is known for "${model}"${providers.length === 1 ? ` of ${providers[0]}` : ''}.${hint} PRICES_FILE can give it one (docs/prices.md).`
}
