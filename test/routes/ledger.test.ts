import { once } from 'node:events'
import { renameSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { openDatabase } from '../../plugins/database/open.ts'
import { CHAT_KEY, MESSAGES_KEY, post, REAL_KEY, startGateway, startProvider, until, type TestGateway } from '../helper.ts'
import { run, start } from '../process.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const CHAT = '/v1/chat/completions'
const usage = { prompt_tokens: 1000, completion_tokens: 200, total_tokens: 1200, prompt_tokens_details: { cached_tokens: 400 } }
const whole = (model: string): string => JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model, choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }], usage })
const chunk = (fields: object): string => `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'gpt-5.4-mini', ...fields })}\n\n`
const said = chunk({ choices: [{ index: 0, delta: { content: 'hello' }, finish_reason: null }] })
const stopped = chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
const counted = chunk({ choices: [], usage })
const DONE = 'data: [DONE]\n\n'

/** Answers by the model's name. */
const provider = (t: Parameters<typeof startProvider>[0]): ReturnType<typeof startProvider> => startProvider(t, (request, response) => {
  response.on('error', () => {})
  const { model, stream } = JSON.parse(request.body)
  const sse = (...events: string[]): void => { response.writeHead(200, { 'content-type': 'text/event-stream' }).write(events.join('')) }
  if (model === 'silent') return
  if (model === 'refuses') return response.writeHead(404, { 'content-type': 'application/json' }).end('{"error":{"message":"no such model","type":"invalid_request_error","code":"model_not_found"}}')
  if (model === 'fails') return response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":{"message":"oops"}}')
  if (model === 'breaks') return response.writeHead(200, { 'content-type': 'text/event-stream' }).write(said, () => setTimeout(() => response.destroy(), 50))
  if (model === 'stops-short') return response.writeHead(200, { 'content-type': 'text/event-stream' }).end(said)
  if (model === 'hangs') return sse(said)
  if (!stream) return response.writeHead(200, { 'content-type': 'application/json' }).end(whole('gpt-5.4-mini-2026-03-17'))
  sse(said, stopped, counted, DONE)
  response.end()
})

const rowsOf = (gateway: TestGateway): Array<Record<string, unknown>> => {
  gateway.app.database!.flush()
  return [...gateway.app.database!.iterate('SELECT * FROM requests ORDER BY seq')].map((row) => ({ ...row }))
}

const ask = (model: string, more: object = {}): object => ({ model, messages: [{ role: 'user', content: 'hi' }], ...more })

t.test('a row for each request that goes out, closed once, however it ends', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, { env: { REQUEST_TIMEOUT: '400ms' } })
  const sent = async (model: string, more?: object): Promise<number> => {
    const reply = await post(gateway.url + CHAT, ask(model, more))
    await reply.text().catch(() => {})
    return reply.status
  }
  await sent('gpt-5.4-mini')
  await sent('gpt-5.4-mini', { stream: true })
  await sent('refuses')
  await sent('fails')
  await sent('silent')
  await sent('breaks', { stream: true })
  await sent('stops-short', { stream: true })
  const leaving = new AbortController()
  const left = await fetch(gateway.url + CHAT, { method: 'POST', signal: leaving.signal, headers: { authorization: `Bearer ${CHAT_KEY}`, 'content-type': 'application/json', 'x-request-id': 'mine' }, body: JSON.stringify(ask('hangs', { stream: true })) })
  await left.body?.getReader().read()
  leaving.abort()
  await sent('')
  await until(() => rowsOf(gateway).every(({ outcome }) => outcome !== null))
  const rows = rowsOf(gateway)
  t.same(rows.map(({ outcome, status, requests }) => [outcome, status, requests]), [
    ['done', 200, 1], ['done', 200, 1], ['refused', 404, 1], ['upstream_error', 500, 1], ['timeout', 504, 1], ['upstream_broke', 200, 1],
    ['incomplete', 200, 1], ['client_gone', 499, 1]
  ], 'what was not admitted has none')
  for (const row of rows.slice(0, 2)) {
    t.match(row, {
      key: gateway.app.keys.find(CHAT_KEY)!.id,
      provider: 'openai',
      requested_model: 'gpt-5.4-mini',
      client_dialect: 'openai-chat',
      attempts: 1,
      input: 600,
      cache_read: 400,
      output: 200,
      usage_source: 'provider',
      // 600 × $0.75 + 400 × $0.075 + 200 × $4.50, a million
      cost: 1_380_000,
      price_model: 'gpt-5.4-mini',
      hold: 0
    })
    t.equal(JSON.parse(String(row['rates'])).output, 4_500_000_000)
    t.ok(Number(row['started_at']) <= Number(row['first_byte_at']) && Number(row['first_byte_at']) <= Number(row['ended_at']))
  }
  t.match(rows[0], { stream: 0, served_model: 'gpt-5.4-mini-2026-03-17', request_id: null })
  t.match(rows[2], { usage_source: 'none', cost: null, input: null })
  t.match(rows[7], { request_id: 'mine' })
  t.equal(new Set(rows.map(({ id }) => id)).size, rows.length)
  const sums = { ...gateway.app.database!.get('SELECT sum(calls) AS calls, sum(requests) AS requests, sum(cost) AS cost, sum(input) AS input FROM sums') }
  t.match(sums, { calls: 8, requests: 8, cost: rows.reduce((sum, { cost }) => sum + Number(cost ?? 0), 0) })
})

t.test('the row is on disk before the first byte goes upstream', async (t) => {
  let file = ''
  const seen: unknown[] = []
  const upstream = await startProvider(t, (_request, response) => {
    const db = new DatabaseSync(file, { readOnly: true })
    seen.push(db.prepare('SELECT count(*) AS n FROM requests WHERE outcome IS NULL').get()?.['n'])
    db.close()
    response.writeHead(200, { 'content-type': 'application/json' }).end(whole('m'))
  })
  const gateway = await startGateway(t, upstream.url)
  file = join(gateway.folder, 'data', 'gateway.db')
  await post(gateway.url + CHAT, ask('m'))
  t.same(seen, [1])
})

t.test('a client that left while its row was written', async (t) => {
  const upstream = await provider(t)
  const gateway = await startGateway(t, upstream.url)
  const body = JSON.stringify(ask('hangs', { stream: true }))
  const database = gateway.app.database!
  database.pause()
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  socket.write(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${CHAT_KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  await once(socket, 'connect')
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.resetAndDestroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  database.resume()
  await until(() => rowsOf(gateway)[0]?.['outcome'] === 'client_gone')
  t.match(rowsOf(gateway), [{ requests: 0, attempts: 0, status: 499 }])
  t.equal(upstream.requests.length, 0)
})

t.test('a full disk: served, and written once there is room; refused where that is asked for (S7)', async (t) => {
  for (const mode of ['serve', 'refuse']) {
    const upstream = await provider(t)
    const gateway = await startGateway(t, upstream.url, { env: { LEDGER_ON_ERROR: mode } })
    const database = gateway.app.database!
    const pages = Number(database.get('PRAGMA page_count')?.['page_count'])
    database.get(`PRAGMA max_page_count = ${pages}`)
    const statuses: number[] = []
    // Until no page has room.
    for (let i = 0; i < 40; i++) statuses.push((await post(gateway.url + CHAT, ask('gpt-5.4-mini', { user: 'x' }), { 'x-request-id': 'y'.repeat(120) })).status)
    t.notOk(database.healthy)
    const last = await post(gateway.url + CHAT, ask('gpt-5.4-mini'))
    t.equal(last.status, mode === 'serve' ? 200 : 503, mode)
    if (mode === 'refuse') t.match(await last.json(), { error: { code: 'ledger_unavailable' } })
    const messages = await post(`${gateway.url}/v1/messages`, { ...ask('m'), max_tokens: 5 }, { authorization: `Bearer ${MESSAGES_KEY}` })
    if (mode === 'refuse') t.match(await messages.json(), { type: 'error', error: { type: 'api_error' } })
    database.get('PRAGMA max_page_count = 1000000')
    await until(() => database.healthy)
    const rows = rowsOf(gateway)
    t.equal(rows.length, upstream.requests.length, 'as many as the provider saw')
    t.ok(rows.every(({ outcome }) => outcome !== null))
    t.equal(gateway.lines().filter(({ msg }) => String(msg).startsWith('cannot write to DATA_DIR')).length, 1, 'said once')
  }
})

t.test('kill -9: what was answered stays, what was open is interrupted, and the quota is as it was (S1, S2)', async (t) => {
  const upstream = await provider(t)
  const running = await start(t, upstream.url, { MAX_REQUESTS_PER_HOUR: '5' })
  for (let i = 0; i < 3; i++) t.equal((await post(running.url + CHAT, ask('gpt-5.4-mini'))).status, 200)
  const open = await post(running.url + CHAT, ask('hangs', { stream: true }))
  t.equal(open.status, 200)
  running.child.kill('SIGKILL')
  await running.ended
  await open.text().catch(() => {})
  const dir = join(running.folder, 'data')
  const again = run(t, { OPENAI_BASE_URL: upstream.url + '/v1', DATA_DIR: dir, MAX_REQUESTS_PER_HOUR: '5' })
  await until(() => /listening at (http:[^"]+)/.test(again.output()))
  const [, url = ''] = /listening at (http:[^"]+)/.exec(again.output()) ?? []
  t.match(again.output(), /"rows":1.*were charged at their hold/)
  const statuses = []
  for (let i = 0; i < 3; i++) statuses.push((await post(url + CHAT, ask('gpt-5.4-mini'))).status)
  t.same(statuses, [200, 429, 429], 'four of five were used')
  again.child.kill('SIGTERM')
  t.equal(await again.ended, 0)
  const db = new DatabaseSync(join(dir, 'gateway.db'))
  t.same(db.prepare('SELECT outcome, count(*) AS n FROM requests GROUP BY outcome').all().map((row) => ({ ...row })), [{ outcome: 'done', n: 4 }, { outcome: 'interrupted', n: 1 }])
  t.equal(db.prepare('SELECT sum(calls) AS n FROM sums').get()?.['n'], 5)
  db.close()
})

t.test('more tokens than any request has: the row is closed all the same, with what was counted here', async (t) => {
  const tokens = Number.MAX_SAFE_INTEGER
  const upstream = await startProvider(t, (_request, response) => {
    const reply = JSON.parse(whole('gpt-5.4-mini'))
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...reply, usage: { prompt_tokens: tokens, completion_tokens: tokens } }))
  })
  const gateway = await startGateway(t, upstream.url, { keys: { [CHAT_KEY]: { budget: { usd: 1, per: 'month' }, tokens_per_day: 100_000 } } })
  for (let i = 0; i < 2; i++) t.equal((await post(gateway.url + CHAT, ask('gpt-5.4-mini', { max_tokens: 5 }))).status, 200, 'nor is the key locked out')
  await until(() => rowsOf(gateway).length === 2 && rowsOf(gateway).every(({ outcome }) => outcome === 'done'))
  t.match(rowsOf(gateway)[0], { usage_source: 'estimated', output: 1 })
  t.equal(gateway.app.database!.get('SELECT sum(calls) AS n FROM sums')?.['n'], 2)
})

t.test('a provider\'s own word for an error is cut, and holds no key', async (t) => {
  const code = `a\0b ${REAL_KEY} ${'x'.repeat(5000)}`
  const upstream = await startProvider(t, (request, response) => {
    const error = JSON.stringify({ error: { message: 'no', type: 't', code } })
    if (JSON.parse(request.body).stream !== true) return response.writeHead(400, { 'content-type': 'application/json' }).end(error)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`${said}data: ${error}\n\n`)
  })
  const gateway = await startGateway(t, upstream.url)
  for (const stream of [true, false]) await (await post(gateway.url + CHAT, ask('m', { stream }))).text()
  await until(() => rowsOf(gateway).length === 2 && rowsOf(gateway).every(({ outcome }) => outcome !== null))
  for (const { error } of rowsOf(gateway)) {
    t.ok(String(error).length <= 128)
    t.match(String(error), /^a\uFFFDb \[redacted\] x+$/)
  }
  t.notMatch(JSON.stringify(gateway.lines()), REAL_KEY)
})

t.test('names of what could not be said are as many as a row can hold', async (t) => {
  const upstream = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } })))
  const key = 'vk_lossy_0123456789abcdef'
  const gateway = await startGateway(t, upstream.url, { keys: { [key]: { provider: 'anthropic', api_key: REAL_KEY } } })
  const fields = Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`unknown_${i}`, 1]))
  t.equal((await post(gateway.url + CHAT, ask('m', fields), { authorization: `Bearer ${key}` })).status, 200)
  await until(() => rowsOf(gateway)[0]?.['outcome'] === 'done')
  t.ok(String(rowsOf(gateway)[0]?.['lossy']).length < 10_000)
})

t.test('a DATA_DIR that is moved away under the gateway: keys with a budget are refused, others served, and it is as it was once it is back', async (t) => {
  const upstream = await provider(t)
  const key = 'vk_budget_0123456789abcdef'
  const gateway = await startGateway(t, upstream.url, { keys: { [key]: { provider: 'openai', api_key: REAL_KEY, budget: { usd: 1, per: 'month' } } } })
  const database = gateway.app.database!
  const sent = async (token: string): Promise<number> => (await post(gateway.url + CHAT, ask('gpt-5.4-mini', { max_tokens: 500 }), { authorization: `Bearer ${token}` })).status
  const dir = join(gateway.folder, 'data')
  t.same([await sent(key), await sent(CHAT_KEY)], [200, 200])
  renameSync(dir, dir + '.away')
  await until(() => !database.healthy)
  t.same([await sent(key), await sent(CHAT_KEY)], [503, 200])
  openDatabase(dir).close()
  await new Promise((resolve) => setTimeout(resolve, 1200))
  t.same([await sent(key), await sent(CHAT_KEY)], [503, 200], 'another one in its place is not it')
  rmSync(dir, { recursive: true })
  renameSync(dir + '.away', dir)
  await until(() => database.healthy)
  t.same([await sent(key), await sent(CHAT_KEY)], [200, 200])
  await until(() => rowsOf(gateway).length === 6 && rowsOf(gateway).every(({ outcome }) => outcome === 'done'))
  t.equal(upstream.requests.length, 6)
  t.equal(gateway.app.quota.held, 0)
  t.match(gateway.lines().filter(({ msg }) => String(msg).startsWith('cannot write to DATA_DIR')), [{ err: { message: /gateway.db was removed/ } }])
})
