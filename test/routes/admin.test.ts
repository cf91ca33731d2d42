import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Value } from 'typebox/value'
import type { TSchema } from 'typebox'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, until, type TestGateway } from '../helper.ts'

// Hundreds of requests take their time where the machine is busy.
t.setTimeout(120_000)

const ADMIN_KEY = 'an-admin-key-of-24-chars'
const CHAT = '/v1/chat/completions'

/** Answers with 1000 tokens of input, 400 of them cached, and 200 of output. */
const answer = (model: string): string => JSON.stringify({
  id: 'c1',
  object: 'chat.completion',
  model,
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1000, completion_tokens: 200, prompt_tokens_details: { cached_tokens: 400 } }
})

const provider = (t: Parameters<typeof startProvider>[0]): ReturnType<typeof startProvider> => startProvider(t, (request, response) => {
  const { model } = JSON.parse(request.body) as { model: string }
  response.setHeader('content-type', 'application/json')
  if (model === 'refuses') return response.writeHead(404).end('{"error":{"message":"no such model"}}')
  response.end(answer(model))
})

const ask = (model: string): object => ({ model, messages: [{ role: 'user', content: 'hi' }] })

async function get (gateway: TestGateway, path: string, headers: Record<string, string> = { authorization: `Bearer ${ADMIN_KEY}` }): Promise<Response> {
  return await fetch(gateway.url + path, { headers })
}

interface Usage { from: string, to: string, timezone: string, group_by: string[], data: Array<Record<string, unknown>>, total: Record<string, unknown> }
interface Requests { data: Array<Record<string, unknown>>, next: string | null }

async function json <T> (gateway: TestGateway, path: string): Promise<T> {
  const reply = await get(gateway, path)
  const text = await reply.text()
  if (reply.status !== 200) throw new Error(`${reply.status} ${text}`)
  return JSON.parse(text) as T
}

/** Once every row is closed. */
async function settled (gateway: TestGateway, rows: number): Promise<void> {
  const closed = (): number => Number(gateway.app.database?.get('SELECT count(*) AS n FROM requests WHERE outcome IS NOT NULL')?.['n'])
  await until(() => gateway.app.database?.flush() === true && closed() === rows)
}

t.test('without ADMIN_KEY there is nothing (X5)', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9')
  for (const path of ['/admin/usage', '/admin/requests', '/admin/requests/x']) {
    for (const headers of [{}, { authorization: `Bearer ${CHAT_KEY}` }, { authorization: 'Bearer ' }, { 'x-api-key': '' }] as Array<Record<string, string>>) {
      const reply = await get(gateway, path, headers)
      t.equal(reply.status, 404)
      t.match(await reply.json(), { error: { code: 'not_found', message: /^Unknown path/ } })
    }
  }
  const document = await (await fetch(`${gateway.url}/openapi.json`)).json() as { paths: object }
  t.notOk(Object.keys(document.paths).some((path) => path.startsWith('/admin')))
})

t.test('ADMIN_KEY opens what is for it, and nothing else does (X5)', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  for (const headers of [{ authorization: `Bearer ${ADMIN_KEY}` }, { 'x-api-key': ADMIN_KEY }] as Array<Record<string, string>>) {
    t.equal((await get(gateway, '/admin/usage', headers)).status, 200)
  }
  for (const headers of [
    {}, { authorization: `Bearer ${CHAT_KEY}` }, { 'x-api-key': REAL_KEY }, { authorization: `Bearer ${ADMIN_KEY.slice(0, -1)}` },
    { authorization: ADMIN_KEY }, { authorization: `Bearer ${ADMIN_KEY}`, 'x-api-key': CHAT_KEY }
  ] as Array<Record<string, string>>) {
    for (const path of ['/admin/usage', '/admin/requests', '/admin/requests/x', '/admin/usage?nonsense=1']) {
      const reply = await get(gateway, path, headers)
      t.equal(reply.status, 401, `${path} with ${JSON.stringify(headers)}`)
      t.match(await reply.json(), { error: { code: 'invalid_api_key', message: /ADMIN_KEY/ } })
      t.equal(reply.headers.get('www-authenticate'), 'Bearer')
    }
  }
  for (const path of ['/v1/models', '/usage']) t.equal((await get(gateway, path)).status, 401, `${path} with the admin key`)
  t.equal((await get(gateway, '/admin/nothing')).status, 404)
  t.equal((await fetch(`${gateway.url}/admin/usage`, { method: 'POST', headers: { authorization: `Bearer ${ADMIN_KEY}` } })).status, 405)
})

t.test('guesses end in 429, and the right key is never refused for them', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  let last: Response | undefined
  for (let guess = 0; guess <= 600; guess++) {
    last = await get(gateway, '/admin/usage', { 'x-api-key': `guess-${guess}` })
    await last.arrayBuffer()
    if (last.status !== 401) break
  }
  t.equal(last?.status, 429)
  t.ok(Number(last?.headers.get('retry-after')) > 0)
  t.equal((await get(gateway, '/admin/usage')).status, 200)
})

t.test('a key that is too short, or also another key, ends the start with one line', async (t) => {
  const start = async (adminKey: string): Promise<string> => await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY: adminKey } }).then(() => 'started', (error: Error) => error.message)
  for (const [key, said] of [
    ['short', /^ADMIN_KEY is shorter than 16 characters; for example ADMIN_KEY=/],
    ['with spaces and more than enough', /^ADMIN_KEY has other characters/],
    [CHAT_KEY, /key "vk_.*": ADMIN_KEY is the same text as this key/],
    [REAL_KEY, /key "vk_.*": ADMIN_KEY is the same text as its "api_key"/]
  ] as const) {
    const message = await start(key)
    t.match(message, said)
    t.notMatch(message, /\n/)
    t.notOk(message.includes(`"${key}"`), 'which is not repeated')
  }
})

t.test('nor does a key come to be the same while the gateway runs', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  writeFileSync(join(gateway.folder, 'keys.json'), JSON.stringify({ virtual_keys: { [ADMIN_KEY]: { provider: 'openai', api_key: REAL_KEY } } }))
  await until(() => gateway.lines().some((line) => JSON.stringify(line).includes('ADMIN_KEY is the same text')))
  t.equal(gateway.app.keys.find(ADMIN_KEY), undefined)
  t.notOk(gateway.lines().some((line) => JSON.stringify(line).includes(ADMIN_KEY)))
})

t.test('what was used, by key, model, provider and day', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, { env: { ADMIN_KEY }, keys: { [CHAT_KEY]: { name: '=CI, "nightly"' } } })
  const id = gateway.app.keys.find(CHAT_KEY)?.id
  for (const model of ['gpt-5.4-mini', 'gpt-5.4-mini', '=cmd()', 'refuses', 'gpt-5.4']) await (await post(gateway.url + CHAT, ask(model))).text()
  await settled(gateway, 5)

  const all = await json<Usage>(gateway, '/admin/usage')
  t.match(all, { timezone: 'UTC', group_by: [], data: [{ calls: 5, requests: 5 }], total: { calls: 5 } })
  t.match(all.from, /-01T00:00:00.000Z$/)
  const { data, total } = await json<Usage>(gateway, '/admin/usage?group_by=model,key,provider,day')
  t.strictSame(data.map(({ model }) => model), ['=cmd()', 'gpt-5.4', 'gpt-5.4-mini', 'refuses'])
  t.strictSame(data[2], {
    day: data[0]?.['day'],
    key: id,
    key_name: '=CI, "nightly"',
    provider: 'openai',
    model: 'gpt-5.4-mini',
    calls: 2,
    requests: 2,
    tokens: 2400,
    input: 1200,
    cache_read: 800,
    cache_write_5m: 0,
    cache_write_1h: 0,
    output: 400,
    reasoning: 0,
    audio_input: 0,
    audio_output: 0,
    held_tokens: 0,
    // 2 × (600 × $0.75 + 400 × $0.075 + 200 × $4.50) / 1,000,000
    cost_nano: 2_760_000,
    cost_usd: '0.00276',
    unpriced: 0
  })
  t.match(data[0], { unpriced: 1, cost_nano: 0 })
  t.match(total, { calls: 5, unpriced: 1 })
  for (const [query, calls] of [['key=' + id, 5], ['key=%3DCI%2C%20%22nightly%22', 5], ['model=gpt-5.4-mini', 2], ['provider=openai', 5], ['provider=anthropic', 0], ['to=2026-01-01&from=2025-01-01', 0]] as const) {
    t.equal((await json<Usage>(gateway, `/admin/usage?${query}`)).total['calls'], calls, query)
  }

  const columns = 'day,key,key_name,model,calls,requests,tokens,input,cache_read,cache_write_5m,cache_write_1h,output,reasoning,audio_input,audio_output,held_tokens,cost_nano,cost_usd,unpriced'
  for (const reply of [
    await get(gateway, '/admin/usage?group_by=day,key,model&format=csv'),
    await get(gateway, '/admin/usage?group_by=day,key,model', { authorization: `Bearer ${ADMIN_KEY}`, accept: 'text/csv' })
  ]) {
    t.match(reply.headers.get('content-type'), /^text\/csv/)
    const rows = (await reply.text()).split('\r\n')
    t.equal(rows[0], columns)
    t.equal(rows[1], `${data[0]?.['day']},${id},"'=CI, ""nightly""",'=cmd(),1,1,1200,600,400,0,0,200,0,0,0,0,0,0,1`, 'nothing is a formula')
    t.equal(rows.length, 6)
    t.equal(rows.at(-1), '')
  }
})

t.test('sums of groups are no part of those of keys', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  const slot = Date.now() - Date.now() % 900_000
  const sum = (owner: string, cost: number): void => {
    gateway.app.database?.write('INSERT INTO sums VALUES (?, ?, ?, ?, ?, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, ?, 0)', [owner, slot, 'openai', 'm', 'K', cost])
  }
  sum('0123456789ab', 5)
  sum('fedcba987654', 7)
  sum('group:research', 12)
  sum('group:sales', 5)
  t.match(await json<Usage>(gateway, '/admin/usage?group_by=key'), { data: [{ key: '0123456789ab', cost_nano: 5 }, { key: 'fedcba987654', cost_nano: 7 }], total: { cost_nano: 12, cost_usd: '0.000000012' } })
  t.match(await json<Usage>(gateway, '/admin/usage'), { total: { cost_nano: 12 } })
  t.match(await json<Usage>(gateway, '/admin/usage?group_by=group'), { data: [{ group: 'research', cost_nano: 12 }, { group: 'sales', cost_nano: 5 }] })
  t.match(await json<Usage>(gateway, '/admin/usage?group=sales&group_by=model'), { data: [{ model: 'm', cost_nano: 5 }] })
})

t.test('a long answer comes in pieces, whole, and one that is too long is refused', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  const slot = Date.now() - Date.now() % 900_000
  const add = (from: number, to: number): void => {
    for (let model = from; model < to; model++) {
      gateway.app.database?.write('INSERT INTO sums VALUES (?, ?, ?, ?, ?, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, ?, 0)', ['0123456789ab', slot, 'openai', `modèle ${String(model).padStart(5, '0')}`, 'K', model])
    }
  }
  add(0, 1234)
  const { data, total } = await json<Usage>(gateway, '/admin/usage?group_by=model')
  t.strictSame(data.map(({ model, cost_nano: cost }) => [model, cost]), Array.from({ length: 1234 }, (_, model) => [`modèle ${String(model).padStart(5, '0')}`, model]))
  t.match(total, { calls: 1234, cost_nano: 1233 * 1234 / 2 })
  const lines = (await (await get(gateway, '/admin/usage?group_by=model&format=csv')).text()).split('\r\n')
  t.equal(lines.length, 1 + 1234 + 1)
  t.match(lines[1234], /^modèle 01233,1,/)
  add(1234, 10_001)
  const refused = await get(gateway, '/admin/usage?group_by=model')
  t.equal(refused.status, 400)
  t.match(await refused.json(), { error: { param: 'group_by', message: /more than 10000 rows/ } })
  t.match(await json<Usage>(gateway, '/admin/usage'), { total: { calls: 10_001 } })
})

t.test('the days until the end of time are not looked up: nothing can be there', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  const begun = performance.now()
  t.match(await json<Usage>(gateway, '/admin/usage?group_by=day&timezone=Europe/Berlin&from=0001-01-01&to=9999-12-31'), { data: [], to: '9999-12-30T23:00:00.000Z' })
  t.match(await json<Usage>(gateway, '/admin/usage?group_by=day&timezone=Europe/Berlin&from=9000-01-01&to=9999-12-31'), { data: [] })
  t.ok(performance.now() - begun < 5000)
})

t.test('what is asked for wrongly is named', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  const own = await fetch(`${gateway.url}/usage?from=2026-11-01`, { headers: { authorization: `Bearer ${CHAT_KEY}` } })
  t.match(await own.json(), { error: { param: 'from', message: 'Unknown query parameter "from". This path takes: none.' } })
  for (const [path, param, said] of [
    ['usage?grup_by=key', 'grup_by', /^Unknown query parameter "grup_by"\. Did you mean "group_by"\? This path takes: group_by, from/],
    ['usage?group_by=keys', 'group_by', /"keys"; it takes day, key, group, provider, model/],
    ['usage?group_by=key,group', 'group_by', /one or the other/],
    ['usage?key=nobody', 'key', /No key of this id or name .*GET \/admin\/keys/],
    [`usage?key=${CHAT_KEY}`, 'key', /It is not the virtual key itself/],
    ['usage?group=a&key=b', 'group', /one or the other/],
    ['usage?from=yesterday', 'from', /must be a date such as/],
    ['usage?from=2026-02-30', 'from', /must be a date such as/],
    ['usage?from=2026-11-01T10:07:00Z', 'from', /quarter of an hour, such as 2026-11-01T10:00:00\.000Z/],
    ['usage?from=2026-11-02&to=2026-11-01', 'to', /later than "from"/],
    ['usage?timezone=Mars/Base', 'timezone', /Europe\/Berlin/],
    ['usage?format=xml', 'format', /must be json or csv/],
    ['usage?key=a&key=b', 'key', /must be given once/],
    ['requests?limit=0', 'limit', /whole number from 1 to 200/],
    ['requests?limit=many', 'limit', /whole number from 1 to 200/],
    ['requests?outcome=fine', 'outcome', /must be one of open, done/],
    ['requests?since=now', 'since', /must be a date/],
    ['requests?before=%22', 'before', /"next" of the page before/],
    ['requests/x?all=1', 'all', /Unknown query parameter "all"/]
  ] as const) {
    const reply = await get(gateway, `/admin/${path}`)
    t.equal(reply.status, 400, path)
    t.match(await reply.json(), { error: { code: 'invalid_request', param, message: said } })
  }
})

t.test('requests, newest first, page by page and by what they have in common', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, { env: { ADMIN_KEY } })
  const models = ['gpt-5.4-mini', 'refuses', 'gpt-5.4-mini', 'house', 'gpt-5.4']
  for (const model of models) await (await post(gateway.url + CHAT, ask(model))).text()
  await settled(gateway, 5)
  const page = async (query: string): Promise<Requests> => await json<Requests>(gateway, `/admin/requests?${query}`)
  const modelsOf = ({ data }: Requests): unknown[] => data.map((row) => row['requested_model'])

  const first = await page('limit=2')
  const second = await page(`limit=2&before=${first.next}`)
  const third = await page(`limit=2&before=${second.next}`)
  t.strictSame([first, second, third].flatMap(modelsOf), models.toReversed())
  t.equal(third.next, null)
  t.strictSame(modelsOf(await page('model=gpt-5.4-mini')), ['gpt-5.4-mini', 'gpt-5.4-mini'])
  t.strictSame(modelsOf(await page('outcome=refused')), ['refuses'])
  t.strictSame(modelsOf(await page('outcome=open')), [])
  t.equal((await page(`key=${gateway.app.keys.find(CHAT_KEY)?.id}`)).data.length, 5)
  t.equal((await page(`key=${gateway.app.keys.find(MESSAGES_KEY)?.id}`)).data.length, 0)
  t.equal((await page('provider=openai&since=2026-01-01')).data.length, 5)
  t.equal((await page('until=2026-01-01')).data.length, 0)
  t.match(second.data[0], { requested_model: 'gpt-5.4-mini', outcome: 'done', status: 200, usage: { input: 600, cache_read: 400, output: 200, reasoning: null }, usage_source: 'provider', cost_nano: 1_380_000, cost_usd: '0.00138', attempts: 1, stream: false })
  t.notMatch(JSON.stringify([first, second, third]), /vk_test_chat_0123456789|sk-real/, 'and no keys')
})

t.test('one request, and why it cost what it did', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, { env: { ADMIN_KEY } })
  const own = await post(gateway.url + CHAT, ask('gpt-5.4-mini'))
  for (const model of ['refuses', 'house']) await (await post(gateway.url + CHAT, ask(model), { 'x-request-id': 'mine' })).text()
  await settled(gateway, 3)
  const find = async (id: string): Promise<Array<Record<string, unknown>>> => (await json<Requests>(gateway, `/admin/requests/${id}`)).data

  const [row, ...more] = await find(own.headers.get('x-request-id') ?? '')
  t.same(more, [])
  t.match(row, {
    request_id: own.headers.get('x-request-id'),
    explanation: 'The reply went out whole. The provider told its usage. It cost $0.00138.',
    decision: { limits: [], hold_nano: 0, hold_usd: '0', held_tokens: 0, output_cap: null },
    price: {
      version: gateway.app.prices.version,
      model: 'gpt-5.4-mini',
      terms: [
        { bucket: 'input', tokens: 600, usd_per_million: '0.75', usd: '0.00045' },
        { bucket: 'cache_read', tokens: 400, usd_per_million: '0.075', usd: '0.00003' },
        { bucket: 'output', tokens: 200, usd_per_million: '4.5', usd: '0.0009' }
      ],
      usd_per_request: '0',
      arithmetic: '(600 × $0.75 + 400 × $0.075 + 200 × $4.5) / 1,000,000 = $0.00138, rounded once to a billionth'
    }
  })
  const mine = await find('mine')
  t.strictSame(mine.map((found) => [found['requested_model'], found['request_id']]), [['house', 'mine'], ['refuses', 'mine']], 'newest first')
  t.match(mine.map((found) => found['explanation']), [
    'The reply went out whole. The provider told its usage. No price is known for the model, so its cost is not known.',
    /^The provider refused the request.* Its usage is not known\. It is not charged\.$/
  ])
  t.same(await find(String(mine[0]?.['id'])), [mine[0]], 'by the row\'s own id too')

  gateway.app.database?.write("UPDATE requests SET outcome = 'interrupted', usage_source = 'none', cost = 5000000, rates = NULL, input = NULL, limits = ? WHERE id = ?", [
    JSON.stringify({ seen: [{ name: 'budget', owner: 'group:a', unit: 'money', per: 'day', limit: 7e9, used: 5e6, held: 5e6, dryRun: false, exceeded: false, windowMs: 1 }], cap: 512 }), String(row?.['id'])
  ])
  t.match(await find(String(row?.['id'])), [{
    explanation: /^The gateway died .* It is charged at its hold, the most it can have cost: \$0\.005\.$/,
    decision: { limits: [{ name: 'budget', owner: 'group:a', unit: 'money', per: 'day', limit: 7e9, used: 5e6, held: 5e6, dry_run: false, exceeded: false }], output_cap: 512 },
    price: null
  }])

  const missing = await get(gateway, '/admin/requests/never')
  t.equal(missing.status, 404)
  t.match(await missing.json(), { error: { code: 'not_found' } })
})

t.test('the limits that let it through, what was held, and the cap that was set', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, {
    env: { ADMIN_KEY },
    keys: { [CHAT_KEY]: { groups: ['research'], budget: { usd: 0.05, per: 'day' }, max_requests_per_hour: 10, requests_per_minute: { limit: 0, dry_run: true } } },
    groups: { research: { tokens_per_day: 100_000 } }
  })
  const reply = await post(gateway.url + CHAT, ask('gpt-5.4-mini'))
  t.equal(reply.status, 200, await reply.text())
  await settled(gateway, 1)
  const { data: [row] } = await json<Requests>(gateway, `/admin/requests/${reply.headers.get('x-request-id')}`)
  const { limits, ...decision } = row?.['decision'] as { limits: Array<Record<string, unknown>>, hold_nano: number, hold_usd: string, held_tokens: number, output_cap: number | null }
  const id = gateway.app.keys.find(CHAT_KEY)?.id
  t.match(limits.find(({ name }) => name === 'budget'), { owner: id, unit: 'money', per: 'day', limit: 50_000_000, used: decision.hold_nano, held: decision.hold_nano, dry_run: false, exceeded: false })
  t.match(limits.find(({ name }) => name === 'tokens_per_day'), { owner: 'group:research', unit: 'tokens', held: decision.held_tokens })
  t.match(limits.find(({ name }) => name === 'requests_per_minute'), { limit: 0, dry_run: true, exceeded: true, resets_at: /Z$/ })
  t.ok(decision.hold_nano > 0 && decision.hold_nano <= 50_000_000)
  t.ok(Number(decision.output_cap) > 0, 'the request had none')
  t.match(row, { explanation: 'The reply went out whole. The provider told its usage. It cost $0.00138.', groups: ['research'] })
  for (const [path, calls] of [['usage?group=research', 1], ['usage?group=sales', 0], ['usage', 1]] as const) t.equal((await json<Usage>(gateway, `/admin/${path}`)).total['calls'], calls, path)
})

t.test('/openapi.json has the schemas, and replies are as they say', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, { env: { ADMIN_KEY } })
  await (await post(gateway.url + CHAT, ask('gpt-5.4-mini'))).text()
  await settled(gateway, 1)
  const document = await (await fetch(`${gateway.url}/openapi.json`)).json() as { paths: Record<string, { get: { security: unknown, parameters: Array<{ name: string }>, responses: { 200: { content: Record<string, { schema: TSchema }> } } } }> }
  for (const [path, asked] of [['/admin/usage', '/admin/usage?group_by=key,model'], ['/admin/requests', '/admin/requests'], ['/admin/requests/{id}', `/admin/requests/${(await json<Requests>(gateway, '/admin/requests')).data[0]?.['id']}`]] as const) {
    const { security, responses } = document.paths[path]?.get ?? {}
    t.same(security, [{ admin: [] }])
    const schema = responses?.[200].content['application/json']?.schema
    if (schema === undefined) throw new Error(path)
    const reply = await json<unknown>(gateway, asked)
    t.same([...Value.Errors(schema, reply)], [], path)
  }
  t.ok(document.paths['/admin/usage']?.get.parameters.some(({ name }) => name === 'group_by'))
  t.ok('text/csv' in (document.paths['/admin/usage']?.get.responses[200].content ?? {}))
})
