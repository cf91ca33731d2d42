import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Database } from '../../../plugins/database/database.ts'
import { openDatabase } from '../../../plugins/database/open.ts'
import { keepDeleting } from '../../../plugins/ledger/retention.ts'
import { CLOSE, OPEN } from '../../../plugins/ledger/row.ts'
import { PostgresClient } from '../../../plugins/postgres/client.ts'
import { usedByEach } from '../../../plugins/postgres/others.ts'
import { columns, MIGRATE } from '../../../plugins/postgres/schema.ts'
import { Shipper } from '../../../plugins/postgres/shipper.ts'
import { endSpool, Spool } from '../../../plugins/postgres/spool.ts'
import { until, type Teardown } from '../../helper.ts'
import { PASSWORD, startPostgres, withoutPostgres, type Database as Common } from '../../postgres.ts'

t.setTimeout(120_000)

const postgres = withoutPostgres === false ? await startPostgres(t) : undefined
const test = (name: string, run: (t: typeof import('tap').t, common: Common) => Promise<void>): void => {
  t.test(name, { skip: withoutPostgres }, async (t) => await run(t as typeof import('tap').t, await postgres!.database()))
}

/** A ledger, and what sends it. */
interface Ledger {
  database: Database
  lines: Array<Record<string, unknown>>
  open (fields?: Fields): number
  close (seq: number, fields?: Fields): void
  row (fields?: Fields): number
  ship (options?: { spool?: Spool, patience?: number }): void
  shipper?: Shipper
}

interface Fields { key?: string, groups?: string[], model?: string, startedAt?: number, lossy?: string[], cost?: number | null, input?: number | null, limits?: unknown }

function ledger (t: Teardown, common: Common, dir = mkdtempSync(join(tmpdir(), 'llm-gateway-spool-'))): Ledger {
  const database = new Database(openDatabase(dir), { onFault: (error) => { throw error } })
  const lines: Ledger['lines'] = []
  const told = (fields: unknown, text?: string): void => { lines.push(typeof fields === 'string' ? { text: fields } : { ...fields as object, text }) }
  let closed = false
  t.teardown(async () => {
    if (!closed) await database.close()
    closed = true
    rmSync(dir, { recursive: true, force: true })
  })
  let seq = Number(database.get('SELECT max(seq) AS seq FROM requests')?.['seq'] ?? 0)
  return {
    database,
    lines,
    open ({ key = 'k1', groups, model = 'm1', startedAt = Date.now(), limits } = {}) {
      database.write(OPEN, [++seq, `${database.id}-${String(seq).padStart(8, '0')}`, null, startedAt, key, `${key} name`, groups === undefined ? null : JSON.stringify(groups), 'p', model, model === 'm1' ? null : 'sent', 'd', 'd', 1, 1, 5, 7, limits === undefined ? null : JSON.stringify(limits)])
      return seq
    },
    close (seq, { lossy, cost = 11, input = 3 } = {}) {
      database.write(CLOSE, [1, 2, 'served', 1, 200, 'done', null, 1, input, 1, null, null, 2, null, null, null, 'provider', cost, 'v1', 'm', '{"input":1}', lossy === undefined ? null : JSON.stringify(lossy), seq])
    },
    row (fields) {
      const seq = this.open(fields)
      this.close(seq, fields)
      return seq
    },
    ship ({ spool = new Spool(database), patience = 5000 } = {}) {
      const client = new PostgresClient(common.url)
      const shipper = this.shipper = new Shipper({ client, spool, patience, gateway: database.id, log: { debug: () => {}, info: told, warn: told, error: told } })
      shipper.start()
      t.teardown(async () => {
        await shipper.stop()
        await client.close()
      })
    }
  }
}

const filled = ({ database }: Ledger): boolean =>
  database.get("SELECT (SELECT value FROM marks WHERE name = 'spool filled') >= (SELECT value FROM marks WHERE name = 'spool fill to') AS done")?.['done'] === 1
const spooled = ({ database }: Ledger): number => {
  database.flush()
  return Number(database.get('SELECT count(*) AS n FROM spool')?.['n'])
}
const sent = async (ledger: Ledger, common: Common): Promise<Array<Record<string, unknown>>> => {
  await until(() => ledger.shipper?.up === true && filled(ledger) && spooled(ledger) === 0)
  return await common.query('SELECT * FROM llm_gateway.requests ORDER BY seq')
}
const JSON_COLUMNS = ['groups', 'rates', 'lossy', 'limits']
/** A row of SQLite as Postgres has it. */
const same = (row: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.keys(columns).flatMap((name) => {
    const value = row[name]
    if (name === 'gateway') return []
    if (value === null || value === undefined) return [[name, null]]
    if (JSON_COLUMNS.includes(name)) return [[name, typeof value === 'string' ? JSON.parse(value) as unknown : value]]
    return [[name, name === 'stream' ? Boolean(value) : /^-?\d+$/.test(String(value)) ? Number(value) : value]]
  }))
const locals = ({ database }: Ledger): unknown[] => [...database.iterate('SELECT * FROM requests WHERE outcome IS NOT NULL ORDER BY seq')].map(same)
const sums = async (common: Common): Promise<Array<Record<string, unknown>>> =>
  (await common.query('SELECT owner, sum(calls)::int AS calls, sum(requests)::int AS requests, sum(input)::int AS input, sum(output)::int AS output, sum(held_tokens)::int AS held_tokens, sum(cost)::int AS cost, sum(unpriced)::int AS unpriced FROM llm_gateway.sums GROUP BY owner ORDER BY owner')).map((row) => ({ ...row }))

test('every column of the ledger is sent', async (t, common) => {
  const { database } = ledger(t, common)
  t.same([...database.iterate('PRAGMA table_info(requests)')].map(({ name }) => name).filter((name) => !(String(name) in columns)), [])
})

test('closed rows are sent whole, once, in the order they were closed; open ones are not', async (t, common) => {
  const it = ledger(t, common)
  it.ship()
  const first = it.open({ groups: ['a', 'b'], limits: { seen: [{ owner: 'k1', unit: 'tokens' }] } })
  const open = it.open()
  it.row({ lossy: ['x "quoted" \u00e9'], cost: null })
  it.close(first)
  const rows = await sent(it, common)
  t.same(rows.map(same), locals(it))
  t.equal(rows[0]?.['gateway'], it.database.id)
  t.strictSame(await sums(common), [
    { owner: 'group:a', calls: 1, requests: 1, input: 3, output: 2, held_tokens: 0, cost: 11, unpriced: 0 },
    { owner: 'group:b', calls: 1, requests: 1, input: 3, output: 2, held_tokens: 0, cost: 11, unpriced: 0 },
    { owner: 'k1', calls: 2, requests: 2, input: 6, output: 4, held_tokens: 0, cost: 11, unpriced: 1 }
  ])
  it.close(open)
  t.equal((await sent(it, common)).length, 3)
})

test('a batch that comes twice counts once, and a row that is priced anew counts with its new price', async (t, common) => {
  const it = ledger(t, common)
  const spool = new Spool(it.database)
  const client = new PostgresClient(common.url)
  t.teardown(() => client.close())
  await client.query('rows', MIGRATE, [], 5000)
  const seqs = [it.row(), it.row({ groups: ['a'] }), it.row({ cost: null })]
  const batch = (await spool.next(500))!
  for (let i = 0; i < 3; i++) await client.query('rows', 'SELECT llm_gateway.ship($1, $2::text::jsonb)', [it.database.id, batch.rows], 5000)
  t.strictSame((await sums(common)).map(({ owner, calls, cost, unpriced }) => [owner, calls, cost, unpriced]), [['group:a', 1, 11, 0], ['k1', 3, 22, 1]])

  it.ship()
  for (const seq of seqs) it.database.write('UPDATE requests SET cost = ?, price_version = ? WHERE seq = ?', [100, 'v2', seq])
  const rows = await sent(it, common)
  t.same(rows.map(same), locals(it))
  t.strictSame((await sums(common)).map(({ owner, calls, cost, unpriced }) => [owner, calls, cost, unpriced]), [['group:a', 1, 100, 0], ['k1', 3, 300, 0]])
})

test('what the ledger had before there was a common database is sent too, and nothing is deleted that is not', async (t, common) => {
  const it = ledger(t, common)
  for (let i = 0; i < 1234; i++) it.row({ startedAt: 1000 + i })
  const spool = new Spool(it.database)
  t.equal(spool.upTo(), 0)
  t.teardown(keepDeleting(it.database, { retention: 1, upTo: () => spool.upTo(), look: 10 }))
  await new Promise((resolve) => setTimeout(resolve, 100))
  t.equal(it.database.get('SELECT count(*) AS n FROM requests')?.['n'], 1234)
  it.ship({ spool })
  await until(() => it.database.get('SELECT count(*) AS n FROM requests')?.['n'] === 0)
  const [first] = await common.query('SELECT count(*)::int AS n FROM llm_gateway.requests')
  t.equal(first?.['n'], 1234)

  endSpool(it.database)
  it.row()
  t.equal(spooled(it), 0, 'nothing is spooled where nobody takes it')
  new Spool(it.database).fill()
  t.equal(spooled(it), 1)
})

test('texts that Postgres cannot hold are mended, and what it will never take keeps no other row back', async (t, common) => {
  const it = ledger(t, common)
  it.row()
  const nul = it.row({ model: 'a\0b', lossy: ['x\0', '\ud83d', '\ud83d\ude00'] })
  const never = it.row()
  it.database.write('UPDATE requests SET status = ? WHERE seq = ?', [2 ** 40, never])
  const last = it.row()
  it.ship()
  const rows = await sent(it, common)
  t.same(rows.map(({ seq }) => Number(seq)), [1, nul, last])
  t.equal(rows[1]?.['requested_model'], 'a\ufffdb')
  t.same(rows[1]?.['lossy'], ['x\ufffd', '\ufffd', '\ud83d\ude00'])
  t.match(it.lines.find(({ text }) => /does not take a row/.test(String(text))), { rows: RegExp(`"seq":${never}`) })
})

test('without Postgres rows wait; it is found again by itself, and told of once (S14)', async (t, common) => {
  const it = ledger(t, common)
  await postgres!.kill()
  it.ship()
  for (let i = 0; i < 700; i++) it.row()
  await until(() => it.lines.length > 0)
  await new Promise((resolve) => setTimeout(resolve, 500))
  t.equal(it.lines.length, 1)
  t.match(it.lines[0], { code: 'ECONNREFUSED', text: /away/ })
  await postgres!.start()
  const rows = await sent(it, common)
  t.equal(rows.length, 700)

  // The idle connection breaks, and so does the next.
  await postgres!.kill()
  it.row()
  await postgres!.start()
  t.equal((await sent(it, common)).length, 701)
  t.match(it.lines.map(({ text }) => text), [/away/, /again/])
  t.notMatch(JSON.stringify(it.lines), PASSWORD)
})

test('while Postgres stands still, for longer than is waited for it, nothing is lost or doubled (S14, S15)', async (t, common) => {
  const it = ledger(t, common)
  it.ship({ patience: 500 })
  it.row()
  await sent(it, common)
  postgres!.pause()
  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 100; j++) it.row()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await until(() => it.lines.length > 0)
  t.match(it.lines[0], { code: 'TIMEOUT' })
  postgres!.resume()
  const rows = await sent(it, common)
  t.same(rows.map(same), locals(it))
  t.match(await sums(common), [{ owner: 'k1', calls: 2001, cost: 2001 * 11 }])
})

test('what each gateway used of a counter', async (t, common) => {
  const one = ledger(t, common)
  const two = ledger(t, common)
  const now = Date.now()
  const window = { owner: 'k1', unit: 'requests', windowMs: 60_000, resetAt: now + 20_000 }
  const limits = { seen: [window, { ...window, owner: 'group:a' }] }
  for (const it of [one, two]) {
    it.row({ startedAt: now - 50_000, groups: ['a'], limits: { seen: [{ ...window, resetAt: now - 1 }] } })
    // It arrived before the window began, and counts in it.
    it.row({ startedAt: now - 41_000, groups: ['a'], limits })
    it.row({ startedAt: now - 30_000, key: 'k2' })
    it.ship()
  }
  two.row({ startedAt: now - 10_000, limits })
  await Promise.all([sent(one, common), sent(two, common)])
  const client = new PostgresClient(common.url)
  t.teardown(() => client.close())
  const length = { kind: 'length', ms: 60_000 } as const
  const startedAt = now - 40_000
  t.same(await usedByEach(client, { counter: 'c', owner: 'k1', unit: 'requests', window: length }, now), { [one.database.id]: { used: 1, startedAt }, [two.database.id]: { used: 2, startedAt } })
  t.same(await usedByEach(client, { counter: 'c', owner: 'group:a', unit: 'requests', window: length }, now), { [one.database.id]: { used: 1, startedAt }, [two.database.id]: { used: 1, startedAt } })
  t.same(await usedByEach(client, { counter: 'c', owner: 'k1', unit: 'requests', window: length }, now + 30_000), {}, 'that window is over')
  const calendar = { kind: 'calendar', startsAt: now - now % 900_000 - 900_000, endsAt: Infinity } as const
  t.same(await usedByEach(client, { counter: 'c', owner: 'k1', unit: 'money', window: calendar }), { [one.database.id]: { used: 22 }, [two.database.id]: { used: 33 } })
  t.same(await usedByEach(client, { counter: 'c', owner: 'k1', unit: 'tokens', window: calendar }), { [one.database.id]: { used: 12 }, [two.database.id]: { used: 18 } })
})
