import { Type, type Static } from 'typebox'
import type { LedgerRow } from '../../plugins/ledger/reports/index.ts'
import { formatDollars } from '../../plugins/money.ts'

const Known = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])
const Tokens = Known(Type.Integer({ minimum: 0 }))
const Moment = Type.String({ description: 'RFC 3339, UTC' })

/** A row of the ledger as it is told. `null` is not known, or not yet. */
export const RequestSchema = Type.Object({
  id: Type.String({ description: 'The row\'s own, which no other has.' }),
  request_id: Type.String({ description: '`x-request-id` of its reply.' }),
  started_at: Moment,
  first_byte_ms: Known(Type.Integer({ description: 'From its arrival to the first byte of the provider\'s reply.' })),
  ms: Known(Type.Integer({ description: 'From its arrival to its end.' })),
  key: Type.String({ description: 'The first 12 digits of the virtual key\'s SHA-256.' }),
  key_name: Type.String(),
  groups: Type.Array(Type.String()),
  provider: Type.String(),
  requested_model: Type.String(),
  sent_model: Type.String({ description: 'As the provider was asked for it.' }),
  served_model: Known(Type.String({ description: 'As the provider named it in its reply.' })),
  client_dialect: Type.String(),
  upstream_dialect: Type.String(),
  stream: Type.Boolean(),
  attempts: Known(Type.Integer({ description: 'How often a provider was asked.' })),
  status: Known(Type.Integer()),
  outcome: Known(Type.String({ description: '`null` while it is under way.' })),
  error: Known(Type.String()),
  requests: Type.Integer({ description: 'As how many requests it counts.' }),
  usage: Type.Object({
    input: Tokens,
    cache_read: Tokens,
    cache_write_5m: Tokens,
    cache_write_1h: Tokens,
    output: Tokens,
    reasoning: Tokens,
    audio_input: Tokens,
    audio_output: Tokens
  }, { description: 'Tokens, in buckets that do not overlap.' }),
  usage_source: Known(Type.String({ description: 'provider, partial, estimated or none' })),
  cost_nano: Known(Type.Integer({ description: 'In billionths of a dollar; `null` where no price is known.' })),
  cost_usd: Known(Type.String()),
  lossy: Type.Array(Type.String())
})

export type RequestReply = Static<typeof RequestSchema>

export function tellRequest (row: LedgerRow): RequestReply {
  const { usage, startedAt } = row
  const since = (time: number | undefined): number | null => time === undefined ? null : time - startedAt
  return {
    id: row.id,
    request_id: row.requestId ?? row.id,
    started_at: new Date(startedAt).toISOString(),
    first_byte_ms: since(row.firstByteAt),
    ms: since(row.endedAt),
    key: row.key,
    key_name: row.keyName,
    groups: row.groups,
    provider: row.provider,
    requested_model: row.requestedModel,
    sent_model: row.sentModel ?? row.requestedModel,
    served_model: row.servedModel ?? null,
    client_dialect: row.clientDialect,
    upstream_dialect: row.upstreamDialect,
    stream: row.stream,
    attempts: row.attempts ?? null,
    status: row.status ?? null,
    outcome: row.outcome ?? null,
    error: row.error ?? null,
    requests: row.requests,
    usage: {
      input: usage.input ?? null,
      cache_read: usage.cacheRead ?? null,
      cache_write_5m: usage.cacheWrite5m ?? null,
      cache_write_1h: usage.cacheWrite1h ?? null,
      output: usage.output ?? null,
      reasoning: usage.reasoning ?? null,
      audio_input: usage.audioInput ?? null,
      audio_output: usage.audioOutput ?? null
    },
    usage_source: row.usageSource ?? null,
    cost_nano: row.cost ?? null,
    cost_usd: row.cost === undefined ? null : formatDollars(row.cost),
    lossy: row.lossy
  }
}
