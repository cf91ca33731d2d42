import type { Usage } from '../../../providers/dialects/events.ts'
import { parseOrNothing } from '../../../providers/dialects/json.ts'
import { BUCKET_COLUMNS, usageOf } from '../buckets.ts'

/** A row of `requests`, as told. */
export interface LedgerRow {
  id: string
  /** `x-request-id`, where the client chose it. */
  requestId: string | undefined
  /** ms since 1970. */
  startedAt: number
  firstByteAt: number | undefined
  endedAt: number | undefined
  key: string
  keyName: string
  groups: string[]
  provider: string
  requestedModel: string
  /** As the provider was asked for it, where that is another name. */
  sentModel: string | undefined
  servedModel: string | undefined
  clientDialect: string
  upstreamDialect: string
  stream: boolean
  attempts: number | undefined
  status: number | undefined
  /** `undefined` while it is under way. */
  outcome: string | undefined
  error: string | undefined
  requests: number
  /** A bucket that is not there is not known. */
  usage: Usage
  usageSource: string | undefined
  /** Nano-dollars. */
  cost: number | undefined
  priceVersion: string | undefined
  priceModel: string | undefined
  /** As they were counted with, in nano-dollars per million tokens. */
  rates: Record<string, number> | undefined
  /** Nano-dollars. */
  hold: number
  heldTokens: number
  lossy: string[]
  /** The limits as they stood, as they were written down. */
  limits: unknown
}

/** What is read of a row. */
export const COLUMNS = `id, request_id, started_at, first_byte_at, ended_at, key, key_name, groups, provider, requested_model, sent_model, served_model,
  client_dialect, upstream_dialect, stream, attempts, status, outcome, error, requests, ${BUCKET_COLUMNS.join(', ')},
  usage_source, cost, price_version, price_model, rates, hold, held_tokens, lossy, limits`

type Columns = Record<string, unknown>

/** @param row its values as any database gives them */
export function toLedgerRow (row: Columns): LedgerRow {
  const text = (name: string): string | undefined => row[name] === null || row[name] === undefined ? undefined : String(row[name])
  const number = (name: string): number | undefined => text(name) === undefined ? undefined : Number(row[name])
  const json = (name: string): unknown => typeof row[name] === 'string' ? parseOrNothing(row[name]) : row[name] ?? undefined
  return {
    id: String(row['id']),
    requestId: text('request_id'),
    startedAt: Number(row['started_at']),
    firstByteAt: number('first_byte_at'),
    endedAt: number('ended_at'),
    key: String(row['key']),
    keyName: String(row['key_name']),
    groups: names(json('groups')),
    provider: String(row['provider']),
    requestedModel: String(row['requested_model']),
    sentModel: text('sent_model'),
    servedModel: text('served_model'),
    clientDialect: String(row['client_dialect']),
    upstreamDialect: String(row['upstream_dialect']),
    stream: Number(row['stream']) === 1 || row['stream'] === true,
    attempts: number('attempts'),
    status: number('status'),
    outcome: text('outcome'),
    error: text('error'),
    requests: Number(row['requests']),
    usage: usageOf(row),
    usageSource: text('usage_source'),
    cost: number('cost'),
    priceVersion: text('price_version'),
    priceModel: text('price_model'),
    rates: json('rates') as Record<string, number> | undefined,
    hold: Number(row['hold']),
    heldTokens: Number(row['held_tokens']),
    lossy: names(json('lossy')),
    limits: json('limits')
  }
}

function names (list: unknown): string[] {
  return Array.isArray(list) ? list.map(String) : []
}
