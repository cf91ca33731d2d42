/** The ledgers of several gateways held against Postgres, Redis and the provider's bill. */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { TOKENS } from '../../plugins/ledger/sums.ts'
import type { Database } from '../../test/postgres.ts'
import type { RedisServer } from '../../test/redis.ts'
import { costOf, type BillingProvider } from './provider.ts'

interface Row { id: string, request_id: string, key: string, key_name: string, groups: string | null, outcome: string | null, cost: number | null }

/** Columns that Postgres has to have as the ledger has them. */
const ROWS = 'SELECT id, request_id, key, key_name, groups, outcome, cost FROM requests'
const SUMS = `SELECT owner, sum(calls) AS calls, sum(requests) AS requests, sum(${TOKENS}) AS tokens, sum(cost) AS money FROM sums GROUP BY owner`
const COUNTER = 'llmgw:{limits}:counter:'

/** Reads all that folders of gateways have, which may be running. */
function readAll<T> (folders: string[], sql: string): T[] {
  return folders.flatMap((folder) => {
    const db = new DatabaseSync(join(folder, 'data', 'gateway.db'), { readOnly: true })
    try {
      return db.prepare(sql).all() as T[]
    } finally {
      db.close()
    }
  })
}

/** Counters of Redis that are not what the ledgers say, by name: by how much they are more. Minutes are over by then. */
export function counterDifferences (redis: RedisServer, folders: string[]): { compared: number, differences: Map<string, number> } {
  const sums = readAll<{ owner: string, calls: number } & Record<string, number>>(folders, SUMS)
  const differences = new Map<string, number>()
  const names = redis.cli('--scan', '--pattern', `${COUNTER}*`).split('\n').filter((name) => name.startsWith(COUNTER)).map((name) => name.slice(COUNTER.length))
    .filter((name) => !name.endsWith(' minute'))
  for (const name of names) {
    const [owner = '', unit = ''] = name.split(' ')
    const expected = unit === 'parallel' ? 0 : sums.filter((sum) => sum.owner === owner).reduce((all, sum) => all + (sum[unit] ?? 0), 0)
    const more = Number(redis.cli('hget', `${COUNTER}${name}`, 'u')) - expected
    if (more !== 0) differences.set(name, more)
  }
  return { compared: names.length, differences }
}

export function holdsLeft (redis: RedisServer): number {
  return redis.cli('--scan', '--pattern', 'llmgw:{limits}:holds:*').split('\n').filter(Boolean)
    .reduce((all, name) => all + Number(redis.cli('hlen', name)), 0)
}

/** What is wrong with the books at the end; prints the figures. @param budgets nano-dollars by the name of a key or `group:NAME` */
export async function audit (folders: string[], common: Database, provider: BillingProvider, budgets: Map<string, number>): Promise<string[]> {
  const wrong: string[] = []
  const zero = (what: string, number: number): string => {
    if (number !== 0) wrong.push(`${what}: ${number}`)
    return `${what} ${number}`
  }
  const rows = readAll<Row>(folders, ROWS)
  const sent = await common.query(`${ROWS.replace('groups,', '').replace('requests', 'llm_gateway.requests')}`) as unknown as Row[]
  const there = Map.groupBy(sent, ({ id }) => id)
  const byRequest = Map.groupBy(rows, (row) => row.request_id)
  const calls = [...provider.calls.values()]
  const sum = (list: Row[]): number => list.reduce((all, { cost }) => all + Number(cost ?? 0), 0)
  console.log(`\nledgers: ${rows.length} rows, ${sum(rows)} nano-dollars; Postgres: ${sent.length} rows, ${sum(sent)}; the provider saw ${calls.length} calls`)
  console.log([
    zero('rows lost', rows.filter(({ id }) => !there.has(id)).length),
    zero('rows doubled', [...there.values()].filter(({ length }) => length > 1).length + sent.length - there.size),
    zero('rows of nobody', sent.length - rows.filter(({ id }) => there.has(id)).length),
    zero('rows that differ', rows.filter(({ id, outcome, cost }) => there.get(id)?.some((row) => row.outcome !== outcome || Number(row.cost ?? -1) !== Number(cost ?? -1))).length),
    zero('rows open', rows.filter(({ outcome }) => outcome === null).length),
    zero('calls without a row', calls.filter(({ id }) => !byRequest.has(id)).length),
    zero('calls in two rows', [...byRequest.values()].filter(({ length }) => length > 1).length)
  ].join(', '))

  const owners = ['owner', 'calls', 'requests', 'tokens', 'money'] as const
  const total = (list: Array<Record<string, unknown>>): Map<string, string> => new Map([...Map.groupBy(list, ({ owner }) => String(owner))]
    .map(([owner, some]) => [owner, owners.slice(1).map((name) => some.reduce((all, one) => all + Number(one[name]), 0)).join(' ')]))
  const [own, common_] = [total(readAll(folders, SUMS)), total(await common.query(SUMS.replace('FROM sums', 'FROM llm_gateway.sums')))]
  console.log(zero('owners whose sums differ in Postgres', [...own].filter(([owner, totals]) => common_.get(owner) !== totals).length + Math.abs(own.size - common_.size)))

  const billed = (list: Row[]): number => list.reduce((all, { request_id: id }) => all + costOf(provider.calls.get(id) ?? { input: 0, output: 0 }), 0)
  const done = rows.filter(({ outcome }) => outcome === 'done')
  console.log(`finished calls: ${done.length}, ${sum(done)} nano-dollars, ${zero('more than the bill by', sum(done) - billed(done))}`)
  let spent = 0
  let full = 0
  for (const [name, limit] of budgets) {
    const mine = rows.filter(({ key_name: key, groups }) => name.startsWith('group:') ? groups?.includes(`"${name.slice(6)}"`) === true : key === name)
    const most = Math.max(billed(mine), sum(mine))
    if (most > limit) wrong.push(`budget of ${name}: ${limit}, billed ${billed(mine)}, in the ledger ${sum(mine)}`)
    spent += billed(mine)
    // A call holds more than it costs, so the last bit of a budget stays.
    if (most > limit * 0.9) full++
  }
  console.log(`budgets: ${budgets.size}, of which ${full} were used to nine tenths or more; billed ${spent} in all; exceeded ${wrong.filter((text) => text.startsWith('budget')).length}`)
  return wrong
}
