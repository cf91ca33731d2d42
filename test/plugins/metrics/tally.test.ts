import t from 'tap'
import type { VirtualKey } from '../../../plugins/keys/index.ts'
import { Exchange } from '../../../plugins/logging/exchange.ts'
import { Tally } from '../../../plugins/metrics/tally.ts'
import type { ModelPrice } from '../../../plugins/prices/index.ts'

const KEY = { id: 'k', label: 'team', models: ['listed', 'pattern*'], modelAliases: new Map([['fast', 'local-7b']]) } as unknown as VirtualKey

/** Prices for every model that begins with `priced`. */
const prices = { find: (_provider: string, model: string) => model.startsWith('priced') ? { model } as ModelPrice : undefined }
const untimed = { total: () => () => {}, firstByte: () => () => {} }

function exchange (model: string, rest: Partial<Exchange> = {}): Exchange {
  return Object.assign(new Exchange({
    id: 'i', rowId: 'i', key: KEY, method: 'POST', path: '/', provider: 'acme', model, clientDialect: 'd', upstreamDialect: 'd', stream: false
  }), rest)
}

/** Differences of a clock are no round numbers. */
const round = (seconds: number): number => Math.round(seconds * 1e6) / 1e6
const models = (tally: Tally): string[] => [...tally.series].map(({ labels }) => labels.model)

t.test('a model is told apart where it has a price, or the key\'s entry names it', async (t) => {
  const tally = new Tally(prices, untimed)
  for (const model of ['priced', 'listed', 'local-7b', 'pattern*', 'patterned', 'sk-a-key-by-mistake', '']) tally.add(exchange(model))
  t.same(models(tally), ['priced', 'listed', 'local-7b', 'other', 'none'])
})

t.test('the model is the one that the provider was asked for', async (t) => {
  const tally = new Tally(prices, untimed)
  tally.add(new Exchange({ ...exchange('fast'), sentModel: 'local-7b' }))
  t.same(models(tally), ['local-7b'])
})

t.test('a hundred models are told apart, however many there are', async (t) => {
  const tally = new Tally(prices, untimed)
  for (let i = 0; i < 1000; i++) tally.add(exchange(`priced-${i}`))
  for (let i = 0; i < 1000; i++) tally.add(exchange(`priced-${i}`))
  t.equal(models(tally).length, 101)
  t.equal([...tally.series].find(({ labels }) => labels.model === 'other')?.requests, 1800)
  t.equal([...tally.series].find(({ labels }) => labels.model === 'priced-99')?.requests, 2)
})

t.test('what is counted of a request', async (t) => {
  const times: Array<[string, number]> = []
  const tally = new Tally(prices, {
    total: () => (seconds) => times.push(['total', round(seconds)]),
    firstByte: () => (seconds) => times.push(['first', round(seconds)])
  })
  const one = exchange('priced', { attempts: 3, usage: { input: 5, output: 7 }, usageSource: 'provider', charge: { cost: 42, version: 'v', model: 'priced', rates: {} as never } })
  one.firstByteAt = one.start + 250
  one.endedAt = one.start + 1500
  tally.add(one)
  tally.add(exchange('priced', { usage: { cacheRead: 1 }, usageSource: 'estimated' }))
  tally.add(exchange('priced', { usage: { input: 0 }, usageSource: 'partial' }))
  const [series] = tally.series
  t.match(series, {
    requests: 3,
    attempts: 3,
    cost: 42,
    unpriced: 1,
    tokens: { input: 5, output: 7, cacheRead: 1, reasoning: 0 },
    sources: { provider: 1, estimated: 1, partial: 1, none: 0 }
  })
  t.same(times, [['total', 1.5], ['first', 0.25], ['total', 0], ['total', 0]])
})

t.test('outcomes are told apart', async (t) => {
  const tally = new Tally(prices, untimed)
  for (const outcome of ['done', 'timeout', 'done'] as const) tally.add(exchange('priced', { outcome }))
  t.same([...tally.series].map(({ labels, requests }) => [labels.outcome, requests]), [['done', 2], ['timeout', 1]])
})

t.test('errors are counted by the gateway\'s own words only', async (t) => {
  const tally = new Tally(prices, untimed)
  for (const error of ['upstream_broke', 'whatever a provider says', 'constructor', undefined]) tally.add(exchange('priced', { error }))
  const [series] = tally.series
  t.same([...series?.errors ?? []], [['upstream_broke', 1], ['other', 2]])
})
