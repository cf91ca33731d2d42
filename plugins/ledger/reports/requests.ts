import type { RequestsQuery } from './index.ts'
import { COLUMNS } from './row.ts'
import type { Statement } from './usage.ts'

/** Rows that are looked at for one page, at most. */
const SCAN = 20_000
/** Rows that one `x-request-id` is answered with, at most. */
const SAME = 20
/** An id has the time of a request's arrival in it, by which the place to look at is found: more or less. */
const SLACK = 60_000

/** By a row's id or a client's. */
export const REQUEST = `SELECT ${COLUMNS} FROM requests WHERE id = ? OR request_id = ? ORDER BY id DESC LIMIT ${SAME}`

/** Where the look for a page's rows ends, however few it has found: the last id that it comes to; none at the ledger's end. */
export function scanEnd (query: RequestsQuery): Statement {
  const { where, values } = range(query)
  return { sql: `SELECT id FROM requests WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT 1 OFFSET ${SCAN - 1}`, values }
}

/** A page's rows and one more. @param end as of `scanEnd` */
export function findRequests (query: RequestsQuery, end: string | undefined): Statement {
  const { where, values } = range(query)
  const filter = (condition: string, ...given: Array<string | number | undefined>): void => {
    if (given[0] === undefined) return
    where.push(condition)
    values.push(...given.filter((value) => value !== undefined))
  }
  const { key, provider, model, outcome, since, until, limit } = query
  filter('id >= ?', end)
  filter('started_at >= ?', since)
  filter('started_at < ?', until)
  filter('(key = ? OR key_name = ?)', key, key)
  filter('provider = ?', provider)
  filter('(requested_model = ? OR served_model = ?)', model, model)
  if (outcome === 'open') where.push('outcome IS NULL')
  else filter('outcome = ?', outcome)
  return { sql: `SELECT ${COLUMNS} FROM requests WHERE ${where.join(' AND ')} ORDER BY id DESC LIMIT ${limit + 1}`, values }
}

/** By ids, in whose index rows are in the order of their arrival. */
function range ({ before, since, until }: Pick<RequestsQuery, 'before' | 'since' | 'until'>): { where: string[], values: Array<string | number> } {
  const where = ['id < ?']
  const upTo = until === undefined ? LAST : firstIdAt(until + SLACK)
  const values: Array<string | number> = [before === undefined || before > upTo ? upTo : before]
  if (since !== undefined) {
    where.push('id >= ?')
    values.push(firstIdAt(since - SLACK))
  }
  return { where, values }
}

const LAST = 'g'

/** What no id of that millisecond or a later one is before: ids are UUIDs of version 7. */
function firstIdAt (time: number): string {
  const digits = Math.max(0, time).toString(16).padStart(12, '0')
  return `${digits.slice(0, 8)}-${digits.slice(8)}`
}
