import type { ServerResponse } from 'node:http'
import t from 'tap'
import { Health } from '../../../plugins/upstream/health.ts'
import { Shared } from '../../../plugins/upstream/shared.ts'
import { CHAT_KEY, REAL_KEY, post, startGateway, startProvider, until, type Teardown, type TestGateway } from '../../helper.ts'
import { startRedis, startWire, withoutRedis } from '../../redis.ts'

const broken = { kind: 'stream' } as const
const asked = (seconds: number) => ({ kind: 'status', status: 429, headers: { 'retry-after': String(seconds) } }) as const
const fail = (health: Health, id: string): void => { for (let i = 0; i < 3; i++) health.failed(id, broken) }
/** Which of two gateways learned something first is known but for the time that a word is on its way to Redis. */
const later = async (): Promise<void> => { await new Promise((resolve) => setTimeout(resolve, 250)) }

async function start (t: Teardown, url: string, every = 20): Promise<{ health: Health, shared: Shared }> {
  const health = new Health()
  const shared = new Shared(health, { url, every, log: { debug () {} } })
  t.teardown(() => shared.close())
  shared.start()
  await until(() => shared.up)
  return { health, shared }
}

t.test('what one gateway learns of a target, all know: at rest, tried, well', { skip: withoutRedis }, async (t) => {
  const redis = await startRedis(t)
  const [a, b] = [(await start(t, redis.url)).health, (await start(t, redis.url)).health]
  a.failed('x', broken)
  fail(a, 'y')
  await until(() => b.state('y') === 'open')
  t.equal(b.state('x'), 'closed', 'one failure is nothing learned')
  t.same(b.order(['y', 'x'], (id) => id), ['x', 'y'])
  const rests = (b.standing('y')?.until ?? 0) - b.now()
  t.ok(rests > 0 && rests <= 10_000, 'as long as there')

  a.failed('z', asked(1))
  await until(() => b.state('z') === 'open')
  await until(() => b.state('z') === 'half-open')
  b.begin('z')
  t.equal(b.state('z'), 'open', 'one request tries it')
  await until(() => a.state('z') === 'open')
  b.worked('z')
  await until(() => a.state('z') === 'closed')

  const late = (await start(t, redis.url)).health
  t.equal(late.state('y'), 'open', 'a gateway that comes later is told at once')
  t.equal(late.state('z'), 'closed')
  late.failed('y', broken)
  await until(() => a.standing('y')?.failures === 4 && b.standing('y')?.rest === 20_000)
})

t.test('while Redis is away each knows for itself; when it is back, what was learned last counts', { skip: withoutRedis }, async (t) => {
  const redis = await startRedis(t)
  const [a, b] = [await start(t, redis.url), await start(t, redis.url)]
  for (const id of ['p', 'q']) fail(a.health, id)
  await until(() => b.health.state('q') === 'open')
  await redis.kill()
  await until(() => !a.shared.up && !b.shared.up)
  a.health.worked('p')
  await later()
  fail(b.health, 'p')
  fail(a.health, 'r')
  t.equal(a.health.state('p'), 'closed')
  t.equal(b.health.state('r'), 'closed')
  await redis.start()
  await until(() => a.health.state('p') === 'open' && b.health.state('r') === 'open')
  t.equal(a.health.state('q'), 'open')
  const third = await start(t, redis.url)
  t.equal(third.health.state('q'), 'open', 'a Redis that is empty is told what is at rest')
})

t.test('what was learned long before it could be told does not undo what others learned since', { skip: withoutRedis }, async (t) => {
  const redis = await startRedis(t)
  const wire = await startWire(t, redis.port)
  const [a, b] = [await start(t, wire.url), await start(t, redis.url)]
  fail(a.health, 'x')
  await until(() => b.health.state('x') === 'open')
  wire.delay = Infinity
  a.health.worked('x')
  await until(() => !a.shared.up)
  // On its way to Redis it may have been read, and only the answer been lost.
  b.health.worked('x')
  await later()
  fail(b.health, 'x')
  wire.delay = 0
  await until(() => a.shared.up && a.health.state('x') === 'open')
  t.equal(b.health.state('x'), 'open')
})

t.test('a Redis that lost what it had is told anew, also on the same connection', { skip: withoutRedis }, async (t) => {
  const redis = await startRedis(t)
  const a = await start(t, redis.url)
  fail(a.health, 'x')
  await until(() => redis.cli('hlen', 'llmgw:{targets}:standings') === '1')
  redis.cli('flushall')
  await until(() => redis.cli('hlen', 'llmgw:{targets}:standings') === '1')
  t.equal((await start(t, redis.url)).health.state('x'), 'open')
  t.match(redis.cli('pttl', 'llmgw:{targets}:standings'), /^\d+$/, 'and forgets it by itself')
})

t.test('two gateways: the second never asks what the first found down, nor needs Redis to answer', { skip: withoutRedis }, async (t) => {
  const redis = await startRedis(t)
  let well = false
  const reply = (response: ServerResponse): unknown => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }))
  const first = await startProvider(t, (_request, response) => well ? reply(response) : response.writeHead(503, { 'content-type': 'application/json', 'retry-after': '5' }).end('{}'))
  const second = await startProvider(t, (_request, response) => reply(response))
  const targets = [{ provider: 'openai', api_key: REAL_KEY, model: 'm' }, { provider: 'deepseek', api_key: `${REAL_KEY}-2`, model: 'm' }]
  const gateway = async (): Promise<TestGateway> => await startGateway(t, first.url, {
    keys: { [CHAT_KEY]: { provider: undefined, api_key: undefined, targets } },
    env: { REDIS_URL: redis.url, DEEPSEEK_BASE_URL: second.url }
  })
  const [a, b] = [await gateway(), await gateway()]
  const ask = async ({ url }: TestGateway): Promise<string | null> => {
    const response = await post(`${url}/v1/chat/completions`, { model: 'm', messages: [{ role: 'user', content: 'Hi' }] })
    t.equal(response.status, 200)
    await response.text()
    return response.headers.get('x-gateway-target')
  }
  t.equal(await ask(a), 'deepseek')
  t.equal(first.requests.length, 1)
  const [id = ''] = a.app.upstream.health.atRest()[0] ?? []
  await until(() => b.app.upstream.health.state(id) === 'open')
  t.equal(await ask(b), 'deepseek')
  t.equal(first.requests.length, 1, 'the second had heard of it')

  well = true
  await until(() => b.app.upstream.health.state(id) === 'half-open')
  t.equal(await ask(b), 'openai')
  await until(() => a.app.upstream.health.state(id) === 'closed')
  await redis.kill()
  t.equal(await ask(a), 'openai')
  well = false
  t.equal(await ask(a), 'deepseek')
  t.equal(await ask(b), 'deepseek', 'each for itself')
  t.equal(first.requests.length, 5)
})
