import fp from 'fastify-plugin'
import type { VirtualKey } from '../keys/index.ts'
import { defaultDialect } from '../../providers/dialects/index.ts'
import type { Dialect, Standing } from '../../providers/dialects/dialect.ts'
import { formatWait } from '../../providers/dialects/wait.ts'
import { GatewayError } from '../errors.ts'
import { MemoryStore, type Granted } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    quota: Quota
  }
}

const HOUR = 3_600_000

/** Longer waits than this an SDK does not sit out: it should tell its caller instead of trying again. */
const PATIENCE = 60_000

/** A request's place in its key's limits. Ends in exactly one of the two; a second call does nothing. */
export interface Hold {
  /** It reached a provider: it counts, whatever came of it. */
  settle (): void
  /** It never did: it costs nothing. */
  release (): void
}

export interface Quota {
  /** @throws {GatewayError} `rate_limit_exceeded` where the key has no request left this hour. */
  reserve (key: VirtualKey, dialect?: Dialect): Hold
  /** Reply headers that say where the key stands, as clients of the dialect read them; none for a key without a limit. */
  headers (key: VirtualKey, dialect?: Dialect): Record<string, string>
}

/**
 * Holds each virtual key to its requests per hour. The hour begins with the key's first counted request. Reserving is
 * one synchronous step, so however many requests arrive at once, exactly as many pass as there is room for.
 */
export default fp(async (fastify) => {
  const store = new MemoryStore()
  const limitOf = (key: VirtualKey): number => key.maxRequestsPerHour ?? fastify.config.maxRequestsPerHour
  const counterOf = (key: VirtualKey): string => `${key.id}:requests:hour`

  const quota: Quota = {
    reserve (key, dialect) {
      const limit = limitOf(key)
      const reservation = store.reserve([{ counter: counterOf(key), amount: 1, limit, window: HOUR }])
      if (!reservation.granted) throw refusal(standingOf(key), quota.headers(key, dialect))
      return hold(reservation)
    },
    headers (key, dialect = defaultDialect) {
      const standing = standingOf(key)
      if (standing.limit === Infinity) return {}
      return (dialect.limitHeaders ?? defaultDialect.limitHeaders)?.(standing) ?? {}
    }
  }

  function standingOf (key: VirtualKey): Standing {
    const limit = limitOf(key)
    const { used, resetIn } = store.level(counterOf(key))
    return { limit, remaining: Math.max(0, limit - used), resetIn, resetAt: Date.now() + resetIn }
  }

  function hold (reservation: Granted): Hold {
    let open = true
    const end = (used: number): void => {
      if (!open) return
      open = false
      store.settle(reservation, [used])
    }
    return { settle: () => end(1), release: () => end(0) }
  }

  fastify.decorate('quota', quota)
}, { name: 'quota', fastify: '5.x', dependencies: ['config', 'errors', 'keys'] })

function refusal ({ limit, resetIn }: Standing, headers: Record<string, string>): GatewayError {
  // A limit of zero opens no window: there is nothing to wait for, and an hour says so in the header's own terms.
  const wait = limit === 0 ? HOUR : resetIn
  const when = limit === 0 ? 'It allows none.' : `More in ${formatWait(wait)}.`
  return new GatewayError('rate_limit_exceeded', {
    message: `This key has used its ${limit} requests an hour. ${when} ` +
      'To raise the limit, set "max_requests_per_hour" for the key in the gateway\'s keys.json, or MAX_REQUESTS_PER_HOUR for all keys.',
    headers: {
      ...headers,
      'retry-after': String(Math.ceil(wait / 1000)),
      ...(wait > PATIENCE ? { 'x-should-retry': 'false' } : {})
    }
  })
}
