import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import config from '../../../plugins/config/index.ts'
import { builtinCatalogue } from '../../../plugins/prices/catalogue.ts'
import plugin from '../../../plugins/prices/index.ts'
import { PriceList } from '../../../plugins/prices/list.ts'
import { readOverrides } from '../../../plugins/prices/overrides.ts'
import type { Provider } from '../../../providers/provider.ts'
import { until } from '../../helper.ts'

const NOW = Date.parse('2026-11-24T20:00:00Z')
const ACME: Provider = { name: 'acme', baseUrl: 'https://acme.example', auth: { header: 'authorization' }, dialects: { 'openai-chat': { path: '/chat' } } }

const read = (content: unknown) => readOverrides(Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)), builtinCatalogue())

/** Prices with overrides in force. */
function list (content: unknown): PriceList {
  const prices = new PriceList(builtinCatalogue(), [ACME, { name: 'deepseek', prices: 'deepseek' }, { name: 'openai', prices: 'openai' }])
  prices.override(read(content), 'prices.json')
  return prices
}

const model = (fields: object = {}): object => ({ id: 'large', prices: [{ input: 2, output: 8 }], ...fields })

t.test('what the operator says goes before the catalogue', async (t) => {
  const prices = list({
    providers: {
      acme: { models: [model({ match: ['large', 'large-*'], not: ['large-old'], context_window: 1000, max_output_tokens: 100 })] },
      openai: { models: [{ id: 'gpt-5.4', prices: [{ input: 1, output: 2, cache_write: 3, per_request: 0.01 }], reason: 'our contract' }, { id: 'gpt-5.4-mini', unpriced: 'not to be used' }] },
      groq: { same_as: 'groq', models: [{ id: 'own', match: ['*own*'], prices: [{ input: 0, output: 0 }] }] }
    }
  })
  t.match(prices.find('acme', 'large-2')?.at(NOW, 0), { input: 2e9, cacheRead: 2e9, cacheWrite1h: 2e9, output: 8e9, reasoning: 8e9, audioInput: 2e9, audioOutput: 8e9, request: 0 })
  t.match(prices.find('acme', 'large'), { model: 'large', source: 'prices.json', override: true, contextWindow: 1000, maxOutputTokens: 100 })
  t.equal(prices.find('acme', 'large-old'), undefined)
  t.match(prices.find('openai', 'gpt-5.4')?.at(NOW, 0), { input: 1e9, cacheWrite5m: 3e9, cacheWrite1h: 3e9, request: 1e7 })
  t.equal(prices.find('openai', 'gpt-5.4')?.source, 'prices.json, corrected: our contract')
  t.equal(prices.find('openai', 'gpt-5.4-mini'), undefined)
  t.equal(prices.find('openai', 'gpt-5.4-nano')?.override, false)
  t.equal(prices.find('groq', 'my-own-llama')?.at(NOW, 0).input, 0)
  t.equal(prices.find('groq', 'llama-3.3-70b-versatile')?.at(NOW, 0).input, 590_000_000, 'all else as the catalogue\'s provider')
  t.match(prices.version, /^\d{4}-\d\d-\d\d\.[0-9a-f]{8}\+[0-9a-f]{8}$/)
  t.equal(new PriceList(builtinCatalogue(), [ACME]).find('acme', 'gpt-5.4'), undefined, 'a server nobody vouches for has no price')
})

t.test('a request is priced as what answered, unless the name has a price of the operator', async (t) => {
  const charge = (prices: PriceList, model: string, servedModel?: string) => prices.charge({ provider: 'openai', model, servedModel, usage: { input: 1_000_000 }, time: NOW })
  const plain = new PriceList(builtinCatalogue(), [{ name: 'openai', prices: 'openai' }])
  t.match(charge(plain, 'gpt-5.4-mini'), { cost: 750_000_000, version: plain.version, model: 'gpt-5.4-mini', rates: { input: 750_000_000 } })
  t.equal(charge(plain, 'deployment-7', 'gpt-5.4-mini-2026-03-17')?.cost, 750_000_000)
  t.equal(charge(plain, 'gpt-5.4-mini', 'something-unknown')?.cost, 750_000_000)
  t.equal(charge(plain, 'gpt-5.4-mini', 'gpt-5.4-nano')?.cost, 200_000_000)
  t.equal(charge(plain, 'deployment-7', 'something-unknown'), undefined)
  const own = list({ providers: { openai: { models: [{ id: 'gpt-5.4-mini', prices: [{ input: 1, output: 1 }] }] } } })
  t.equal(charge(own, 'gpt-5.4-mini', 'gpt-5.4-nano')?.cost, 1e9)
})

t.test('dated prices and tiers of the operator', async (t) => {
  const prices = list({
    providers: {
      acme: {
        models: [model({
          prices: [{ input: 2, output: 8, tiers: [{ above: 2000, input: 8 }, { above: 1000, input: 4, output: 16 }] }, { input: 1, output: 1, from: '2027-01-01' }]
        })]
      }
    }
  })
  const price = prices.find('acme', 'large')
  t.strictSame([1000, 1001, 2001].map((tokens) => [price?.at(NOW, tokens).input, price?.at(NOW, tokens).output]), [[2e9, 8e9], [4e9, 16e9], [8e9, 16e9]])
  t.strictSame(price?.tiers(NOW), [1000, 2000])
  t.equal(price?.at(Date.UTC(2027), 5000).input, 1e9)
})

t.test('what a batch costs: a part of the rates, or rates of its own, and else it is not known', async (t) => {
  const tiers = [{ above: 1000, input: 4 }]
  const prices = list({
    providers: {
      acme: {
        models: [
          model({ id: 'half', prices: [{ input: 2, output: 8, cache_read: 0.25, per_request: 0.01, tiers, batch: 0.5 }, { input: 1, output: 1, from: '2027-01-01' }] }),
          model({ id: 'own', prices: [{ input: 2, output: 8, tiers, batch: { input: 1.5 } }] }),
          model({ id: 'free', prices: [{ input: 2, output: 8, batch: 0 }] }),
          model({ id: 'none' })
        ]
      },
      openai: { models: [{ id: 'gpt-5.4', prices: [{ input: 1, output: 2 }] }] }
    }
  })
  const charge = (name: string, usage: object, provider = 'acme', time = NOW): number | undefined => prices.charge({ provider, model: name, servedModel: undefined, usage, time, batch: true })?.cost
  t.match(prices.find('acme', 'half')?.batchAt(NOW, 0), { input: 1e9, cacheRead: 125e6, output: 4e9, reasoning: 4e9, request: 1e7 }, 'what a request costs beside its tokens stays')
  t.equal(charge('half', { input: 1000, output: 1000 }), 1_000_000 + 4_000_000 + 10_000_000)
  t.equal(charge('half', { input: 1001 }), 2_002_000 + 10_000_000, 'of a long prompt\'s rates too')
  t.equal(charge('half', { input: 1000 }, 'acme', Date.UTC(2027)), undefined, 'a price that says nothing of batches')
  t.equal(charge('own', { input: 1_000_000, cacheRead: 1_000_000, output: 1_000_000 }), 1.5e9 + 1.5e9 + 8e9)
  t.equal(charge('free', { input: 1000 }), 0)
  t.equal(charge('none', { input: 1000 }), undefined, 'not known, and not zero')
  t.equal(charge('gpt-5.4', { input: 1000 }, 'openai'), undefined, 'nor of a price that replaces the catalogue\'s')
  t.equal(charge('gpt-5.4-mini', { input: 1_000_000, cacheRead: 1_000_000, output: 1_000_000 }, 'openai'), 375_000_000 + 37_500_000 + 2_250_000_000, 'the catalogue knows of the provider')
})

t.test('a file with a fault is refused in one line, with the entry and why', async (t) => {
  const price = (fields: object) => ({ providers: { acme: { models: [model({ prices: [{ input: 1, output: 1 }, { input: 1, output: 1, ...fields }] })] } } })
  const cases: Array<[unknown, RegExp]> = [
    ['', /^it is empty$/],
    ['{"providers": {', /^it is not valid JSON: it ends too early$/],
    ['{"providers": {"a": {}, "a": {}}}', /^the same field is there twice: see line 1, column 25$/],
    [[], /^it must be an object with the field "providers", or LiteLLM's/],
    [{}, /^it must be an object with the field "providers"/],
    [{ providers: { acme: 1 } }, /^provider "acme": it must be an object with "models" or "same_as"$/],
    [{ providers: { acme: { model: [] } } }, /^provider "acme": unknown field "model", did you mean "models"\?$/],
    [{ providers: { acme: { models: {} } } }, /^provider "acme": "models" must be a list of models$/],
    [{ providers: { acme: { models: ['large'] } } }, /^provider "acme", model 1: it must be an object with "id" and "prices"$/],
    [{ providers: { acme: { models: [{ prices: [] }] } } }, /^provider "acme", model 1: "id" is missing$/],
    [{ providers: { acme: { models: [{ id: 'large' }] } } }, /^provider "acme", model "large": it must have either "prices" or "unpriced"$/],
    [{ providers: { acme: { models: [model({ match: ['a*b'] })] } } }, /^provider "acme", model "large": "match" must be a list of model names, with "\*" only at their ends$/],
    [{ providers: { acme: { models: [model({ prices: [{ input: 1, output: 1, hours: ['01:00-02:00'] }] })] } } }, /^provider "acme", model "large": its first price must hold at any time/],
    [{ providers: { acme: { same_as: 'grok' } } }, /^provider "acme": "same_as" names "grok", which the catalogue does not have; it has openai, /],
    [price({ input: -1 }), /^provider "acme", model "large", price 2: "input" must be dollars per million tokens: a number from 0 to 100000$/],
    [price({ output: '1' }), /price 2: "output" must be dollars per million tokens/],
    [price({ inptu: 1 }), /price 2: unknown field "inptu", did you mean "input"\?$/],
    [price({ from: '2027-02-30' }), /price 2: "from" must be a date such as 2027-01-31/],
    [price({ hours: ['25:00-26:00'] }), /price 2: "hours" must be a list of times of day in UTC/],
    [price({ days: ['friday'] }), /price 2: "days" must be a list of days of the week/],
    [price({ batch: 2 }), /price 2: "batch" must be a part such as 0\.5, or an object with rates$/],
    [price({ batch: 'half' }), /price 2: "batch" must be a part such as 0\.5/],
    [price({ batch: { inptu: 1 } }), /price 2: unknown field "inptu", did you mean "input"\?$/],
    [price({ batch: { input: -1 } }), /price 2: "batch" must be a part such as 0\.5/],
    [price({ tiers: [{ input: 1 }] }), /price 2: "above" is missing$/],
    [price({ tiers: [{ above: 'many' }] }), /price 2: "above" must be a number of tokens$/],
    [{ providers: { acme: { models: [model({ prices: [{ input: 1 }] })] } } }, /price 1: "output" is missing$/]
  ]
  for (const [content, reason] of cases) t.throws(() => read(content), { name: /Fault$/, message: reason })
})

t.test('LiteLLM\'s file', async (t) => {
  const prices = list({
    sample_spec: { litellm_provider: 'one of https://docs.litellm.ai/docs/providers', input_cost_per_token: 0 },
    'gpt-5.4': {
      litellm_provider: 'openai',
      max_input_tokens: 272_000,
      max_output_tokens: 128_000,
      input_cost_per_token: 2.5e-06,
      input_cost_per_token_above_272k_tokens: 5e-06,
      output_cost_per_token: 1.5e-05,
      cache_read_input_token_cost: 2.5e-07,
      cache_creation_input_token_cost: 3e-06,
      cache_creation_input_token_cost_above_1hr: 6e-06,
      input_cost_per_token_batches: 1.25e-06,
      output_cost_per_token_batches: 7.5e-06
    },
    'acme/large': { litellm_provider: 'acme', input_cost_per_token: 1e-06, output_cost_per_token: 2e-06, off_peak_pricing: { hours_utc: '16:30-00:30', input_cost_per_token: 5e-07 } },
    'acme/ranges': { litellm_provider: 'acme', input_cost_per_token: 1e-06, tiered_pricing: [] },
    'acme/*': { litellm_provider: 'acme', input_cost_per_token: 1e-06, output_cost_per_token: 2e-06 },
    'dall-e-2': { litellm_provider: 'openai', input_cost_per_pixel: 1.9e-08 },
    'moonshot/mine': { litellm_provider: 'moonshot', input_cost_per_token: 1e-06, output_cost_per_token: 2e-06 }
  })
  t.match(prices.find('openai', 'gpt-5.4'), { override: true, contextWindow: 272_000, maxOutputTokens: 128_000 })
  t.match(prices.find('openai', 'gpt-5.4')?.at(NOW, 272_000), { input: 2.5e9, cacheRead: 0.25e9, cacheWrite5m: 3e9, cacheWrite1h: 6e9, output: 15e9 })
  t.match(prices.find('openai', 'gpt-5.4')?.at(NOW, 272_001), { input: 5e9, output: 15e9 })
  t.match(prices.find('openai', 'gpt-5.4')?.batchAt(NOW, 0), { input: 1.25e9, cacheRead: 0.25e9, output: 7.5e9 })
  t.equal(prices.find('acme', 'large')?.batchAt(NOW, 0), undefined)
  t.equal(prices.find('acme', 'large')?.at(NOW, 0).input, 0.5e9)
  t.equal(prices.find('acme', 'large')?.at(NOW - 12 * 3_600_000, 0).input, 1e9)
  t.equal(prices.find('acme', 'ranges'), undefined)
  t.equal(prices.find('openai', 'gpt-5.4-mini')?.override, false, 'what it leaves out is the catalogue\'s')
})

async function build (t: Test, file: string): Promise<{ app: FastifyInstance, lines: Array<{ level: number, msg: string }> }> {
  const lines: Array<{ level: number, msg: string }> = []
  const app = Fastify({ logger: { stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  await app.register(config, { env: { PRICES_FILE: file }, providers: [ACME] })
  await app.register(plugin, { pollInterval: 20 })
  return { app, lines }
}

t.test('PRICES_FILE ends the start where it is bad, and is read again when it changes', async (t) => {
  mkdirSync(t.testdir({}), { recursive: true })
  const file = join(t.testdirName, 'prices.json')
  const write = (content: string): void => {
    writeFileSync(`${file}.tmp`, content)
    renameSync(`${file}.tmp`, file)
  }
  await t.rejects(build(t, file), { message: `${file}: it does not exist: set PRICES_FILE to a file that does, or unset it` })
  write('{"providers": {"acme": {"models": [{"id": "large", "prices": []}]}}}')
  await t.rejects(build(t, file), { message: `${file}: provider "acme", model "large": "prices" must be a list of prices` })

  const content = (input: number): string => JSON.stringify({ providers: { acme: { models: [model({ prices: [{ input, output: 1 }] })] } } })
  write(content(1))
  const { app, lines } = await build(t, file)
  const { version } = app.prices
  const rate = (): number | undefined => app.prices.find('acme', 'large')?.at(NOW, 0).input
  t.equal(rate(), 1e9)
  write(content(3))
  await until(() => rate() === 3e9)
  t.not(app.prices.version, version)
  t.match(lines.at(-1), { msg: 'prices reloaded', models: 1 })
  write('{')
  await until(() => lines.some(({ level }) => level === 50))
  t.match(lines.at(-1)?.msg, /^prices not reloaded, the old ones stay in force: it is not valid JSON/)
  t.equal(rate(), 3e9)
})
