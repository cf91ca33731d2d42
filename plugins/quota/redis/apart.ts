import type { Demand, Elastic, Gauge, Granted, QuotaStore, Reservation } from '../store.ts'
import { GatewayError } from '../../errors.ts'
import type { Message, Share } from './messages.ts'

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
  readonly #used = new Map<string, { gauge: Gauge, share: Share }>()

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

  /** @param at when it was reserved: it counts in the window of that moment */
  add ({ demands }: Granted, used: number[], at: number): void {
    demands.forEach((gauge, i) => {
      const amount = used[i] ?? 0
      if (gauge.window.kind === 'held' || amount === 0) return
      const known = this.#used.get(gauge.counter)
      const over = known !== undefined && gauge.window.kind === 'length' && at - known.share.at >= gauge.window.ms
      if (known === undefined || over) this.#used.set(gauge.counter, { gauge, share: { used: amount, at } })
      else known.share = { used: known.share.used + amount, at: Math.min(known.share.at, at) }
    })
  }

  /** What is to be added, once. @param name of a window that it may open, unique with the counter */
  take (name: string): Message[] {
    const messages = [...this.#used.values()].map(({ gauge, share }): Message => ({ kind: 'merge', gauge, share, window: name }))
    this.#used.clear()
    return messages
  }

  clear (): void {
    this.#used.clear()
  }
}
