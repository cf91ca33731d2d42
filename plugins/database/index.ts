import fp from 'fastify-plugin'
import { InUse, openDatabase, type Opened } from './open.ts'
import { DatabaseWriter } from './writer.ts'

export type { DatabaseWriter } from './writer.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** What the gateway keeps, in `DATA_DIR`; `null` where that cannot be used. */
    database: DatabaseWriter | null
  }
}

/**
 * `fastify.database`: one SQLite file. A folder that cannot be written, or that another process has, costs what is kept
 * in it, and nothing else.
 */
export default fp(async (fastify) => {
  const { config: { dataDir }, log } = fastify
  const opened = open()
  if (opened === undefined) {
    fastify.decorate('database', null)
    return
  }
  const database = new DatabaseWriter(opened.db, {
    onFault: (err, waiting) => log.warn({ dir: dataDir, err, waiting }, 'cannot write to DATA_DIR: what was to be kept waits in memory')
  })
  fastify.decorate('database', database)
  fastify.addHook('onClose', async () => {
    database.flush()
    opened.close()
  })

  function open (): Opened | undefined {
    try {
      return openDatabase(dataDir)
    } catch (error) {
      if (error instanceof InUse) log.warn({ dir: dataDir }, error.message)
      else log.warn({ dir: dataDir, err: error }, 'cannot use DATA_DIR: requests for what a provider keeps are refused')
      return undefined
    }
  }
}, { name: 'database', fastify: '5.x', dependencies: ['config'] })
