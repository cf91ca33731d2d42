import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, startGateway, until, type TestGateway } from '../../helper.ts'
import { startRedis, startWire, withoutRedis } from '../../redis.ts'
import { chat, dialects, messages, send, startSpeaker, type Spoken } from '../speak.ts'

t.setTimeout(120_000)

const options = { skip: withoutRedis }
const REAL = 'sk-real-9876543210'
const BUDGET = { openai: 'vk_budget_chat_0123456789', anthropic: 'vk_budget_messages_0123456789' }
const budget = { usd: 100, per: 'month' }

/** Keys with a limit on requests, and two with a budget. */
function gatewayOn (t: Parameters<typeof startGateway>[0], provider: string, url: string, limit: number, env: Record<string, string> = {}): Promise<TestGateway> {
  const hourly = { max_requests_per_hour: limit }
  return startGateway(t, provider, {
    env: { REDIS_URL: url, REPLICAS: '3', ...env },
    keys: {
      [CHAT_KEY]: hourly,
      [MESSAGES_KEY]: hourly,
      [BUDGET.openai]: { provider: 'openai', api_key: REAL, budget },
      [BUDGET.anthropic]: { provider: 'anthropic', api_key: REAL, budget }
    }
  })
}

const budgeted = (spoken: Spoken): Spoken => ({ ...spoken, key: spoken === messages ? BUDGET.anthropic : BUDGET.openai })
/** Of a model with a price. */
const priced = (spoken: Spoken): Record<string, unknown> => ({ model: spoken === messages ? 'claude-haiku-4-5' : 'gpt-5.4-mini' })

async function ask ({ url }: TestGateway, spoken: Spoken, fields?: Record<string, unknown>): Promise<{ status: number, code: string | undefined, retry: string | null, ms: number }> {
  const begun = performance.now()
  const reply = await send(url, spoken, fields)
  const text = await reply.text()
  return { status: reply.status, code: reply.status === 200 ? undefined : spoken.codeOf(text), retry: reply.headers.get('retry-after'), ms: performance.now() - begun }
}

const ready = async ({ url }: TestGateway): Promise<unknown> => {
  const reply = await fetch(`${url}/ready`)
  return [reply.status, await reply.json()]
}
const isUp = ({ app }: TestGateway) => (): boolean => app.quota.state() === 'up'
const isDown = ({ app }: TestGateway) => (): boolean => app.quota.state() === 'down'

t.test('Redis is down at the start: budgets are denied, other limits are a part of theirs, readiness says so; used when it comes (S9, S12)', options, async (t) => {
  const redis = await startRedis(t)
  await redis.kill()
  const provider = await startSpeaker(t)
  const gateway = await gatewayOn(t, provider.url, redis.url, 9)
  t.match(await ready(gateway), [200, { status: 'degraded', redis: 'down' }])
  for (const spoken of dialects) {
    t.match(await ask(gateway, budgeted(spoken), priced(spoken)), { status: 503, code: /limits_unavailable|api_error/, retry: /^\d+$/ }, spoken.name)
  }
  t.equal(provider.requests.length, 0)
  for (const spoken of [chat, messages]) {
    const found = []
    for (let i = 0; i < 4; i++) found.push((await ask(gateway, spoken)).status)
    t.same(found, [200, 200, 200, 429], 'a third of nine')
  }
  await redis.start()
  const since = performance.now()
  await until(isUp(gateway))
  t.ok(performance.now() - since < 10_000)
  t.match(await ready(gateway), [200, { status: 'ready', redis: 'up' }])
  for (const spoken of dialects) t.equal((await ask(gateway, budgeted(spoken), priced(spoken))).status, 200, 'budgets too, once the others would have told theirs')
  for (const spoken of [chat, messages]) {
    const found = []
    for (let i = 0; i < 7; i++) found.push((await ask(gateway, spoken)).status)
    t.same(found, [200, 200, 200, 200, 200, 200, 429], 'what was used meanwhile counts')
  }
})

t.test('LIMITS_WITHOUT_REDIS: all denied, or all a part (S9)', options, async (t) => {
  const redis = await startRedis(t)
  await redis.kill()
  const provider = await startSpeaker(t)
  const deny = await gatewayOn(t, provider.url, redis.url, 9, { LIMITS_WITHOUT_REDIS: 'deny' })
  const local = await gatewayOn(t, provider.url, redis.url, 9, { LIMITS_WITHOUT_REDIS: 'local' })
  for (const spoken of dialects) {
    t.match(await ask(deny, spoken), { status: 503, code: /limits_unavailable|api_error/ })
    t.match(await ask(local, budgeted(spoken), priced(spoken)), { status: 200 })
  }
})

t.test('Redis dies, hangs, is slow, and comes back, under calls in every dialect: few wait, none for long, and the count is the sum of all (S10, S11, S12)', options, async (t) => {
  const redis = await startRedis(t, '--appendonly', 'yes', '--appendfsync', 'always')
  const wire = await startWire(t, redis.port)
  const provider = await startSpeaker(t)
  const gateway = await gatewayOn(t, provider.url, wire.url, 3000)
  const other = await gatewayOn(t, provider.url, redis.url, 3000)
  const counted: Record<string, number> = { [CHAT_KEY]: 0, [MESSAGES_KEY]: 0 }
  /** @returns ms, of calls one after another */
  const calls = async (count: number): Promise<number[]> => {
    const found: number[] = []
    for (let i = 0; i < count; i++) {
      const spoken = dialects[i % 3]!
      const { status, ms } = await ask(gateway, spoken)
      if (status === 200) counted[spoken.key]!++
      else t.equal(status, 200)
      found.push(ms)
    }
    return found
  }
  await until(() => isUp(gateway)() && isUp(other)())
  await calls(30)
  const usual = (await calls(30)).sort((a, b) => a - b)[15]!
  const faults: Array<[name: string, begin: () => Promise<void> | void, end: () => Promise<void> | void]> = [
    ['killed', () => redis.kill(), () => redis.start()],
    ['hangs', () => { redis.process.kill('SIGSTOP') }, () => { redis.process.kill('SIGCONT') }],
    ['slow', () => { wire.delay = 500 }, () => { wire.delay = 0 }],
    ['silent', () => { wire.delay = Infinity }, () => { wire.delay = 0 }]
  ]
  for (const [name, begin, end] of faults) {
    await begin()
    const found = await calls(45)
    // A timer of 75 ms and what the call takes besides; on a busy machine others are late, too.
    const waited = found.filter((ms) => ms > usual + 70)
    t.ok(waited.length <= 5, `${name}: ${waited.length} of ${found.length} waited, ${waited.map(Math.round).join(' ')} ms; usual are ${usual} ms`)
    await until(isDown(gateway))
    t.match(await ready(gateway), [200, { status: 'degraded', redis: 'down' }], name)
    await end()
    const since = performance.now()
    await until(() => isUp(gateway)() && isUp(other)())
    t.ok(performance.now() - since < 10_000, `${name}: used again within 10 s`)
    await calls(6)
  }
  const standing = async ({ app }: TestGateway, key: string): Promise<number | undefined> => (await app.quota.standing(app.keys.find(key)!))[0]?.used
  for (const key of [CHAT_KEY, MESSAGES_KEY]) {
    let [here, there]: Array<number | undefined> = []
    for (let i = 0; i < 200 && (here !== counted[key] || there !== counted[key]); i++) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      ;[here, there] = [await standing(gateway, key), await standing(other, key)]
    }
    t.same([here, there], [counted[key], counted[key]], 'both gateways know of every call')
  }
})

t.test('two gateways, one Redis: the sum is exact (S30)', options, async (t) => {
  const redis = await startRedis(t)
  const provider = await startSpeaker(t)
  const gateways = [await gatewayOn(t, provider.url, redis.url, 37), await gatewayOn(t, provider.url, redis.url, 37)] as const
  await until(() => gateways.every((gateway) => isUp(gateway)()))
  const found = await Promise.all(Array.from({ length: 400 }, (_, i) => ask(gateways[i % 2]!, dialects[i % 3]!)))
  t.equal(found.filter(({ status }) => status === 200).length, 74, '37 of each key')
  t.equal(found.filter(({ status }) => status === 429).length, 326)
  t.equal(provider.requests.length, 74)
})
