import t from 'tap'
import type { Bound } from '../../../providers/dialects/dialect.ts'
import { modelPrice, type ModelPrice } from '../../../plugins/prices/model.ts'
import { costOf, promptTokens } from '../../../plugins/prices/rates.ts'
import type { Model, Price } from '../../../plugins/prices/schema.ts'
import type { Prices } from '../../../plugins/prices/index.ts'
import { FLOOR, moneyOf, sizeOf, tokensOf, type Size, type Spend } from '../../../plugins/quota/ceiling.ts'
import { holdOf } from '../../../plugins/quota/memory.ts'

const NOON = Date.UTC(2026, 10, 26, 12)
const DOLLAR = 1e9

function priced (entry: Partial<Model> & { prices: Price[] }): ModelPrice {
  return modelPrice({ id: 'm', ...entry }, 'test', true) as ModelPrice
}

function pricesOf (models: Record<string, ModelPrice>): Prices {
  return { version: 'test', find: (_provider, model) => models[model], charge: () => undefined }
}

function bound (more: Partial<Bound> = {}): Bound {
  return { plain: true, added: 0, choices: 1, generates: true, unbounded: [], ...more }
}

function spend (bounds: Bound | undefined, more: Partial<Spend> = {}): Spend {
  return { targets: [{ provider: 'p', model: 'm' }], bytes: 1000, bound: () => bounds, capable: true, ...more }
}

const simple = pricesOf({ m: priced({ context_window: 100_000, max_output_tokens: 5000, prices: [{ input: 1, output: 10 }] }) })

function sized (bounds: Bound, prices: Prices = simple, more: Partial<Spend> = {}, time = NOON): { size: Size, money: ReturnType<typeof moneyOf>, tokens: ReturnType<typeof tokensOf> } {
  const ask = spend(bounds, more)
  const size = sizeOf(ask, prices) as Size
  return { size, money: moneyOf(size, ask, time, prices), tokens: tokensOf(size) }
}

t.test('a plain prompt is bounded by its bytes, any other by the context window', async (t) => {
  t.match(sized(bound({ output: 50, choices: 2, added: 24 })), { tokens: { base: 1124, each: 0 }, money: { base: 1_024_000 + 1_000_000, each: 0 }, size: { elastic: undefined } })
  t.match(sized(bound({ output: 50, plain: false })), { tokens: { base: 100_050, each: 0 }, money: { base: 100_000_000 + 500_000 } })
  t.match(sized(bound({ generates: false })), { tokens: { base: 1000, each: 0 }, money: { base: 1_000_000, each: 0 } })
})

t.test('without a cap it grows with the output, between a floor and the model\'s maximum', async (t) => {
  t.match(sized(bound({ choices: 3 })), { size: { elastic: { least: FLOOR, most: 5000 } }, tokens: { base: 1000, each: 3 }, money: { base: 1_000_000, each: 30_000 } })
  const small = pricesOf({ m: priced({ max_output_tokens: 100, prices: [{ input: 1, output: 1 }] }), n: priced({ context_window: 4000, prices: [{ input: 2, output: 1 }] }) })
  t.match(sized(bound(), small), { size: { elastic: { least: 100, most: 100 } } })
  t.match(sized(bound(), small, { targets: [{ provider: 'p', model: 'n' }] }), { size: { elastic: { least: FLOOR, most: 3000 } } }, 'what the prompt leaves of the window')
  t.match(sized(bound(), small, { targets: [{ provider: 'p', model: 'n', maxOutputTokens: 700 }] }), { size: { elastic: { most: 700 } } }, 'as the provider\'s file has it')
  t.match(sized(bound(), small, { targets: [{ provider: 'p', model: 'n' }, { provider: 'p', model: 'm' }] }), {
    size: { elastic: { least: 100, most: 100 } }, money: { base: 2_000_000 }
  }, 'of several targets the dearest, and a cap that all take')
})

t.test('the dearest rates that can apply', async (t) => {
  const cached = pricesOf({ m: priced({ prices: [{ input: 1, output: 10, cache_read: 0.1, cache_write: 1.25, cache_write_1h: 2, reasoning: 12, per_request: 0.5 }] }) })
  t.equal(sized(bound({ output: 100 }), cached).money.base, DOLLAR / 2 + 1_000_000 + 1_200_000)
  t.equal(sized(bound({ output: 0, cacheWrite: '5m' }), cached).money.base, DOLLAR / 2 + 1_250_000)
  t.equal(sized(bound({ output: 0, cacheWrite: '1h' }), cached).money.base, DOLLAR / 2 + 2_000_000)
  const tiered = pricesOf({ m: priced({ prices: [{ input: 2, output: 10, tiers: [{ above: 200, input: 1, output: 20 }, { above: 1000, input: 9, output: 90 }] }] }) })
  t.equal(sized(bound({ output: 100 }), tiered).money.base, 2_000_000 + 2_000_000, 'of each tier that the prompt can reach')
  const hourly = pricesOf({ m: priced({ prices: [{ input: 1, output: 1 }, { input: 5, output: 1, hours: ['12:40-14:00'] }] }) })
  t.equal(sized(bound({ output: 0 }), hourly).money.base, 5_000_000, 'of the hour to come')
  t.equal(sized(bound({ output: 0 }), hourly, {}, NOON - 3_600_000).money.base, 1_000_000)
})

t.test('what has no bound is refused by name', async (t) => {
  const none = pricesOf({})
  const refused = (bounds: Bound | undefined, prices: Prices, more: Partial<Spend> = {}): unknown => {
    try {
      const ask = spend(bounds, more)
      return moneyOf(sizeOf(ask, prices) as Size, ask, NOON, prices)
    } catch (error) {
      return error
    }
  }
  t.match(refused(undefined, simple), { code: 'unbounded_cost', status: 400 })
  t.match(refused(bound({ unbounded: ['tools[1] (search)', 'service_tier'] }), simple), { code: 'unbounded_cost', message: /tools\[1\] \(search\), service_tier/ })
  t.match(refused(bound({ output: 1, plain: false }), none), { code: 'unbounded_cost', message: /'m' of provider p a price with "context_window" in PRICES_FILE/ })
  t.match(refused(bound(), none), { code: 'unbounded_cost', message: /no cap on its output.*"max_output_tokens"/ })
  t.match(refused(bound(), simple, { capable: false }), { code: 'unbounded_cost', message: /the gateway cannot/ })
  t.match(refused(bound({ output: 1 }), none), { code: 'price_unknown', status: 400, param: 'model', message: /'m' of provider p .*PRICES_FILE/ })
  t.equal(sizeOf(spend(bound({ free: true })), none), undefined)
})

t.test('no usage within the bounds costs more than the hold', async (t) => {
  let seed = 5
  const random = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
  const rate = (): number => random(50_000_000) / 1_000_000
  for (let run = 0; run < 5000; run++) {
    const tiers = Array.from({ length: random(3) }, (_, i) => ({ above: 500 * (i + 1), input: rate(), output: rate() }))
    const price = priced({
      context_window: 2000,
      max_output_tokens: 700,
      prices: [
        { input: rate(), output: rate(), cache_read: rate(), cache_write: rate(), cache_write_1h: rate(), reasoning: rate(), per_request: random(3) / 7, ...tiers.length > 0 && { tiers } },
        ...random(2) === 0 ? [{ input: rate(), output: rate(), hours: ['12:15-12:30'] }] : []
      ]
    })
    const bounds = bound({ choices: 1 + random(3), plain: random(2) === 0, ...random(2) === 0 && { output: random(900) }, ...random(2) === 0 && { cacheWrite: random(2) === 0 ? '5m' : '1h' } })
    const { size, money, tokens } = sized(bounds, pricesOf({ m: price }))
    const granted = size.elastic === undefined ? 0 : size.elastic.least + random(size.elastic.most - size.elastic.least + 1)
    let prompt = size.inputs[0] ?? 0
    let output = (size.elastic === undefined ? bounds.output ?? 0 : granted) * bounds.choices
    // Most often all of it: the bound must be right at its edge.
    const part = (rest: number): number => random(3) === 0 ? random(rest + 1) : rest
    const take = (from: number): number => Math.min(from, part(from))
    const cacheWrite5m = bounds.cacheWrite === undefined || random(2) === 0 ? 0 : take(prompt)
    prompt -= cacheWrite5m
    const cacheWrite1h = bounds.cacheWrite !== '1h' || random(2) === 0 ? 0 : take(prompt)
    prompt -= cacheWrite1h
    const cacheRead = random(2) === 0 ? 0 : take(prompt)
    prompt -= cacheRead
    const reasoning = random(2) === 0 ? 0 : take(output)
    output -= reasoning
    const usage = { input: take(prompt), cacheRead, cacheWrite5m, cacheWrite1h, output: take(output), reasoning }
    const cost = costOf(price.at(NOON + 60_000 * [0, 15, 29, 30, 45][random(5)]!, promptTokens(usage)), usage)
    const held = holdOf({ ...money, counter: '', owner: '', unit: 'money', window: { kind: 'held' }, limit: 0, dryRun: false }, granted)
    if (cost > held) throw new Error(`run ${run}: ${cost} of ${held}`)
    const sum = Object.values(usage).reduce((total, bucket) => total + bucket, 0)
    if (sum > tokens.base + granted * tokens.each) throw new Error(`run ${run}: ${sum} tokens`)
  }
  t.pass('5000 requests')
})
