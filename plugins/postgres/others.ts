import { groupOf } from '../keys/owner.ts'
import { ROW_TOKENS } from '../ledger/buckets.ts'
import { TOKENS } from '../ledger/sums.ts'
import type { Gauge, Used } from '../quota/store.ts'
import type { PostgresClient, Row } from './client.ts'

/** ms. */
const PATIENCE = 5000

const SUMS = `SELECT gateway, sum(requests) AS requests, sum(${TOKENS}) AS tokens, sum(cost) AS money
  FROM llm_gateway.sums WHERE owner = $1 AND slot >= $2 GROUP BY gateway`

/** ms from a request's arrival until it is counted, at most: a window may begin that much later than what counts in it. */
const SLACK = 600_000

/** Each row says when the windows that it counted in end: all gateways count in the same. */
const RECENT = `SELECT gateway, sum(requests) AS requests,
    sum(CASE WHEN outcome = 'interrupted' THEN held_tokens ELSE ${ROW_TOKENS} END) AS tokens, min((seen->>'resetAt')::numeric) - $4::bigint AS started
  FROM llm_gateway.requests, jsonb_array_elements(limits->'seen') AS seen
  WHERE started_at > $5::bigint - $4::bigint - ${SLACK} AND CASE WHEN $2::text IS NULL THEN key = $1 ELSE groups ? $2 END
    AND seen->>'owner' = $1 AND seen->>'unit' = $3 AND (seen->>'windowMs')::numeric = $4::bigint AND (seen->>'resetAt')::numeric > $5::bigint
  GROUP BY gateway`

/**
 * What each gateway used of a counter, as far as its rows are in Postgres: what a Redis that was restarted empty is told of
 * gateways that are not there to tell it themselves.
 */
export async function usedByEach (client: PostgresClient, { owner, unit, window }: Gauge, now = Date.now()): Promise<Record<string, Used>> {
  if (window.kind === 'held' || unit === 'parallel') return {}
  if (window.kind === 'calendar') {
    const rows = await client.query('reports', SUMS, [owner, window.startsAt], PATIENCE)
    return byGateway(rows, (row) => ({ used: Number(row[unit]) }))
  }
  const rows = await client.query('reports', RECENT, [owner, groupOf(owner) ?? null, unit, window.ms, now], PATIENCE)
  return byGateway(rows, (row) => ({ used: Number(row[unit]), startedAt: Number(row['started']) }))
}

function byGateway (rows: Row[], used: (row: Row) => Used): Record<string, Used> {
  return Object.fromEntries(rows.map((row) => [String(row['gateway']), used(row)]))
}
