import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import t from 'tap'
import { isDate, parseMoment } from '../../../plugins/moment.ts'
import { formatDollars, toNano } from '../../../plugins/money.ts'
import { builtinCatalogue, hashOf, readCatalogue } from '../../../plugins/prices/catalogue.ts'
import { PriceList } from '../../../plugins/prices/list.ts'
import { matcher, otherNames } from '../../../plugins/prices/match.ts'
import { costOf, promptTokens, type Rates } from '../../../plugins/prices/rates.ts'
import { schedule } from '../../../plugins/prices/schedule.ts'
import { CatalogueSchema } from '../../../plugins/prices/schema.ts'
import { defaultProviders, loadBuiltin } from '../../../providers/index.ts'
import type { Usage } from '../../../providers/dialects/events.ts'
import { readUsage as readMessagesUsage } from '../../../providers/dialects/anthropic-messages/usage.ts'
import { readUsage as readChatUsage } from '../../../providers/dialects/openai-chat/usage.ts'

const file = readCatalogue()
const prices = new PriceList(builtinCatalogue(), await Promise.all(defaultProviders.map(loadBuiltin)))

/** What a usage costs at a moment, in dollars. */
function dollars (provider: string, model: string, usage: Usage, at = '2026-11-24T20:00:00Z'): string | undefined {
  const price = prices.find(provider, model)
  return price && formatDollars(costOf(price.at(Date.parse(at), promptTokens(usage)), usage))
}

t.test('prices.json is what its schema and its hash say, and can be read line by line', async (t) => {
  const ajv = new Ajv({ formats: { date: isDate, moment: (text) => parseMoment(text) !== undefined } })
  ajv.addKeyword('errorMessage')
  const validate = ajv.compile(CatalogueSchema)
  t.ok(validate(file), JSON.stringify(validate.errors))
  t.equal(file.hash, hashOf(file.providers), 'made by scripts/prices/freeze.ts, not by hand')
  t.match(file.source, { package: '@pydantic/genai-prices', licence: 'MIT', version: /^\d+\.\d+\.\d+$/, date: /^\d{4}-\d\d-\d\d$/ })
  t.equal(prices.version, `${file.source.date}.${file.hash.slice(0, 8)}`)
  const models = Object.values(file.providers).flatMap(({ models }) => models)
  t.ok(models.length > 1000)
  t.strictSame(models.filter(({ prices, unpriced }) => (prices === undefined) === (unpriced === undefined)), [], 'each has either')
  t.strictSame(models.filter(({ prices: [first] = [] }) => ['from', 'hours', 'days', 'except'].some((name) => name in (first ?? {}))), [], 'or at any time a price')
  const text = readFileSync(new URL('../../../prices.json', import.meta.url), 'utf8')
  t.equal(text.split('\n').filter((line) => line.startsWith('      {"id"')).length, models.length)
  t.ok(text.length < 200_000)
  t.ok(readFileSync(new URL('../../../LICENSE', import.meta.url), 'utf8').includes(file.source.copyright))
})

t.test('the providers of the gateway have prices', async (t) => {
  for (const name of defaultProviders) t.ok((await loadBuiltin(name)).prices !== undefined)
  t.equal(dollars('openai', 'gpt-5.4-mini', { input: 1_000_000, output: 1_000_000 }), '5.25')
  t.equal(dollars('anthropic', 'claude-haiku-4-5', { input: 1_000_000, output: 1_000_000 }), '6')
  t.equal(dollars('openai', 'nobody-knows', { input: 1 }), undefined)
  t.equal(dollars('nobody', 'gpt-5.4-mini', { input: 1 }), undefined)
  t.equal(dollars('openai', 'gpt-image-1', { input: 1 }), undefined, 'images cannot be told from a usage record')
})

t.test('cached tokens are not charged twice', async (t) => {
  // maximhq/bifrost#3451, which made 1.85984625 of it.
  const { usage = {} } = readMessagesUsage({ input_tokens: 6, cache_creation_input_tokens: 159_217, cache_read_input_tokens: 0, output_tokens: 2745 })
  t.equal(dollars('anthropic', 'claude-opus-4-7', usage), '1.06376125')
  const { usage: chat = {} } = readChatUsage({ prompt_tokens: 51_232 + 1_188_096, completion_tokens: 12_909, prompt_tokens_details: { cached_tokens: 1_188_096 } })
  t.equal(dollars('openai', 'gpt-5', chat), '0.341642')
})

t.test('cache writes cost 1.25 and 2 times the input', async (t) => {
  for (const model of ['claude-opus-5-5', 'claude-sonnet-4-6', 'claude-haiku-4-5-20251001']) {
    const rates = prices.find('anthropic', model)?.at(Date.now(), 0)
    t.ok(rates)
    t.equal(rates?.cacheWrite5m, (rates?.input ?? 0) * 1.25, model)
    t.equal(rates?.cacheWrite1h, (rates?.input ?? 0) * 2, model)
  }
  const { usage = {} } = readMessagesUsage({ input_tokens: 0, output_tokens: 0, cache_creation: { ephemeral_5m_input_tokens: 1_000_000, ephemeral_1h_input_tokens: 1_000_000 } })
  t.equal(dollars('anthropic', 'claude-opus-5-5', usage), '13')
})

t.test('input doubles for prompts of 272,000 tokens and more, all of it', async (t) => {
  t.equal(dollars('openai', 'gpt-5.6-sol', { input: 271_999, output: 0 }), '1.087996')
  t.equal(dollars('openai', 'gpt-5.6-sol', { input: 272_000, output: 0 }), '2.176')
  t.equal(dollars('openai', 'gpt-5.6-sol', { input: 1, cacheRead: 271_999, output: 1_000_000 }), '30.2176072', 'cached tokens count as prompt')
  t.equal(dollars('openai', 'gpt-5.6-sol', { input: 1_000, output: 0 }, '2026-08-20T23:59:59Z'), '0.005', 'and its price before 21 August 2026')
})

t.test('current names, at the rates of the source: input, from a cache, output', async (t) => {
  for (const [provider, name, input, cacheRead, output] of [
    ['openai', 'gpt-6-astra', 10, 1, 50], ['openai', 'gpt-6-sol', 2, 0.2, 10], ['openai', 'gpt-6-luna', 0.1, 0.01, 0.5], ['openai', 'gpt-5.6-sol', 4, 0.4, 20],
    ['openai', 'gpt-5.5', 5, 0.5, 30], ['openai', 'gpt-5.4', 2.5, 0.25, 15], ['openai', 'gpt-5.4-mini', 0.75, 0.075, 4.5], ['openai', 'gpt-5.4-nano', 0.2, 0.02, 1.25],
    ['openai', 'gpt-5.3-codex', 1.75, 0.175, 14], ['openai', 'text-embedding-3-small', 0.02, 0.02, 0], ['openai', 'text-embedding-3-large', 0.13, 0.13, 0],
    ['anthropic', 'claude-fable-5-1', 10, 0.25, 50], ['anthropic', 'claude-opus-5-5', 4, 0.2, 20], ['anthropic', 'claude-opus-5', 5, 0.5, 25],
    ['anthropic', 'claude-sonnet-5', 2, 0.2, 10], ['anthropic', 'claude-sonnet-4-6', 3, 0.3, 15], ['anthropic', 'claude-haiku-4-5', 1, 0.1, 5]
  ] as const) {
    const rates = prices.find(provider, name)?.at(Date.parse('2026-11-24T20:00:00Z'), 0)
    t.match(rates, { input: toNano(input), cacheRead: toNano(cacheRead), ...output > 0 && { output: toNano(output) } }, name)
  }
})

t.test('the source is no dependency: nothing of it is loaded, or fetched, by a gateway', async (t) => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as Record<string, Record<string, string>>
  t.notOk(file.source.package in { ...dependencies, ...devDependencies, ...optionalDependencies })
})

t.test('a batch costs half where the vendor says so, and is not known elsewhere', async (t) => {
  for (const [provider, model] of [['openai', 'gpt-5.4-mini'], ['openai', 'gpt-5.6-sol'], ['anthropic', 'claude-opus-5-5']] as const) {
    const price = prices.find(provider, model)
    for (const tokens of [0, 300_000]) {
      const [alone, batch] = [price?.at(Date.now(), tokens), price?.batchAt(Date.now(), tokens)]
      for (const rate of ['input', 'cacheRead', 'cacheWrite5m', 'cacheWrite1h', 'output', 'reasoning'] as const) t.equal(batch?.[rate], (alone?.[rate] ?? NaN) / 2, `${model}: ${rate}`)
    }
  }
  t.equal(prices.find('deepseek', 'deepseek-flash')?.batchAt(Date.now(), 0), undefined)
})

t.test('a name is found however it is dated and written', async (t) => {
  for (const [provider, name, entry] of [
    ['anthropic', 'claude-sonnet-4-20250514', 'claude-sonnet-4-0'], ['openai', 'GPT-4o', 'gpt-4o'], ['openai', 'gpt-4o-2024-08-06', 'gpt-4o'],
    ['openai', 'gpt-4o-2024-05-13', 'gpt-4o-2024-05-13'], ['openai', 'gpt-4o-2031-01-01', 'gpt-4o'], ['openai', 'gpt-5.6-sol-2026-08-01', 'gpt-5.6-sol'], ['anthropic', 'claude-opus-5-5-20260901', 'claude-opus-5-5']
  ] as const) t.equal(prices.find(provider, name)?.model, entry, name)
  const resale = new PriceList(builtinCatalogue(), [{ name: 'cloud', prices: 'azure' }])
  t.equal(resale.find('cloud', 'gpt-5.4')?.model, 'gpt-5.4', 'sold on by another provider')
  t.equal(new PriceList(builtinCatalogue(), [{ name: 'kimi', prices: 'moonshotai' }]).find('kimi', 'kimi-k3')?.model, 'kimi-k3', 'by another name of the provider')
})

t.test('deepseek: cached tokens of its own field, peak hours, weekends, holidays, and old names', async (t) => {
  const { usage = {} } = readChatUsage({ prompt_tokens: 2_000_000, completion_tokens: 1_000_000, prompt_cache_hit_tokens: 1_000_000, prompt_cache_miss_tokens: 1_000_000 })
  t.strictSame({ ...usage }, { cacheRead: 1_000_000, input: 1_000_000, output: 1_000_000 })
  const [offPeak, peak] = ['0.753', '1.506']
  for (const model of ['deepseek-flash', 'deepseek-chat', 'deepseek-reasoner', 'deepseek-v4-flash', 'deepseek-v4-flash-vision-exp']) {
    t.equal(prices.find('deepseek', model)?.model, 'deepseek-flash')
    t.match(prices.find('deepseek', model)?.source, /corrected on 2026-11-24: .*api-docs/)
    // A Tuesday.
    for (const [clock, cost] of [['00:59:59', offPeak], ['01:00:00', peak], ['03:59:59', peak], ['04:00:00', offPeak], ['06:00:00', peak], ['09:59:59', peak], ['10:00:00', offPeak]]) {
      t.equal(dollars('deepseek', model, usage, `2026-11-24T${clock}Z`), cost, `${model} at ${clock}`)
    }
    t.equal(dollars('deepseek', model, usage, '2026-11-28T02:00:00Z'), offPeak, 'on a Saturday')
    t.equal(dollars('deepseek', model, usage, '2026-10-05T02:00:00Z'), offPeak, 'on a holiday')
    t.equal(dollars('deepseek', model, usage, '2026-09-10T03:59:59Z'), '1.774', 'at peak, before V4.1')
    t.equal(dollars('deepseek', model, usage, '2026-08-15T02:00:00Z'), '0.4228', 'before peak hours')
    t.equal(dollars('deepseek', model, usage, '2026-08-22T02:00:00Z'), '1.774', 'on a Saturday that was not yet off-peak')
  }
  t.equal(dollars('deepseek', 'deepseek-v4-pro', usage, '2026-11-24T02:00:00Z'), '5.324')
  t.equal(dollars('deepseek', 'deepseek-v4-pro', usage), '2.662')
})

t.test('a cost is exact, and rounded half up once', async (t) => {
  const rates: Rates = { input: 1, cacheRead: 1, cacheWrite5m: 1, cacheWrite1h: 1, output: 1, reasoning: 1, audioInput: 1, audioOutput: 1, request: 0 }
  t.equal(costOf(rates, { input: 499_999 }), 0)
  t.equal(costOf(rates, { input: 500_000 }), 1)
  t.equal(costOf(rates, { input: 250_000, output: 249_999 }), 0, 'not bucket by bucket')
  t.equal(costOf(rates, { input: 250_000, reasoning: 250_000 }), 1)
  t.equal(costOf({ ...rates, request: 5_000_000 }, {}), 5_000_000)
  t.equal(costOf({ ...rates, output: 600_000_000_001 }, { output: 2_000_000_000 }), 1_200_000_000_002_000, 'beyond what products of numbers hold')
  t.equal(costOf(rates, { input: 9_007_199_254_740_991, output: 9_007_199_254_740_991 }), 18_014_398_509, 'and beyond what they sum to')
  t.equal(toNano(0.003625), 3_625_000)
  t.strictSame([0, 1, 1e9, 1_063_761_250, 9_007_199_254_740_991].map(formatDollars), ['0', '0.000000001', '1', '1.06376125', '9007199.254740991'])
})

t.test('names with open ends and digits', async (t) => {
  for (const [pattern, yes, no] of [
    ['a-b', ['a-b'], ['a-bc', 'xa-b', 'a-']], ['A-*', ['a-', 'a-b'], ['a', 'xa-']], ['*-b', ['-b', 'a-b'], ['a-bc']], ['*b*', ['b', 'abc'], ['ac', '']],
    ['*', ['', 'any'], []], ['a-##', ['a-12'], ['a-1', 'a-1x', 'a-123']], ['a#*', ['a1', 'a1-x'], ['ax']], ['*#b*', ['x1by'], ['xb1']]
  ] as const) {
    for (const name of yes) t.ok(matcher([pattern])(name), `${pattern} takes ${name}`)
    for (const name of no) t.notOk(matcher([pattern])(name), `${pattern} leaves ${name}`)
  }
  t.notOk(matcher([])('a'))
  t.strictSame(otherNames('m-20251231'), ['m-2025-12-31', 'm'])
  t.strictSame(['m', 'm-0613', 'm-20251331', '-20251231'].map(otherNames), [[], [], [], []])
})

t.test('when a price holds', async (t) => {
  const holds = (price: Parameters<typeof schedule>[0], at: string): boolean => schedule(price)(Date.parse(at))
  t.ok(holds({}, '2026-01-01T00:00:00Z'))
  t.strictSame(['2026-01-30T23:59:59.999Z', '2026-01-31T00:00:00Z'].map((at) => holds({ from: '2026-01-31' }, at)), [false, true])
  t.strictSame(['2026-01-31T15:59:59Z', '2026-01-31T16:00:00Z'].map((at) => holds({ from: '2026-02-01T00:00:00+08:00' }, at)), [false, true])
  t.strictSame(['22:29', '22:30', '23:59', '00:00', '05:59', '06:00'].map((clock) => holds({ hours: ['22:30-06:00'] }, `2026-01-31T${clock}:00Z`)), [false, true, true, true, true, false])
  t.strictSame(['2026-01-30', '2026-01-31', '2026-02-01'].map((date) => holds({ days: ['sat', 'sun'] }, `${date}T12:00:00Z`)), [false, true, true])
  t.strictSame(['2026-01-30', '2026-01-31'].map((date) => holds({ except: ['2026-01-31'] }, `${date}T12:00:00Z`)), [true, false])
})
