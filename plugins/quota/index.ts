import fp from 'fastify-plugin'
import type { VirtualKey } from '../keys/index.ts'
import { defaultDialect } from '../../providers/dialects/index.ts'
import type { Dialect, Standing } from '../../providers/dialects/dialect.ts'
import { formatWait } from '../../providers/dialects/wait.ts'
import { GatewayError } from '../errors.ts'
import { MemoryStore, type Granted } from './memory.ts'

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
  /** It reached a provider: it counts, whatever came of it. @param used where that is less than was reserved */
  settle (used?: number): void
  /** It never did: it costs nothing. */
  release (): void
}

export interface Quota {
  /** @throws {GatewayError} `rate_limit_exceeded` where the key has not so many requests left this hour. */
  reserve (key: VirtualKey, dialect?: Dialect, amount?: number): Hold
  /** Requests an hour; Infinity where there is no limit. */
  limit (key: VirtualKey): number
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
    reserve (key, dialect, amount = 1) {
      const limit = limitOf(key)
      const reservation = store.reserve([{ counter: counterOf(key), amount, limit, window: HOUR }])
      if (!reservation.granted) throw refusal(standingOf(key), amount, quota.headers(key, dialect))
      return hold(reservation, amount)
    },
    limit: limitOf,
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

  function hold (reservation: Granted, amount: number): Hold {
    let open = true
    const end = (used: number): void => {
      if (!open) return
      open = false
      store.settle(reservation, [used])
    }
    return { settle: (used = amount) => end(used), release: () => end(0) }
  }

  fastify.decorate('quota', quota)
}, { name: 'quota', fastify: '5.x', dependencies: ['config', 'errors', 'keys'] })

function refusal ({ limit, remaining, resetIn }: Standing, amount: number, headers: Record<string, string>): GatewayError {
  // A limit of zero opens no window: there is nothing to wait for, and an hour says so in the header's own terms.
  const wait = limit === 0 ? HOUR : resetIn
  const when = limit === 0 ? 'It allows none.' : `More in ${formatWait(wait)}.`
  const what = amount === 1
    ? `This key has used its ${limit} requests an hour.`
    : `This asks for ${amount} requests at once, and of its ${limit} an hour the key has ${remaining} left.`
  return new GatewayError('rate_limit_exceeded', {
    message: `${what} ${when} ` +
      'To raise the limit, set "max_requests_per_hour" for the key in the gateway\'s keys.json, or MAX_REQUESTS_PER_HOUR for all keys.',
    headers: {
      ...headers,
      'retry-after': String(Math.ceil(wait / 1000)),
      ...(wait > PATIENCE ? { 'x-should-retry': 'false' } : {})
    }
  })
}
