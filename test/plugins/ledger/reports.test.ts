import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { migrations } from '../../../plugins/database/migrations.ts'
import { dayRuns, startOfDate } from '../../../plugins/ledger/reports/days.ts'
import { findRequests, scanEnd } from '../../../plugins/ledger/reports/requests.ts'
import { toUsageRow, usageStatement, type Statement } from '../../../plugins/ledger/reports/usage.ts'
import type { Dimension, UsageQuery } from '../../../plugins/ledger/reports/index.ts'
import { Sums, type Addition } from '../../../plugins/ledger/sums.ts'

const DAY = 86_400_000
const SLOT = 15 * 60_000

function database (): DatabaseSync {
  const db = new DatabaseSync(':memory:')
  for (const step of migrations) db.exec(step)
  return db
}

function add (db: DatabaseSync, additions: Addition[]): void {
  const sums = new Sums()
  for (const addition of additions) sums.add(addition)
  for (const { sql, values } of sums.take()) db.prepare(sql).run(...values)
}

const ask = (db: DatabaseSync, { sql, values }: Statement): Array<Record<string, unknown>> => db.prepare(sql).all(...values)
const usage = (db: DatabaseSync, query: UsageQuery) => ask(db, usageStatement(query)).map((row) => toUsageRow(row, query.by))

/** Mulberry32. */
function generator (seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32 * below)
  }
}

t.test('sums by whatever is asked for are those of the rows', async (t) => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = generator(seed)
    const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T
    const begin = Date.UTC(2026, pick([2, 9]), 20)
    const additions = Array.from({ length: 200 }, (): Addition => {
      const key = pick(['0a', '1b', '2c'])
      return {
        startedAt: begin + random(20 * DAY),
        key,
        keyName: `name of ${key}`,
        groups: pick([[], ['red'], ['red', 'blue']]),
        provider: pick(['p', 'q']),
        model: pick(['m', 'n']),
        requests: random(3),
        usage: pick([undefined, { input: random(100), cacheRead: random(100) }, { output: random(100), reasoning: 1, cacheWrite5m: 1, cacheWrite1h: 2, audioInput: 3, audioOutput: 4 }]),
        heldTokens: random(5),
        cost: pick([undefined, random(1e9)])
      }
    })
    const db = database()
    add(db, additions)
    const asked = Array.from({ length: 20 }, (): UsageQuery => {
      const timezone = pick(['UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/Los_Angeles', 'Pacific/Apia'])
      const owners = pick(['key', 'group'] as const)
      const by = (['day', owners, 'provider', 'model'] as const).filter(() => random(2) === 1)
      const from = begin + random(10 * 96) * SLOT
      return {
        by,
        from,
        to: from + random(15 * 96) * SLOT,
        timezone,
        limit: 10_000,
        ...owners === 'key' && random(2) === 1 && { key: pick(['0a', 'name of 1b']) },
        ...owners === 'group' && { group: pick(['red', 'blue']) },
        ...random(3) === 1 && { model: 'm' },
        ...random(3) === 1 && { provider: 'q' }
      }
    })
    t.strictSame(asked.map((query) => ({ query, rows: usage(db, query) })), asked.map((query) => ({ query, rows: expected(additions, query) })), `seed ${seed}`)
  }

  function expected (additions: Addition[], { by, from, to, timezone = 'UTC', key, group, model, provider }: UsageQuery) {
    const wanted = additions.filter((row) => row.startedAt >= from && row.startedAt < to && (key === undefined || row.key === key || row.keyName === key) &&
      (group === undefined || row.groups.includes(group)) && (model === undefined || row.model === model) && (provider === undefined || row.provider === provider))
    const rows = new Map<string, ReturnType<typeof toUsageRow>>()
    const zero = () => ({ calls: 0, requests: 0, usage: { input: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 0, reasoning: 0, audioInput: 0, audioOutput: 0 }, heldTokens: 0, cost: 0, unpriced: 0 })
    if (by.length === 0) rows.set('', zero())
    const format = new Intl.DateTimeFormat('sv', { timeZone: timezone })
    for (const row of wanted) {
      const names = {
        ...by.includes('key') && { key: row.key, keyName: row.keyName },
        ...by.includes('group') && { group },
        ...by.includes('provider') && { provider: row.provider },
        ...by.includes('model') && { model: row.model },
        ...by.includes('day') && { day: format.format(row.startedAt - row.startedAt % SLOT) }
      }
      const name = by.map((dimension) => names[dimension as 'key']).join(' ')
      const sum = rows.get(name) ?? { ...names, ...zero() } as ReturnType<typeof toUsageRow>
      rows.set(name, sum)
      sum.calls++
      sum.requests += row.requests
      sum.heldTokens += row.heldTokens
      sum.cost += row.cost ?? 0
      sum.unpriced += row.usage !== undefined && row.cost === undefined ? 1 : 0
      for (const [bucket, tokens] of Object.entries(row.usage ?? {})) sum.usage[bucket as 'input'] += tokens
    }
    return [...rows].sort(([a], [b]) => a < b ? -1 : 1).map(([, row]) => row)
  }
})

t.test('a key that was renamed goes by its last name', async (t) => {
  const db = database()
  const row: Addition = { startedAt: Date.UTC(2026, 5, 1), key: 'ab', keyName: 'old', groups: [], provider: 'p', model: 'm', requests: 1, usage: undefined, heldTokens: 0, cost: 1 }
  add(db, [row, { ...row, startedAt: row.startedAt + DAY, keyName: 'new' }])
  const query = { by: ['key'] as Dimension[], from: 0, to: Date.UTC(2027), limit: 10 }
  t.match(usage(db, query), [{ key: 'ab', keyName: 'new', calls: 2 }])
  t.equal(usage(db, query).length, 1)
  t.match(usage(db, { ...query, key: 'new' }), [{ calls: 2 }])
  t.same(usage(db, { ...query, key: 'old' }), [])
})

t.test('days of a time zone, however long', async (t) => {
  const at = (text: string): number => Date.parse(text)
  t.strictSame(dayRuns('UTC', at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z')).length, 1)
  const berlin = dayRuns('Europe/Berlin', at('2026-01-01T00:00:00Z'), at('2027-01-01T00:00:00Z'))
  t.ok(berlin.length <= 6, `${berlin.length} runs`)
  t.equal(berlin[0]?.startsAt, at('2026-01-01T00:00:00+01:00'))
  t.ok(berlin.some(({ until }) => until === at('2026-03-30T00:00:00+02:00')), 'a day of 23 hours ends one')
  t.ok(berlin.some(({ until }) => until === at('2026-10-26T00:00:00+01:00')), 'and one of 25')
  for (const run of berlin) t.equal(new Intl.DateTimeFormat('sv', { timeZone: 'Europe/Berlin' }).format(run.startsAt), new Date(run.day * DAY).toISOString().slice(0, 10))
  t.equal(dayRuns('UTC', 0, at('2026-01-01T00:00:00Z'))[0]?.startsAt, at('2025-01-01T00:00:00Z'), 'from when there can be a ledger')

  t.equal(startOfDate('2026-11-26', 'UTC'), at('2026-11-26T00:00:00Z'))
  t.equal(startOfDate('2026-11-26', 'Pacific/Kiritimati'), at('2026-11-26T00:00:00+14:00'))
  t.equal(startOfDate('2026-11-26', 'Pacific/Pago_Pago'), at('2026-11-26T00:00:00-11:00'))
})

t.test('a page is found by an index, and ends after so many rows', async (t) => {
  const db = database()
  const insert = db.prepare(`INSERT INTO requests (id, started_at, key, key_name, provider, requested_model, client_dialect, upstream_dialect, stream, requests, hold, held_tokens)
    VALUES (?, ?, 'k', 'K', 'p', ?, 'd', 'd', 0, 1, 0, 0)`)
  db.exec('BEGIN')
  const first = Date.UTC(2026, 10, 1)
  for (let row = 0; row < 45_000; row++) {
    const time = first + row * 1000
    const digits = time.toString(16).padStart(12, '0')
    insert.run(`${digits.slice(0, 8)}-${digits.slice(8)}-7000-8000-000000000000`, time, row === 10 ? 'rare' : 'm')
  }
  db.exec('COMMIT')
  /** As the report does. */
  function page (query: Parameters<typeof scanEnd>[0]): { found: number, next: string | undefined } {
    const end = ask(db, scanEnd(query))[0]?.['id'] as string | undefined
    const rows = ask(db, findRequests(query, end))
    return { found: rows.length, next: rows.length > query.limit ? String(rows[query.limit - 1]?.['id']) : end }
  }
  const looked = [page({ model: 'rare', limit: 10 })]
  for (let next = looked[0]?.next; next !== undefined; next = looked.at(-1)?.next) looked.push(page({ model: 'rare', limit: 10, before: next }))
  t.strictSame(looked.map(({ found }) => found), [0, 0, 1], 'three looks at 20,000 rows each')
  t.equal(page({ limit: 10 }).found, 11)
  t.equal(page({ limit: 100, since: first + 5000, until: first + 9000 }).found, 4)
  t.equal(page({ limit: 100, since: first + 44_990_000 }).found, 10)
  const plan = (statement: Statement): string => ask(db, { ...statement, sql: `EXPLAIN QUERY PLAN ${statement.sql}` }).map(({ detail }) => detail).join('; ')
  for (const query of [{ limit: 10 }, { limit: 10, model: 'rare', key: 'k', since: 1, until: 2, outcome: 'open' }]) {
    for (const statement of [scanEnd(query), findRequests(query, 'a')]) t.match(plan(statement), /^SEARCH requests USING (COVERING )?INDEX sqlite_autoindex_requests_1 \(id/)
  }
  t.match(plan(usageStatement({ by: ['key', 'model'], from: 1, to: 2, limit: 10 })), /SEARCH s USING PRIMARY KEY \(owner=\? AND slot>\? AND slot<\?\)/)
})
