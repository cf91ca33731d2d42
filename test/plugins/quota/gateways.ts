import { randomUUID } from 'node:crypto'
import { redisStore, type RedisStore, type RedisStoreOptions } from '../../../plugins/quota/redis/index.ts'
import type { Demand, Gauge, Granted, QuotaStore, Reservation, Used } from '../../../plugins/quota/store.ts'
import type { Teardown } from '../../helper.ts'

/** The least of a local store: what is spent and held of each counter, in one window that never ends. */
export class LocalStore implements QuotaStore {
  readonly used = new Map<string, number>()
  readonly #open = new Set<string>()

  reserve (id: string, demands: Demand[]): Reservation {
    const refused = demands.findIndex(({ counter, base, limit }) => (this.used.get(counter) ?? 0) + base > limit)
    if (refused !== -1) return { granted: false, demand: refused, levels: this.levels(demands) }
    for (const { counter, base } of demands) this.#add(counter, base)
    this.#open.add(id)
    const levels = demands.map((demand, i) => ({ used: this.levels(demands)[i]?.used ?? 0, resetIn: demand.window.kind === 'length' ? demand.window.ms : 0 }))
    return { granted: true, id, demands, held: demands.map(({ base }) => base), output: 0, levels, exceeded: [], windows: [] }
  }

  settle ({ id, demands, held }: Granted, used: number[]): void {
    if (!this.#open.delete(id)) return
    demands.forEach(({ counter, window }, i) => this.#add(counter, (window.kind === 'held' ? 0 : used[i] ?? 0) - (held[i] ?? 0)))
  }

  levels (gauges: Gauge[]): Array<{ used: number, resetIn: number }> {
    return gauges.map(({ counter }) => ({ used: this.used.get(counter) ?? 0, resetIn: 0 }))
  }

  #add (counter: string, amount: number): void {
    this.used.set(counter, (this.used.get(counter) ?? 0) + amount)
  }
}

/** A gateway as far as its limits go: a store, and a ledger of what was closed, which outlives it. */
export interface Gateway {
  store: RedisStore
  owner: string
  local: LocalStore
  rows: Map<string, Used>
  log: string[]
  /** As the books do it: settled and closed in one step. */
  settle (granted: Granted, used: number[]): void
}

export interface GatewayOptions extends Partial<RedisStoreOptions> {
  rows?: Map<string, Used>
  source?: string
  gauges?: Gauge[]
  others?: NonNullable<RedisStoreOptions['seed']['others']>
}

export async function startGateway (t: Teardown, url: string, { rows = new Map<string, Used>(), source = randomUUID(), owner = randomUUID(), others, gauges = [], ...options }: GatewayOptions = {}): Promise<Gateway> {
  const local = new LocalStore()
  const log: string[] = []
  const say = (line: unknown): void => { log.push(String(line)) }
  const store = await redisStore({
    url,
    local,
    replicas: 3,
    // This machine may be busy with other tests.
    patience: 5000,
    without: undefined,
    owner,
    log: { info: say, warn: say },
    seed: { source, own: ({ counter }) => rows.get(counter) ?? { used: 0 }, gauges: () => gauges, ...(others !== undefined && { others }) },
    ...options
  })
  t.teardown(() => store.close())
  return {
    store,
    owner,
    local,
    rows,
    log,
    settle (granted, used) {
      store.settle(granted, used)
      granted.demands.forEach(({ counter, window }, i) => {
        if (window.kind === 'calendar') rows.set(counter, { used: (rows.get(counter)?.used ?? 0) + (used[i] ?? 0) })
      })
    }
  }
}

export const month = { kind: 'calendar', startsAt: 0, endsAt: Date.now() + 30 * 86_400_000 } as const
export const hour = { kind: 'length', ms: 3_600_000 } as const
export const held = { kind: 'held' } as const

export function demand (counter: string, base: number, limit: number, more: Partial<Demand> = {}): Demand {
  return { counter, owner: 'k', unit: 'requests', window: month, base, each: 0, limit, dryRun: false, ...more }
}

/** @throws where it is not */
export async function granted (reservation: Reservation | Promise<Reservation>): Promise<Granted> {
  const answer = await reservation
  if (!answer.granted) throw new Error(`refused at ${answer.demand}`)
  return answer
}

export async function usedOf ({ store }: Gateway, gauge: Gauge): Promise<number> {
  return (await store.levels([gauge]))[0]?.used ?? NaN
}

/** As `until`, of what has to be asked for. */
export async function eventually (holds: () => Promise<boolean>, ms = 10_000): Promise<void> {
  const deadline = Date.now() + ms
  while (!await holds().catch(() => false)) {
    if (Date.now() > deadline) throw new Error(`never held: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

/** @returns whole numbers from 0 to below, the same for the same seed */
export function randomFrom (seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6D2B79F5) | 0
    let x = Math.imul(state ^ (state >>> 15), 1 | state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return Math.floor(((x ^ (x >>> 14)) >>> 0) / 2 ** 32 * below)
  }
}
