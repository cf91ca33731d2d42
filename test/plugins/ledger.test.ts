import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Database } from '../../plugins/database/database.ts'
import { openDatabase } from '../../plugins/database/open.ts'
import { recentWindows, windowName } from '../../plugins/ledger/recent.ts'
import { mark, recover } from '../../plugins/ledger/recover.ts'
import { keepDeleting } from '../../plugins/ledger/retention.ts'
import { Sums } from '../../plugins/ledger/sums.ts'
import { until, type Teardown } from '../helper.ts'

function open (t: Teardown): Database {
  const dir = mkdtempSync(join(tmpdir(), 'llm-gateway-ledger-'))
  const database = new Database(openDatabase(dir), { onFault: (error) => { throw error } })
  t.teardown(async () => {
    await database.close()
    rmSync(dir, { recursive: true, force: true })
  })
  return database
}

const INSERT = `INSERT INTO requests (id, started_at, key, key_name, groups, provider, requested_model, client_dialect, upstream_dialect, stream, requests, hold, held_tokens, outcome, limits, input)
  VALUES (?, ?, 'k', 'name', ?, 'p', 'm', 'd', 'd', 0, ?, ?, ?, ?, ?, ?)`

interface Row { startedAt?: number, groups?: string[], requests?: number, hold?: number, heldTokens?: number, outcome?: string | null, limits?: unknown, input?: number }
let ids = 0
function insert (database: Database, { startedAt = Date.now(), groups, requests = 1, hold = 0, heldTokens = 0, outcome = 'done', limits, input }: Row = {}): void {
  database.write(INSERT, [`id${ids++}`, startedAt, groups === undefined ? null : JSON.stringify(groups), requests, hold, heldTokens, outcome, limits === undefined ? null : JSON.stringify(limits), input ?? null])
}
const count = (database: Database): unknown => database.get('SELECT count(*) AS n FROM requests')?.['n']

t.test('old rows go, a few at a time; what is open or recent or held back stays', async (t) => {
  const database = open(t)
  const old = Date.now() - 10_000
  insert(database, { startedAt: old, outcome: null })
  for (let i = 0; i < 999; i++) insert(database, { startedAt: old })
  for (let i = 0; i < 50; i++) insert(database)
  database.flush()
  const stop = keepDeleting(database, { retention: 5000, upTo: () => 700, look: 10 })
  await until(() => count(database) === 351)
  await new Promise((resolve) => setTimeout(resolve, 60))
  t.equal(count(database), 351, 'beyond 700 nothing goes')
  stop()
  const again = keepDeleting(database, { retention: 5000, look: 10 })
  await until(() => count(database) === 51)
  again()
  t.equal(database.get('SELECT count(*) AS n FROM requests WHERE outcome IS NULL')?.['n'], 1)
})

t.test('what the last process left open is charged at its hold, to the key and its groups, once', async (t) => {
  const database = open(t)
  insert(database, { outcome: null, hold: 1 })
  database.flush()
  mark(database, 2)
  insert(database)
  insert(database, { outcome: null, groups: ['team'], requests: 3, hold: 5000, heldTokens: 70 })
  database.flush()
  const sums = new Sums()
  t.equal(recover(database, sums), 1, 'the mark says that the first is closed')
  for (const { sql, values } of sums.take()) database.write(sql, values)
  database.flush()
  t.same([...database.iterate('SELECT owner, calls, requests, held_tokens, cost FROM sums ORDER BY owner')].map((row) => ({ ...row })), [
    { owner: 'group:team', calls: 1, requests: 3, held_tokens: 70, cost: 5000 },
    { owner: 'k', calls: 1, requests: 3, held_tokens: 70, cost: 5000 }
  ])
  t.match({ ...database.get('SELECT outcome, usage_source, cost FROM requests WHERE seq = 3') }, { outcome: 'interrupted', usage_source: 'none', cost: 5000 })
  t.equal(recover(database, new Sums()), 0)
})

t.test('windows that began with a request are found again as they stood', async (t) => {
  const database = open(t)
  const now = Date.now()
  const seen = (startedAt: number, owner = 'k'): unknown => ({ seen: [{ owner, unit: 'requests', windowMs: 3_600_000, resetAt: startedAt + 3_600_000 }, { owner, unit: 'tokens', windowMs: 60_000, resetAt: startedAt + 60_000 }] })
  insert(database, { startedAt: now - 3_000_000, limits: seen(now - 6_000_000), input: 5 })
  insert(database, { startedAt: now - 2_000_000, limits: seen(now - 2_000_000), groups: ['g'], input: 7 })
  insert(database, { startedAt: now - 1000, limits: seen(now - 2_000_000), requests: 2, input: 11 })
  database.flush()
  const windows = recentWindows(database, now)
  t.same(windows.get(windowName('k', 'requests', 3_600_000)), { startedAt: now - 2_000_000, used: 3 }, 'the one before is over')
  t.equal(windows.get(windowName('k', 'tokens', 60_000)), undefined)
})

t.test('sums of one moment are one write, and add up', async (t) => {
  const sums = new Sums()
  const addition = { startedAt: 1_800_000_000_000, key: 'k', keyName: 'n', groups: ['g'], provider: 'p', model: 'm', requests: 1, usage: { input: 3, output: 0 }, heldTokens: 0, cost: 7 }
  for (let i = 0; i < 10; i++) sums.add(addition)
  sums.add({ ...addition, cost: undefined })
  const [own, group] = sums.take()
  t.same(own?.values, ['k', 1_800_000_000_000, 'p', 'm', 'n', 11, 11, 33, 0, 0, 0, 0, 0, 0, 0, 0, 70, 1])
  t.equal(group?.values[0], 'group:g')
  t.same(sums.take(), [])
})
