import t from 'tap'
import { Value } from 'typebox/value'
import type { TSchema } from 'typebox'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider, until, type TestGateway } from '../helper.ts'

// It may wait for the next hour.
t.setTimeout(120_000)

const CHAT = '/v1/chat/completions'

interface Reply { key: { id: string, name: string }, hour: Record<string, unknown>, today: Record<string, unknown>, month: Record<string, unknown>, limits: Array<Record<string, unknown>> }

const provider = (t: Parameters<typeof startProvider>[0]): ReturnType<typeof startProvider> => startProvider(t, (_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({
    id: 'c1',
    object: 'chat.completion',
    model: 'gpt-5.4-mini',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1000, completion_tokens: 200, prompt_tokens_details: { cached_tokens: 400 } }
  }))
})

async function usageOf (gateway: TestGateway, path = '/usage', key = CHAT_KEY): Promise<Reply> {
  const reply = await fetch(gateway.url + path, { headers: { authorization: `Bearer ${key}` } })
  if (reply.status !== 200) throw new Error(await reply.text())
  return await reply.json() as Reply
}

async function ask (gateway: TestGateway, times: number): Promise<void> {
  for (let call = 0; call < times; call++) {
    await (await post(gateway.url + CHAT, { model: 'gpt-5.4-mini', messages: [{ role: 'user', content: 'hi' }], max_tokens: 300 })).text()
  }
  await until(() => gateway.app.database?.flush() === true && gateway.app.database.get('SELECT 1 FROM requests WHERE outcome IS NULL') === undefined)
}

/** Not while an hour ends: what was of this one would be of the last. */
async function early (): Promise<void> {
  const left = 3_600_000 - Date.now() % 3_600_000
  if (left < 15_000) await new Promise((resolve) => setTimeout(resolve, left))
}

t.test('a key is told what it has used, in this hour, day and month', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, { keys: { [CHAT_KEY]: { name: 'CI' } } })
  await early()
  await ask(gateway, 2)
  // Of an earlier hour, day and month, and of another key.
  const now = Date.now()
  const id = gateway.app.keys.find(CHAT_KEY)?.id ?? ''
  // Each of another model: in the first hour of a day two of them are in the same quarter of an hour.
  const sum = (owner: string, slot: number, cost: number): void => {
    gateway.app.database?.write('INSERT INTO sums VALUES (?, ?, ?, ?, ?, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, ?, 0)', [owner, slot, 'old', `m${cost}`, 'K', cost])
  }
  const { hour, today, month } = await usageOf(gateway)
  sum(id, Date.parse(String(hour['from'])) - 900_000, 1)
  sum(id, Date.parse(String(today['from'])) - 900_000, 20)
  sum(id, Date.parse(String(month['from'])) - 900_000, 300)
  sum('0123456789ab', now - now % 900_000, 4000)
  sum('group:research', now - now % 900_000, 50_000)

  const used = { calls: 2, requests: 2, tokens: 2400, input: 1200, cache_read: 800, output: 400, cost_nano: 2_760_000, cost_usd: '0.00276', unpriced: 0 }
  for (const path of ['/usage', '/v1/usage']) {
    const reply = await usageOf(gateway, path)
    t.match(reply, { key: { id, name: 'CI' }, hour: used })
    for (const period of [reply.hour, reply.today, reply.month]) {
      const from = Date.parse(String(period['from']))
      // What happened before is in longer periods only.
      const older = [[hour, 1], [today, 20], [month, 300]] as const
      const cost = older.reduce((sum, [begin, cost]) => Date.parse(String(begin['from'])) - 900_000 >= from ? sum + cost : sum, 2_760_000)
      t.equal(period['cost_nano'], cost)
    }
  }
  t.match(await usageOf(gateway, '/usage', MESSAGES_KEY), { hour: { calls: 0, cost_usd: '0' }, month: { tokens: 0 } }, 'and of itself alone')
})

t.test('and what its limits and those of its groups leave', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, {
    keys: { [CHAT_KEY]: { name: 'CI', groups: ['research'], max_requests_per_hour: 10, budget: [{ usd: 1, per: 'month', timezone: 'Europe/Berlin' }, { usd: 9, per: 'total' }], max_parallel_requests: 4, requests_per_minute: { limit: 1, dry_run: true } } },
    groups: { research: { tokens_per_day: 100_000 } }
  })
  await early()
  await ask(gateway, 2)
  const { limits } = await usageOf(gateway)
  const of = (name: string, per: string): Record<string, unknown> | undefined => limits.find((limit) => limit['name'] === name && limit['per'] === per)
  t.equal(limits.length, 6)
  t.match(of('budget', 'month'), { unit: 'money', timezone: 'Europe/Berlin', limit: 1e9, used: 2_760_000, remaining: 997_240_000, remaining_usd: '0.99724', resets_at: /T2[23]:00:00\.000Z$/ })
  t.match(of('budget', 'total'), { limit: 9e9, remaining_usd: '8.99724', resets_at: null })
  t.match(of('tokens_per_day', 'day'), { group: 'research', unit: 'tokens', limit: 100_000, used: 2400, remaining: 97_600, resets_at: /T00:00:00\.000Z$/ })
  t.match(of('max_requests_per_hour', 'hour'), { used: 2, remaining: 8, resets_at: String })
  t.match(of('requests_per_minute', 'minute'), { limit: 1, used: 2, remaining: 0, dry_run: true })
  t.match(of('max_parallel_requests', 'held'), { unit: 'parallel', limit: 4, used: 0, remaining: 4, resets_at: null })
  t.notOk(limits.some((limit) => limit['group'] !== undefined && limit['group'] !== 'research'))
})

t.test('whoever has no key is told nothing', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9')
  for (const headers of [{}, { authorization: 'Bearer nobody' }] as Array<Record<string, string>>) t.equal((await fetch(`${gateway.url}/usage`, { headers })).status, 401)
  const wrong = await fetch(`${gateway.url}/usage?key=other`, { headers: { 'x-api-key': CHAT_KEY } })
  t.equal(wrong.status, 400)
  t.match(await wrong.json(), { error: { param: 'key' } })
})

t.test('asking often is one look-up, and costs no request', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, { env: { MAX_REQUESTS_PER_HOUR: '2' } })
  const asked = gateway.app.reports.usage
  let looks = 0
  gateway.app.reports.usage = async (query) => {
    looks++
    return await asked(query)
  }
  const replies = await Promise.all(Array.from({ length: 50 }, () => usageOf(gateway)))
  t.equal(replies.length, 50)
  t.ok(looks < 150, `${looks} look-ups`)
  await early()
  await ask(gateway, 2)
  t.match(await usageOf(gateway), { hour: { calls: 2 } })
})

t.test('where no ledger can be kept, it says so', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { DATA_DIR: '/dev/null/data' } })
  const reply = await fetch(`${gateway.url}/usage`, { headers: { 'x-api-key': CHAT_KEY } })
  t.equal(reply.status, 503)
  t.match(await reply.json(), { error: { code: 'ledger_unavailable', message: /keeps no ledger/ } })
})

t.test('the reply is as /openapi.json says', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9')
  const document = await (await fetch(`${gateway.url}/openapi.json`)).json() as { paths: Record<string, { get: { responses: { 200: { content: Record<string, { schema: TSchema }> } } } }> }
  const schema = document.paths['/usage']?.get.responses[200].content['application/json']?.schema
  if (schema === undefined) throw new Error('no schema')
  t.same([...Value.Errors(schema, await usageOf(gateway))], [])
})

t.test('sums beyond what a number holds exactly are told all the same, and lock nobody out for good', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' })
    .end('{"id":"c1","object":"chat.completion","created":1,"model":"gpt-5.4-mini","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}'))
  const gateway = await startGateway(t, provider.url, { env: { ADMIN_KEY: 'admin-0123456789abcdef' }, keys: { [CHAT_KEY]: { budget: { usd: 10, per: 'total' } } } })
  const database = gateway.app.database!
  const key = gateway.app.keys.find(CHAT_KEY)!.id
  const slot = Date.now() - Date.now() % 900_000
  for (const model of ['a', 'b']) database.write('INSERT INTO sums VALUES (?, ?, ?, ?, ?, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 9007199254740991, 0)', [key, slot, 'openai', model, 'x'])
  database.flush()
  const asked = await fetch(`${gateway.url}/usage`, { headers: { authorization: `Bearer ${CHAT_KEY}` } })
  t.match(await asked.json(), { today: { cost_nano: 18014398509481982 }, limits: [{ name: 'budget', remaining: 0 }] })
  const told = await fetch(`${gateway.url}/admin/usage?group_by=key`, { headers: { authorization: 'Bearer admin-0123456789abcdef' } })
  t.match(await told.json(), { data: [{ key, calls: 2, cost_nano: 18014398509481982 }] })
  t.equal((await post(`${gateway.url}/v1/chat/completions`, { model: 'gpt-5.4-mini', max_tokens: 5, messages: [] })).status, 429)
})
