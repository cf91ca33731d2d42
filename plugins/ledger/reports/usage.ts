import { groupOf, groupOwner } from '../../keys/owner.ts'
import { TOTALS } from '../sums.ts'
import type { Dimension, UsageQuery, UsageRow } from './index.ts'
import { dayRuns } from './days.ts'

/** A query, `?` for each value. What it says is understood by other SQL databases too. */
export interface Statement { sql: string, values: Array<string | number> }

const DAY = 86_400_000
/** Where owners that are groups begin and end among the others, which are of hexadecimal digits. */
const GROUPS = groupOwner('')
const AFTER_GROUPS = 'group;'

/**
 * Sums of sums: rows of requests are never looked at, so that it costs the same whatever their number. Owners are found
 * one after another by the table's own order, and of each only the time that is asked for is read.
 */
export function usageStatement ({ by, from, to, timezone = 'UTC', key, group, provider, model, limit }: UsageQuery): Statement {
  const groups = group !== undefined || by.includes('group')
  const [first, last] = groups ? [GROUPS, AFTER_GROUPS] : ['', GROUPS]
  const where: string[] = ['s.slot >= ?', 's.slot < ?']
  const values: Array<string | number> = [first, last, last, from, to]
  const filter = (condition: string, ...given: Array<string | undefined>): void => {
    if (given[0] === undefined) return
    where.push(condition)
    values.push(...given.filter((value) => value !== undefined))
  }
  filter('(n.owner = ? OR n.name = ?)', key, key)
  filter('n.owner = ?', group === undefined ? undefined : groupOwner(group))
  filter('s.provider = ?', provider)
  filter('s.model = ?', model)
  const terms = by.flatMap((dimension) => dimensions[dimension]({ from, to, timezone }))
  const sql = `WITH RECURSIVE owners (owner) AS (
    SELECT min(owner) FROM sums WHERE owner >= ? AND owner < ?
    UNION ALL
    SELECT (SELECT min(s.owner) FROM sums s WHERE s.owner > o.owner AND s.owner < ?) FROM owners o WHERE o.owner IS NOT NULL
  ), named AS (
    SELECT o.owner, (SELECT s.key_name FROM sums s WHERE s.owner = o.owner ORDER BY s.slot DESC LIMIT 1) AS name
    FROM owners o WHERE o.owner IS NOT NULL
  )
  SELECT ${[...terms, ...TOTALS.map((total) => `${asNumber(`coalesce(sum(s.${total}), 0)`)} AS ${total}`)].join(', ')}
  FROM named n CROSS JOIN sums s WHERE s.owner = n.owner AND ${where.join(' AND ')}
  ${terms.length === 0 ? '' : `GROUP BY ${terms.map((_, index) => index + 1).join(', ')} ORDER BY ${terms.map((_, index) => index + 1).join(', ')}`}
  LIMIT ${limit}`
  return { sql, values }
}

/** A sum may be beyond what a number of ours holds exactly, nine million dollars; read as a whole number it would be an error then. */
export function asNumber (sum: string): string {
  return `CAST(${sum} AS double precision)`
}

const dimensions: Record<Dimension, (query: { from: number, to: number, timezone: string }) => string[]> = {
  key: () => ['n.owner AS key', 'n.name AS key_name'],
  group: () => ['n.owner AS team'],
  provider: () => ['s.provider AS provider'],
  model: () => ['s.model AS model'],
  day: (query) => [`${dayNumber(query)} AS day`]
}

/** Days since 1970, in the time zone. Written out, because a value that is put in may be taken for a fraction. */
function dayNumber ({ from, to, timezone }: { from: number, to: number, timezone: string }): string {
  if (timezone === 'UTC') return `s.slot / ${DAY}`
  const runs = dayRuns(timezone, from, to).map(({ startsAt, day, until }) => `WHEN s.slot < ${until} THEN ${day} + (s.slot - ${startsAt}) / ${DAY}`)
  return runs.length === 0 ? '0' : `CASE ${runs.join(' ')} END`
}

/** A row of the answer, its numbers as any database gives them. */
export function toUsageRow (row: Record<string, unknown>, by: readonly Dimension[]): UsageRow {
  const number = (name: typeof TOTALS[number]): number => Number(row[name])
  return {
    ...by.includes('key') && { key: String(row['key']), keyName: String(row['key_name']) },
    ...by.includes('group') && { group: groupOf(String(row['team'])) ?? '' },
    ...by.includes('provider') && { provider: String(row['provider']) },
    ...by.includes('model') && { model: String(row['model']) },
    ...by.includes('day') && { day: new Date(Number(row['day']) * DAY).toISOString().slice(0, 10) },
    calls: number('calls'),
    requests: number('requests'),
    usage: {
      input: number('input'),
      cacheRead: number('cache_read'),
      cacheWrite5m: number('cache_write_5m'),
      cacheWrite1h: number('cache_write_1h'),
      output: number('output'),
      reasoning: number('reasoning'),
      audioInput: number('audio_input'),
      audioOutput: number('audio_output')
    },
    heldTokens: number('held_tokens'),
    cost: number('cost'),
    unpriced: number('unpriced')
  }
}
