import type { SQLInputValue } from 'node:sqlite'
import type { Exchange } from '../logging/exchange.ts'
import { bounded, boundedNames, statusOf } from '../logging/line.ts'
import { redactorFor } from '../logging/redact.ts'
import { ratesMet } from '../prices/rates.ts'
import { BUCKET_COLUMNS, countsOf } from './buckets.ts'

/** A row as it is opened: before anything goes upstream. */
export const OPEN = `INSERT INTO requests (
  seq, id, request_id, started_at, key, key_name, groups, provider, requested_model, sent_model, client_dialect, upstream_dialect,
  stream, requests, hold, held_tokens, limits
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

/** And as it is closed. */
export const CLOSE = `UPDATE requests SET
  first_byte_at = ?, ended_at = ?, served_model = ?, attempts = ?, status = ?, outcome = ?, error = ?, requests = ?,
  ${BUCKET_COLUMNS.map((column) => `${column} = ?`).join(', ')}, usage_source = ?, cost = ?, price_version = ?, price_model = ?, rates = ?, lossy = ?
  WHERE seq = ?`

/** Beside that, where another target than the first was asked in the end. */
export const MOVE = 'UPDATE requests SET provider = ?, sent_model = ?, upstream_dialect = ? WHERE seq = ?'

export function moved ({ provider, model, sentModel = model, upstreamDialect, key }: Exchange, seq: number): SQLInputValue[] {
  return [provider, sentModel === model ? null : bounded(sentModel, redactorFor(key)), upstreamDialect, seq]
}

export function opened (exchange: Exchange, seq: number): SQLInputValue[] {
  const { id, rowId, key, booking, model, sentModel = model } = exchange
  const redact = redactorFor(key)
  return [
    seq, rowId, id === rowId ? null : bounded(id, redact), exchange.startedAt, key.id, key.label, groupsOf(key.groups), exchange.provider,
    bounded(model, redact), sentModel === model ? null : bounded(sentModel, redact), exchange.clientDialect, exchange.upstreamDialect, exchange.stream ? 1 : 0,
    booking?.requests ?? 0, booking?.money ?? 0, booking?.tokens ?? 0, booking?.limits ?? null
  ]
}

export function closed (exchange: Exchange, seq: number): SQLInputValue[] {
  const { usage = {}, charge, lossy, servedModel, firstByteAt, endedAt } = exchange
  const redact = redactorFor(exchange.key)
  const clock = (at: number | undefined): number | null => at === undefined ? null : Math.round(exchange.startedAt + at - exchange.start)
  return [
    clock(firstByteAt), clock(endedAt), servedModel === undefined ? null : bounded(servedModel, redact),
    exchange.attempts, statusOf(exchange), exchange.outcome, exchange.error ?? null, exchange.requests,
    ...countsOf(usage, null), exchange.usageSource,
    charge?.cost ?? null, charge?.version ?? null, charge?.model ?? null, charge === undefined ? null : ratesMet(charge.rates, usage),
    lossy.length === 0 ? null : JSON.stringify(boundedNames(lossy, redact)), seq
  ]
}

/** The groups of a row, read again. */
export function groupsIn (row: Record<string, unknown>): string[] {
  return row['groups'] === null ? [] : JSON.parse(String(row['groups'])) as string[]
}

function groupsOf (groups: readonly string[] | undefined): string | null {
  return groups === undefined || groups.length === 0 ? null : JSON.stringify(groups)
}
