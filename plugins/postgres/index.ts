import fp from 'fastify-plugin'
import { GatewayError } from '../errors.ts'
import type { Gauge, Used } from '../quota/store.ts'
import { PostgresClient, type Row } from './client.ts'
import { usedByEach } from './others.ts'
import { read } from './read.ts'
import { Shipper } from './shipper.ts'
import { endSpool, Spool } from './spool.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The database that all gateways of an installation have in common; `null` without `DATABASE_URL`. */
    postgres: Postgres | null
  }
}

export interface Postgres {
  /** Whether it is there, as far as is known. */
  state (): 'up' | 'down'
  /** About how many rows are yet to be sent. */
  readonly waiting: number
  /** The last row of the ledger that is not needed any more for what is yet to be sent. */
  upTo (): number
  /**
   * What a query of the tables `requests` and `sums`, with `?` for each value, finds in the rows of all gateways. Whole
   * numbers may come as text. @throws {GatewayError} `ledger_unavailable` where Postgres is away
   */
  read (sql: string, values: Array<string | number>): Promise<Row[]>
  /** What each gateway used of a counter, by its database's id, as far as its rows are in. @throws where Postgres is away */
  usedByEach (gauge: Gauge): Promise<Record<string, Used>>
}

/**
 * `fastify.postgres`: rows of the ledger on their way to Postgres. What is closed is in the gateway's own database first,
 * and waits there for as long as it must; no request waits for Postgres.
 */
export default fp(async (fastify) => {
  const { database, config: { databaseUrl }, log } = fastify
  if (databaseUrl === undefined) {
    if (database !== null) endSpool(database)
    fastify.decorate('postgres', null)
    return
  }
  const client = new PostgresClient(databaseUrl)
  // Without a database of its own a gateway keeps no ledger: there is nothing to send.
  const spool = database === null ? undefined : new Spool(database)
  const shipper = database === null || spool === undefined ? undefined : new Shipper({ client, spool, gateway: database.id, log })
  fastify.decorate('postgres', {
    state: () => shipper?.up === true ? 'up' : 'down',
    get waiting () { return spool?.length ?? 0 },
    upTo: () => spool?.upTo() ?? Infinity,
    async read (sql, values) {
      try {
        present()
        return await read(client, sql, values)
      } catch (cause) {
        throw new GatewayError('ledger_unavailable', { message: 'The database that all gateways have in common cannot be asked now. Try again in a moment.', cause })
      }
    },
    async usedByEach (gauge) {
      present()
      return await usedByEach(client, gauge)
    }
  })

  /** Nobody waits for what is known to be away. */
  function present (): void {
    if (shipper?.up === false) throw new Error('Postgres is away')
  }

  fastify.addHook('onReady', async () => shipper?.start())
  fastify.addHook('onClose', async () => {
    await shipper?.stop()
    await client.close()
  })
}, { name: 'postgres', fastify: '5.x', dependencies: ['config', 'database', 'errors'] })
