import { randomUUID } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { MemoryStore } from './memory.ts'
import type { Gauge, QuotaStore } from './store.ts'

/**
 * The one place where it is chosen which store keeps the counters.
 *
 * @param gauges of every limit that a key has now
 */
export async function openStore ({ config, database, ledger, log, postgres }: FastifyInstance, gauges: () => Iterable<Gauge>): Promise<QuotaStore> {
  const local = new MemoryStore({ seed: (gauge) => ledger.used(gauge) })
  const { redisUrl, replicas, limitsWithoutRedis } = config
  if (redisUrl === undefined) return local
  const { redisStore } = await import('./redis/index.ts')
  return await redisStore({
    url: redisUrl,
    local,
    replicas,
    without: limitsWithoutRedis,
    log,
    owner: randomUUID(),
    seed: {
      // As long as its rows last. Without any, what this process used is nobody's but its own.
      source: database?.id ?? randomUUID(),
      own: (gauge) => ledger.used(gauge),
      gauges,
      ...postgres !== null && { others: (gauge: Gauge) => postgres.usedByEach(gauge) }
    }
  })
}
