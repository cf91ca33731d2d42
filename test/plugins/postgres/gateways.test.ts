import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import t from 'tap'
import { post, startGateway, startProvider, until, type FakeProvider, type Teardown, type TestGateway } from '../../helper.ts'
import { start } from '../../process.ts'
import { PASSWORD, startPostgres, withoutPostgres, type Database } from '../../postgres.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const postgres = withoutPostgres === false ? await startPostgres(t) : undefined
const skip = { skip: withoutPostgres }

const ask = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] }
const reply = JSON.stringify({ id: 'c', object: 'chat.completion', model: 'gpt-4o-mini-2024-07-18', choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }], usage: { prompt_tokens: 1000, completion_tokens: 10, total_tokens: 1010 } })

const ADMIN_KEY = 'admin-0123456789-abcdef'

const chat = async (url: string): Promise<number> => {
  const response = await post(`${url}/v1/chat/completions`, ask)
  await response.text()
  return response.status
}
const provider = async (t: Teardown): Promise<FakeProvider> =>
  await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(reply))

const count = async (common: Database): Promise<number> =>
  Number((await common.query('SELECT count(*)::int AS n FROM llm_gateway.requests').catch(() => [{ n: -1 }]))[0]?.['n'])
const arrived = async (common: Database, rows: number): Promise<void> => {
  const deadline = Date.now() + 20_000
  while (await count(common) !== rows) {
    if (Date.now() > deadline) throw new Error(`${await count(common)} rows of ${rows}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
const SUMS = `SELECT owner, slot, provider, model, key_name, sum(calls) AS calls, sum(requests) AS requests, sum(input) AS input,
  sum(output) AS output, sum(held_tokens) AS held, sum(cost) AS cost, sum(unpriced) AS unpriced
  FROM sums GROUP BY owner, slot, provider, model, key_name ORDER BY owner, slot, model`
const numbers = (rows: Array<Record<string, unknown>>): unknown[] =>
  rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, /^\d+$/.test(String(value)) && name !== 'owner' ? Number(value) : value])))
const total = async (common: Database, column: string): Promise<number> =>
  Number((await common.query(`SELECT sum(${column}) AS n FROM llm_gateway.sums WHERE owner NOT LIKE 'group:%'`))[0]?.['n'])

t.test('three gateways, one database: rows and sums of all', skip, async (t) => {
  const common = await postgres!.database()
  const upstream = await provider(t)
  const gateways: TestGateway[] = []
  for (let i = 0; i < 3; i++) {
    gateways.push(await startGateway(t, upstream.url, { env: { DATABASE_URL: common.url, ADMIN_KEY } }))
  }
  await Promise.all(gateways.flatMap(({ url }) => Array.from({ length: 40 }, async () => t.equal(await chat(url), 200))))
  await arrived(common, 120)
  const ids = await common.query('SELECT count(DISTINCT id)::int AS ids, count(DISTINCT gateway)::int AS gateways FROM llm_gateway.requests')
  t.match(ids, [{ ids: 120, gateways: 3 }])
  t.equal(await total(common, 'calls'), 120)
  t.equal(await total(common, 'input'), 120_000)
  for (const { app } of gateways) {
    const { database, postgres } = app
    database!.flush()
    t.same(numbers(await common.query(SUMS.replace('FROM sums', `FROM llm_gateway.sums WHERE gateway = '${database!.id}'`))), numbers([...database!.iterate(SUMS)]))
    t.equal(postgres!.state(), 'up')
  }
  for (const { url } of gateways) {
    const ask = async (path: string): Promise<unknown> => await (await fetch(url + path, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).json()
    t.match(await ask('/admin/usage'), { total: { calls: 120, input: 120_000 } }, 'each tells of all')
    const { data } = await ask('/admin/requests?limit=100') as { data: Array<{ id: string }> }
    t.equal(data.length, 100)
    t.match(await ask(`/admin/requests/${data[99]?.id}`), { data: [{ outcome: 'done', stream: false, usage: { input: 1000 } }] })
  }
  t.notMatch(gateways.flatMap(({ lines }) => lines()).map((line) => JSON.stringify(line)).join(''), PASSWORD)
})

t.test('Postgres away, standing still, killed and back under load: no reply waits for it, no row is lost or doubled (S13, S14, S15)', skip, async (t) => {
  const common = await postgres!.database()
  const upstream = await provider(t)
  await postgres!.kill()
  const gateway = await startGateway(t, upstream.url, { env: { DATABASE_URL: common.url } })
  t.equal((await fetch(`${gateway.url}/ready`)).status, 200)
  await t.rejects(gateway.app.postgres!.read('SELECT 1', []), { code: 'ledger_unavailable' })
  let calls = 0
  /** ms that half of the replies took at most, and all but one in a hundred. */
  const load = async (meanwhile: Promise<unknown> | number): Promise<number[]> => {
    const over = new AbortController()
    const ended = typeof meanwhile === 'number' ? new Promise((resolve) => setTimeout(resolve, meanwhile)) : meanwhile
    void ended.then(() => over.abort())
    const times: number[] = []
    await Promise.all(Array.from({ length: 4 }, async () => {
      while (!over.signal.aborted) {
        const began = performance.now()
        if (await chat(gateway.url) === 200) calls++
        times.push(performance.now() - began)
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }))
    times.sort((a, b) => a - b)
    return [0.5, 0.99].map((part) => Math.round(times[Math.floor(times.length * part)] ?? 0))
  }
  const figures: Record<string, number[]> = {}
  await load(200)
  figures['refused'] = await load(500)
  figures['started'] = await load(postgres!.start())
  await arrived(common, calls)
  figures['well'] = await load(500)
  postgres!.pause()
  figures['standing still'] = await load(1000)
  postgres!.resume()
  figures['resumed'] = await load(300)
  figures['killed'] = await load(Promise.all([postgres!.kill(), new Promise((resolve) => setTimeout(resolve, 400))]))
  figures['started again'] = await load(postgres!.start())
  const began = performance.now()
  await arrived(common, calls)
  t.ok(performance.now() - began < 10_000, 'all is there within 10 s')
  // On a busy machine the rarest replies say nothing.
  const usual = figures['well']?.[0] ?? 0
  for (const [name, [median = Infinity, p99]] of Object.entries(figures)) t.ok(median <= usual + 300, `${name}: ${median} ms, 99 % ${p99} ms`)
  t.equal(upstream.requests.length, calls)
  t.equal(await total(common, 'calls'), calls)
  t.ok(gateway.lines().filter(({ level, msg }) => Number(level) >= 30 && /Postgres/.test(String(msg))).length <= 2, 'said once each')
})

t.test('kill -9 at any moment: a gateway that comes back sends what is missing, and nothing twice (S14, S16)', skip, async (t) => {
  const common = await postgres!.database()
  const upstream = await provider(t)
  const data = mkdtempSync(join(tmpdir(), 'llm-gateway-data-'))
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  const env = { DATABASE_URL: common.url, DATA_DIR: data, LOG_DIR: join(data, 'logs'), MAX_REQUESTS_PER_HOUR: 'unlimited' }
  for (let round = 0; round < 2; round++) {
    const gateway = await start(t, upstream.url, env)
    const load = Promise.all(Array.from({ length: 8 }, async () => {
      while (await chat(gateway.url).catch(() => 0) === 200);
    }))
    // Batches leave five times a second: it dies in the middle of one now and then, at another moment each round.
    await new Promise((resolve) => setTimeout(resolve, 350 + round * 70))
    gateway.child.kill('SIGKILL')
    await gateway.ended
    await load
  }
  const last = await start(t, upstream.url, env)
  await until(() => /charged at their hold|listening/.test(last.output()))
  const db = new DatabaseSync(join(data, 'gateway.db'), { readOnly: true })
  t.teardown(() => db.close())
  const rows = Number(db.prepare('SELECT count(*) AS n FROM requests WHERE outcome IS NOT NULL').get()?.['n'])
  t.ok(rows > 0)
  await arrived(common, rows)
  t.ok(rows >= upstream.requests.length)
  t.same(numbers(await common.query(SUMS.replace('FROM sums', 'FROM llm_gateway.sums'))), numbers(db.prepare(SUMS).all()))
  const ids = await common.query('SELECT id FROM llm_gateway.requests ORDER BY seq')
  t.same(ids.map(({ id }) => id), db.prepare('SELECT id FROM requests ORDER BY seq').all().map(({ id }) => id))
  t.notMatch(last.output(), encodeURIComponent(PASSWORD))
})
