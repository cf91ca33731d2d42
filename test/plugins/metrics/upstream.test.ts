import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks'
import type { Socket } from 'node:net'
import t from 'tap'
import { CHAT_KEY, REAL_KEY, post, startGateway, startProvider, startRawProvider, until, type TestGateway } from '../../helper.ts'
import { parse, sum, type Sample } from './text.ts'

t.setTimeout(120_000)

const CHAT = '/v1/chat/completions'
const COMPLETION = JSON.stringify({ id: 'c1', object: 'chat.completion', model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'x' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1 } })
const MESSAGE = JSON.stringify({ id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text: 'x' }], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } })
const WELL = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${COMPLETION.length}\r\n\r\n${COMPLETION}`

const ask = (model: string): object => ({ model, messages: [{ role: 'user', content: 'hi' }] })
const of = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })
const scrape = async ({ app }: TestGateway): Promise<Sample[]> => parse(await (await fetch(`${app.metrics?.url}/metrics`)).text()).samples
const counts = (samples: Sample[], name: string): Record<string, number> =>
  Object.fromEntries(samples.filter((sample) => sample.name === name).map(({ labels, value }) => [Object.values(labels).filter((text) => !text.startsWith('http')).join(' '), value]))

t.test('what goes out again is counted by who did not answer, and why', async (t) => {
  const { url } = await startProvider(t, (request, response) => {
    const { model } = JSON.parse(request.body) as { model: string }
    response.setHeader('content-type', 'application/json')
    if (model === 'works') return response.end(COMPLETION)
    response.writeHead(Number(model)).end('{"error":{"message":"no"}}')
  })
  const to = (...models: string[]): Record<string, unknown> => ({ targets: models.map((model) => ({ provider: 'openai', api_key: REAL_KEY, model })) })
  const gateway = await startGateway(t, url, {
    env: { METRICS_PORT: '0', RETRIES: '2', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9' },
    keys: {
      vk_limited_0123456789: to('429', 'works'),
      vk_overloaded_0123456789: to('529', '503', 'works'),
      vk_account_0123456789: to('401', 'works'),
      vk_failed_0123456789: to('500', 'works'),
      vk_away_0123456789: { targets: [{ provider: 'anthropic', api_key: REAL_KEY }, { provider: 'openai', api_key: REAL_KEY, model: 'works' }] },
      vk_last_0123456789: to('500', '529')
    }
  })
  for (const key of ['limited', 'overloaded', 'account', 'failed', 'away']) {
    t.equal((await post(gateway.url + CHAT, ask('m'), of(`vk_${key}_0123456789`))).status, 200, key)
  }
  t.equal((await post(gateway.url + CHAT, ask('429'))).status, 429)
  t.equal((await post(gateway.url + CHAT, ask('m'), of('vk_last_0123456789'))).status, 529)
  await until(() => gateway.app.exchanges.open === 0)
  const samples = await scrape(gateway)
  t.same(counts(samples, 'llm_gateway_fallbacks_total'), {
    'openai rate_limited': 1, 'openai overloaded': 2, 'openai account': 1, 'openai failed': 2, 'anthropic upstream_unreachable': 1
  })
  t.same(counts(samples, 'llm_gateway_retries_total'), { 'openai rate_limited': 2, 'openai overloaded': 2 })
  const again = sum(samples, 'llm_gateway_retries_total') + sum(samples, 'llm_gateway_fallbacks_total')
  t.equal(sum(samples, 'llm_gateway_attempts_total'), sum(samples, 'llm_gateway_requests_total') + again, 'every attempt is a request\'s first, or counted here')
})

t.test('a request that meets a dead connection of the pool goes out again, and that is counted too', async (t) => {
  let requests = 0
  const { url } = await startRawProvider(t, (socket) => {
    // The second on the same connection is broken off unread.
    if (++requests === 2) socket.resetAndDestroy()
    else socket.write(WELL)
  })
  const gateway = await startGateway(t, url, { env: { METRICS_PORT: '0' } })
  for (let i = 0; i < 2; i++) t.equal(await (await post(gateway.url + CHAT, ask('m'))).text(), COMPLETION)
  t.equal(requests, 3)
  await until(() => gateway.app.exchanges.open === 0)
  t.same(counts(await scrape(gateway), 'llm_gateway_retries_total'), { 'openai stale_connection': 1 })
})

t.test('targets are counted by their state, once each, under the names that replies call them', async (t) => {
  let works = false
  const { url } = await startProvider(t, (request, response) => {
    response.setHeader('content-type', 'application/json')
    if (request.headers['x-api-key'] === undefined) return response.end(COMPLETION)
    if (works) return response.end(MESSAGE)
    response.writeHead(529, { 'retry-after': '1' }).end('{"error":{"message":"no"}}')
  })
  const targets = [{ provider: 'anthropic', api_key: REAL_KEY, model: 'm' }, { provider: 'openai', api_key: REAL_KEY }, { provider: 'openai', api_key: 'sk-another-0123456789' }]
  const gateway = await startGateway(t, url, {
    env: { METRICS_PORT: '0' },
    keys: { vk_one_0123456789: { targets }, vk_two_0123456789: { targets }, vk_three_0123456789: { targets: [{ provider: 'anthropic', api_key: 'sk-third-0123456789', model: 'm' }, { provider: 'openai', api_key: REAL_KEY }] } }
  })
  const states = async (): Promise<Record<string, number>> => counts(await scrape(gateway), 'llm_gateway_targets')
  const quiet = { 'anthropic anthropic closed': 2, 'anthropic anthropic half-open': 0, 'anthropic anthropic open': 0, 'openai openai closed': 1, 'openai openai half-open': 0, 'openai openai open': 0, 'openai openai#2 closed': 1, 'openai openai#2 half-open': 0, 'openai openai#2 open': 0 }
  t.same(await states(), quiet)
  const reply = await post(gateway.url + CHAT, ask('m'), of('vk_one_0123456789'))
  t.equal(reply.headers.get('x-gateway-target'), 'openai')
  const open = await states()
  t.equal((open['anthropic anthropic open'] ?? 0) + (open['anthropic anthropic half-open'] ?? 0), 1, 'it rests for a second')
  t.equal(open['anthropic anthropic closed'], 1, 'that of another account does not')
  let now = open
  while (now['anthropic anthropic half-open'] !== 1) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    now = await states()
  }
  works = true
  const tried = await post(gateway.url + CHAT, ask('m'), of('vk_one_0123456789'))
  t.equal(tried.headers.get('x-gateway-target'), 'anthropic')
  await tried.text()
  await until(() => gateway.app.exchanges.open === 0)
  t.same(await states(), quiet)
})

t.test('how full a pool and its queue are, and what found no place', async (t) => {
  const held: Socket[] = []
  const { url } = await startRawProvider(t, (socket) => { held.push(socket) })
  const gateway = await startGateway(t, url, {
    env: { METRICS_PORT: '0', MAX_UPSTREAM_CONNECTIONS: '2', MAX_QUEUE: '3' },
    keys: { vk_hasty_0123456789: { provider: 'openai', api_key: REAL_KEY, timeouts: { request: '200ms' } } }
  })
  const under = Array.from({ length: 4 }, () => post(gateway.url + CHAT, ask('m')))
  await until(() => held.length === 2 && gateway.app.exchanges.open === 4)
  t.equal((await post(gateway.url + CHAT, ask('m'), of('vk_hasty_0123456789'))).status, 503, 'it waits for its time')
  under.push(post(gateway.url + CHAT, ask('m')))
  await until(() => gateway.app.exchanges.open === 5)
  for (let i = 0; i < 2; i++) t.equal((await post(gateway.url + CHAT, ask('m'), of(CHAT_KEY))).status, 503)
  const samples = await scrape(gateway)
  const at = (name: string, labels: Record<string, string> = {}): number => sum(samples, `llm_gateway_upstream_${name}`, { origin: url, ...labels })
  t.equal(at('connections', { state: 'busy' }), 2)
  t.equal(at('connections_max'), 2)
  t.equal(at('requests', { state: 'queued' }), 3)
  t.equal(at('queue_max'), 3)
  t.equal(at('queue_refusals_total', { reason: 'full' }), 2)
  t.equal(at('queue_refusals_total', { reason: 'late' }), 1)
  for (let answered = 0; answered < 5; answered++) {
    await until(() => held.length > 0)
    held.shift()?.write(WELL)
  }
  for (const one of under) t.equal((await one).status, 200)
})

t.test('what observes the process ends with each gateway in it', async (t) => {
  const delays = Object.getPrototypeOf(monitorEventLoopDelay()) as { enable: () => boolean, disable: () => boolean }
  const observers = PerformanceObserver.prototype
  const calls = { enable: 0, disable: 0, observe: 0, disconnect: 0 }
  const { enable, disable } = delays
  const { observe, disconnect } = observers
  t.teardown(() => {
    Object.assign(delays, { enable, disable })
    Object.assign(observers, { observe, disconnect })
  })
  delays.enable = function () { calls.enable++; return enable.call(this) }
  delays.disable = function () { calls.disable++; return disable.call(this) }
  observers.observe = function (options) { calls.observe++; observe.call(this, options) }
  observers.disconnect = function () { calls.disconnect++; disconnect.call(this) }
  const gateways = []
  for (let i = 0; i < 3; i++) gateways.push(await startGateway(t, 'http://127.0.0.1:9', { env: { METRICS_PORT: '0' } }))
  t.same(calls, { enable: 3, disable: 0, observe: 3, disconnect: 0 })
  for (const { app } of gateways) await app.close()
  t.same(calls, { enable: 3, disable: 3, observe: 3, disconnect: 3 })
})
