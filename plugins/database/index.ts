import fp from 'fastify-plugin'
import { Database } from './database.ts'
import { InUse, openDatabase, type Opened } from './open.ts'

export type { Database } from './database.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What the gateway keeps, in `DATA_DIR`; `null` where that cannot be used. */
    database: Database | null
  }
}

/**
 * `fastify.database`: one SQLite file. A folder that another process has ends the start: two would count past each
 * other. One that cannot be written ends it too where `LEDGER_ON_ERROR` is `refuse`, and else costs what is kept in it.
 */
export default fp(async (fastify) => {
  const { config: { dataDir, ledgerOnError }, log } = fastify
  const opened = open()
  if (opened === undefined) {
    fastify.decorate('database', null)
    return
  }
  const database = new Database(opened, {
    onFault: (err, waiting, lost) => log.error({ dir: dataDir, err, waiting, lost }, 'cannot write to DATA_DIR: what was to be kept waits in memory'),
    onRecovery: () => log.info({ dir: dataDir }, 'DATA_DIR takes writes again')
  })
  fastify.decorate('database', database)
  fastify.addHook('onClose', () => database.close())

  function open (): Opened | undefined {
    try {
      return openDatabase(dataDir)
    } catch (error) {
      if (error instanceof InUse) throw error
      const reason = error instanceof Error ? error.message : String(error)
      if (ledgerOnError === 'refuse') throw new Error(`cannot use DATA_DIR ${JSON.stringify(dataDir)}: ${reason}; make it a folder that this user may write, or set LEDGER_ON_ERROR=serve to go on without it`)
      log.error({ dir: dataDir, err: error }, 'cannot use DATA_DIR: no ledger is kept, and refused are keys with a budget and requests for what a provider keeps')
      return undefined
    }
  }
}, { name: 'database', fastify: '5.x', dependencies: ['config'] })
