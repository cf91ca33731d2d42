import t, { type Test as Tap } from 'tap'
import { CHAT_KEY, MESSAGES_KEY, startGateway, until, type TestGateway } from '../../helper.ts'
import { startPostgres, withoutPostgres, type Database } from '../../postgres.ts'
import { startRedis, withoutRedis } from '../../redis.ts'
import { chat, dialects, messages, send, startSpeaker } from '../speak.ts'

t.setTimeout(120_000)

const postgres = withoutPostgres === false ? await startPostgres(t) : undefined

const rows = async (common: Database): Promise<Array<Record<string, unknown>>> =>
  await common.query('SELECT id, seq::int AS seq, outcome, client_dialect FROM llm_gateway.requests ORDER BY ctid').catch(() => [])

/** @returns as many as the provider was asked, once they are there */
async function arrived (common: Database, count: number): Promise<Array<Record<string, unknown>>> {
  const deadline = Date.now() + 20_000
  while (true) {
    const found = await rows(common)
    if (found.length >= count || Date.now() > deadline) return found
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Calls one after another, in every dialect, streamed and whole. @returns ms that half of them took at most */
async function calls (t: Tap, { url }: TestGateway, count: number): Promise<number> {
  const took: number[] = []
  for (let i = 0; i < count; i++) {
    const spoken = dialects[i % 3]!
    const begun = performance.now()
    const reply = await send(url, spoken, { stream: i % 2 === 0 })
    await reply.text()
    took.push(performance.now() - begun)
    if (reply.status !== 200) t.equal(reply.status, 200, spoken.name)
  }
  return took.sort((a, b) => a - b)[count >> 1]!
}

t.test('Postgres is down at the start: keys are those of the file, and it is found by itself (S13)', { skip: withoutPostgres }, async (t) => {
  const common = await postgres!.database()
  await postgres!.kill()
  const provider = await startSpeaker(t)
  const budget = { budget: { usd: 10, per: 'month' } }
  const gateway = await startGateway(t, provider.url, { env: { DATABASE_URL: common.url }, keys: { [CHAT_KEY]: budget, [MESSAGES_KEY]: budget } })
  const ready = async (): Promise<unknown> => {
    const reply = await fetch(`${gateway.url}/ready`)
    return [reply.status, await reply.json()]
  }
  t.match(await ready(), [200, { status: 'degraded', postgres: 'down' }])
  const priced = (spoken: typeof chat): Record<string, unknown> => ({ model: spoken === messages ? 'claude-haiku-4-5' : 'gpt-5.4-mini' })
  for (const spoken of dialects) for (const stream of [true, false]) t.equal((await send(gateway.url, spoken, { ...priced(spoken), stream })).status, 200, spoken.name)
  t.equal((await send(gateway.url, { ...chat, key: 'vk_nobody_0123456789' })).status, 401)
  await postgres!.start()
  t.equal((await arrived(common, 6)).length, 6)
  t.match(await ready(), [200, { status: 'ready', postgres: 'up' }])
})

t.test('Postgres dies, stands still, and comes back: calls do not wait, rows wait on disk and come once, in order (S14, S15)', { skip: withoutPostgres }, async (t) => {
  const common = await postgres!.database()
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url, { env: { DATABASE_URL: common.url } })
  await until(() => gateway.app.postgres!.state() === 'up')
  await calls(t, gateway, 12)
  const usual = await calls(t, gateway, 24)
  await postgres!.kill()
  const dead = await calls(t, gateway, 60)
  await until(() => gateway.app.postgres!.state() === 'down')
  t.equal(gateway.app.postgres!.waiting >= 60, true, 'in the spool')
  await postgres!.start()
  await until(() => gateway.app.postgres!.waiting === 0)
  postgres!.pause()
  const slow = await calls(t, gateway, 60)
  postgres!.resume()
  for (const [name, ms] of Object.entries({ dead, slow })) t.ok(ms < usual + 100, `${name}: half within ${ms} ms, as usual are ${usual} ms`)
  const found = await arrived(common, provider.requests.length)
  t.equal(found.length, provider.requests.length)
  t.equal(new Set(found.map(({ id }) => id)).size, found.length, 'none twice')
  t.same(found.filter(({ outcome }) => outcome !== 'done'), [])
  // One after another, they were closed in the order in which they were opened.
  const order = found.map(({ seq }) => Number(seq))
  t.same(order, [...order].sort((a, b) => a - b), 'in order')
})

t.test('Redis and Postgres are away together, under load, and come back: rows - calls = 0, and counters are those of the rows (S16)', { skip: withoutPostgres !== false ? withoutPostgres : withoutRedis }, async (t) => {
  const common = await postgres!.database()
  const redis = await startRedis(t, '--appendonly', 'yes')
  const provider = await startSpeaker(t)
  const limited = { max_requests_per_hour: 100_000 }
  const gateways: TestGateway[] = []
  for (let i = 0; i < 2; i++) {
    gateways.push(await startGateway(t, provider.url, { env: { DATABASE_URL: common.url, REDIS_URL: redis.url, REPLICAS: '2' }, keys: { [CHAT_KEY]: limited, [MESSAGES_KEY]: limited } }))
  }
  const away = (): boolean => gateways.every(({ app }) => app.postgres!.state() === 'down' && app.quota.state() === 'down')
  const back = (): boolean => gateways.every(({ app }) => app.postgres!.state() === 'up' && app.quota.state() === 'up' && app.postgres!.waiting === 0)
  const load = async (): Promise<void> => { await Promise.all(gateways.flatMap((gateway) => [1, 2, 3].map(async () => await calls(t, gateway, 30)))) }
  await load()
  for (let round = 0; round < 2; round++) {
    const during = load()
    await Promise.all([postgres!.kill(), redis.kill()])
    await during
    await load()
    await until(away)
    const meanwhile = load()
    await Promise.all([postgres!.start(), redis.start()])
    await meanwhile
    await until(back)
  }
  const found = await arrived(common, provider.requests.length)
  t.equal(found.length - provider.requests.length, 0)
  t.equal(new Set(found.map(({ id }) => id)).size, found.length)
  const used = async ({ app }: TestGateway): Promise<number> => {
    const of = await Promise.all([CHAT_KEY, MESSAGES_KEY].map(async (key) => (await app.quota.standing(app.keys.find(key)!))[0]?.used ?? NaN))
    return of[0]! + of[1]!
  }
  for (const gateway of gateways) {
    for (let i = 0; i < 100 && await used(gateway) !== found.length; i++) await new Promise((resolve) => setTimeout(resolve, 50))
    t.equal(await used(gateway), found.length, 'the counters in Redis')
    t.equal(gateway.app.quota.held, 0)
  }
})
