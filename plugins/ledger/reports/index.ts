import fp from 'fastify-plugin'
import type { Usage } from '../../../providers/dialects/events.ts'
import { GatewayError } from '../../errors.ts'
import { findRequests, REQUEST, scanEnd } from './requests.ts'
import { toLedgerRow, type LedgerRow } from './row.ts'
import { toUsageRow, usageStatement } from './usage.ts'

export type { LedgerRow } from './row.ts'

declare module 'fastify' {
  interface FastifyInstance {
    reports: Reports
  }
}

/** What the ledger says, to whoever asks. With a database that all replicas share, it says it for all of them. */
export interface Reports {
  /** Sums, by what is asked for. */
  usage (query: UsageQuery): Promise<UsageRow[]>
  /** Rows, newest first. */
  requests (query: RequestsQuery): Promise<RequestsPage>
  /** By a row's id or an `x-request-id`, which clients may use again: newest first. */
  request (id: string): Promise<LedgerRow[]>
}

export type Dimension = 'key' | 'group' | 'provider' | 'model' | 'day'

export interface UsageQuery {
  /** One row for each of their values. Of none: one row. `group` is of other sums than `key`, so they do not go together. */
  by: readonly Dimension[]
  /** From when, until before when, in ms since 1970: both begin a quarter of an hour. */
  from: number
  to: number
  /** In which days begin. Default: UTC. */
  timezone?: string
  /** A key's id or name. */
  key?: string
  group?: string
  provider?: string
  model?: string
  /** How many rows at most. */
  limit: number
}

export interface Totals {
  /** Requests that went out, each one row of the ledger. */
  calls: number
  /** The same as quotas count them: a batch is as many as it holds. */
  requests: number
  usage: Required<Usage>
  /** Tokens charged at the hold, where what was used will never be known. */
  heldTokens: number
  /** Nano-dollars. */
  cost: number
  /** How many calls used tokens whose price is not known. */
  unpriced: number
}

/** Sums of one value of each dimension that was asked for. */
export interface UsageRow extends Totals {
  key?: string
  keyName?: string
  group?: string
  provider?: string
  model?: string
  /** `YYYY-MM-DD` */
  day?: string
}

export interface RequestsQuery {
  /** A key's id or name. */
  key?: string
  provider?: string
  /** As asked for, or as the provider named it. */
  model?: string
  /** One of the ledger's, or `open`. */
  outcome?: string
  /** By when they arrived, in ms since 1970: from, until before. */
  since?: number
  until?: number
  /** Only rows before the one of this id. */
  before?: string
  limit: number
}

export interface RequestsPage {
  rows: LedgerRow[]
  /** `before` of the next page; `undefined` where there is none. A page with few rows, or none, may have one after it. */
  next: string | undefined
}

/** `fastify.reports`: from the database that all gateways have in common, or the gateway's own; read in a thread. */
export default fp(async (fastify) => {
  const { database, postgres } = fastify
  async function read (sql: string, values: Array<string | number>): Promise<Array<Record<string, unknown>>> {
    if (postgres !== null) return await postgres.read(sql, values)
    if (database === null) throw new GatewayError('ledger_unavailable', { message: 'The gateway keeps no ledger: its data folder cannot be used.' })
    return await database.read(sql, ...values)
  }

  fastify.decorate('reports', {
    async usage (query) {
      const { sql, values } = usageStatement(query)
      return (await read(sql, values)).map((row) => toUsageRow(row, query.by))
    },
    async requests (query) {
      const boundary = scanEnd(query)
      const [end] = await read(boundary.sql, boundary.values)
      const to = end === undefined ? undefined : String(end['id'])
      const { sql, values } = findRequests(query, to)
      const rows = (await read(sql, values)).map(toLedgerRow)
      const more = rows.length > query.limit
      if (more) rows.pop()
      return { rows, next: more ? rows.at(-1)?.id : to }
    },
    async request (id) {
      return (await read(REQUEST, [id, id])).map(toLedgerRow)
    }
  } satisfies Reports)
}, { name: 'reports', fastify: '5.x', dependencies: ['database', 'errors', 'ledger', 'postgres'] })
