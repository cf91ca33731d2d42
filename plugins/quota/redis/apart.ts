import type { Demand, Elastic, Granted, QuotaStore, Reservation } from '../store.ts'
import { GatewayError } from '../../errors.ts'
import type { Message } from './messages.ts'
import { Tally } from './tally.ts'

/** What holds while Redis is away; undefined: `deny` where money is limited, `local` for the rest. */
export type Without = 'deny' | 'local' | undefined

/** Seconds after which a client may try again: Redis is tried about as often. */
const AGAIN = '2'

/**
 * Limits while Redis is away: each gateway has its part of them to itself, or what they limit is refused. What was used
 * is kept per counter, to be added when Redis is back.
 */
export class Apart {
  readonly #local: QuotaStore
  readonly #replicas: number
  readonly #without: Without
  readonly #used = new Tally()

  constructor (local: QuotaStore, replicas: number, without: Without) {
    this.#local = local
    this.#replicas = replicas
    this.#without = without
  }

  /** @throws {GatewayError} `limits_unavailable` */
  reserve (id: string, demands: Demand[], output?: Elastic): Reservation | Promise<Reservation> {
    const denied = demands.some(({ dryRun, unit }) => !dryRun && (this.#without ?? (unit === 'money' ? 'deny' : 'local')) === 'deny')
    if (denied) throw new GatewayError('limits_unavailable', { headers: { 'retry-after': AGAIN } })
    return this.#local.reserve(id, demands.map((demand) => ({ ...demand, limit: Math.floor(demand.limit / this.#replicas) })), output)
  }

  /** @param at when it was reserved */
  add (granted: Granted, used: number[], at: number): void {
    this.#used.add(granted, used, at, () => true)
  }

  /** What is to be added, once. @param name of a window that it may open, unique with the counter */
  take (name: string): Message[] {
    return this.#used.take().map(({ gauge, share }) => ({ kind: 'merge', gauge, share, window: name }))
  }

  clear (): void {
    this.#used.take()
  }
}
