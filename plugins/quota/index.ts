import fp from 'fastify-plugin'
import { defaultDialect } from '../../providers/dialects/index.ts'
import { capName } from '../../providers/dialects/cap-name.ts'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import type { VirtualKey } from '../keys/index.ts'
import { groupOwner } from '../keys/owner.ts'
import type { Limit } from '../keys/limits.ts'
import { demandsOf, isSpending, type Ask, type Demands } from './demands.ts'
import { Finer } from './finer.ts'
import { fittingCap } from './fitting.ts'
import { byWait, gaugeOf } from './gauges.ts'
import { amountOf, StoreHold, type Hold, type Spent } from './hold.ts'
import { holdOf } from './memory.ts'
import { refusal } from './refusal.ts'
import { remainingHeaders, standings, type LimitStanding } from './standing.ts'
import type { Gauge, Granted, Level, Refused, Reservation } from './store.ts'
import { openStore } from './stores.ts'
import { Sweeper } from './sweeper.ts'

export type { Spend } from './ceiling.ts'
export type { Ask } from './demands.ts'
export type { Hold, LimitSeen } from './hold.ts'
export type { LimitStanding } from './standing.ts'
export type { Gauge } from './store.ts'

declare module 'fastify' {
  interface FastifyInstance {
    quota: Quota
  }
}

export interface Quota {
  /**
   * One atomic step over all limits of the key and its groups: all let it through, or nothing is held. A promise only
   * where the counters are elsewhere.
   *
   * @throws {GatewayError} (or rejects) `rate_limit_exceeded`, `budget_exceeded`, `price_unknown`, `unbounded_cost`
   */
  reserve (ask: Ask): Hold | Promise<Hold>
  /** Whether any limit of the key is on tokens or money: only then does it matter what a request may spend. */
  weighs (key: VirtualKey): boolean
  /** The fewest requests that any limit in force of the key allows in its window; Infinity where there is none. */
  limit (key: VirtualKey): number
  /** Reply headers that say where a key stands, now or when it got its hold; none where its requests have no limit. */
  headers (of: VirtualKey | Hold, dialect?: Dialect): Record<string, string>
  /** Every limit of the key and its groups, and how it stands. */
  standing (key: VirtualKey): Promise<LimitStanding[]>
  /** How many holds are open. */
  readonly held: number
  /** What they hold together: nano-dollars and tokens. */
  readonly heldSums: { readonly money: number, readonly tokens: number }
  /** How loose the bounds were: requests let through because they were counted, and refused although they may have fitted. */
  readonly bounds: { readonly spared: number, readonly falseRefusals: number }
  /** Where counters are shared by several gateways: whether they are within reach. */
  state (): 'up' | 'down' | undefined
}

/**
 * `fastify.quota`: holds each virtual key to its limits and those of its groups. A request reserves the most that it can
 * use before it goes out, and its hold is settled with what it did use, or given back. With counters in memory a
 * reservation is one synchronous step, so however many requests arrive at once, exactly as many pass as there is room for.
 */
export default fp(async (fastify) => {
  const { config, keys, prices, log } = fastify
  // The store asks for all gauges while it opens.
  const limitsByKey = new WeakMap<VirtualKey, Limit[]>()
  const store = await openStore(fastify, allGauges)
  const sweeper = new Sweeper((hold) => {
    log.error({ hold: hold.id, limits: hold.explain() }, 'a request is over and its hold was never ended: all of it counts as used')
  })
  const finer = new Finer(log)
  /** By counter, for headers that cannot wait. Only where the store is elsewhere. */
  const known = new Map<string, Level & { at: number }>()

  function lastKnown ({ counter }: Gauge): Level {
    const level = known.get(counter)
    const resetIn = level === undefined ? 0 : level.resetIn - (performance.now() - level.at)
    return level === undefined || resetIn <= 0 ? NONE : { used: level.used, resetIn }
  }

  function limitsOf (key: VirtualKey): Limit[] {
    let limits = limitsByKey.get(key)
    if (limits === undefined) {
      const own = key.limits.some(({ name, owner }) => name === 'max_requests_per_hour' && owner === key.id)
      limits = [...key.limits, ...own ? [] : [everyKeys(key, config.maxRequestsPerHour)]].filter(({ limit }) => limit !== Infinity).sort(byWait)
      limitsByKey.set(key, limits)
    }
    return limits
  }

  function * allGauges (): Iterable<Gauge> {
    const now = Date.now()
    for (const key of keys.all()) yield * limitsOf(key).map((limit) => gaugeOf(limit, now))
  }

  function decide (ask: Ask, asked: Demands, reservation: Reservation): Hold | Promise<Hold> {
    if (!reservation.granted) return refuse(ask, asked, reservation)
    const { limits, elastic } = asked
    if (ask.spend?.tokens !== undefined) finer.spared++
    tellDryRuns(ask, asked, reservation)
    const cap = elastic === undefined ? asked.output : reservation.output
    const hold = new StoreHold(store, reservation, { limits, cap: asked.capped ? cap : undefined, alive: ask.alive, onEnd: (hold, used) => onEnd(ask, hold, used) })
    sweeper.add(hold)
    return hold
  }

  /** Unless a tokenizer finds that it takes less. */
  function refuse (ask: Ask, asked: Demands, { demand: index, levels }: Refused): Promise<Hold> {
    const { limits, demands, elastic } = asked
    const [limit, demand, level] = [limits[index], demands[index], levels[index]]
    if (limit === undefined || demand === undefined || level === undefined) throw new Error('refused by no limit')
    const [name, tokens] = isSpending(limit) ? [capName(ask.dialect), fittingCap(ask, asked, levels, prices)] : []
    const error = refusal({
      limit,
      need: holdOf(demand, elastic?.least ?? 0),
      level,
      underWay: isSpending(limit) ? sweeper.heldOf(demand.counter) : 0,
      ...name !== undefined && tokens !== undefined && { fitting: { name, tokens } },
      headers: remainingHeaders(limits, levels, ask.dialect)
    })
    const need = (tokens: number): { need: number, left: number } => {
      const other = ask.spend === undefined ? undefined : demandsOf({ ...ask, spend: { ...ask.spend, tokens } }, limits, prices)
      const same = other?.demands[other.limits.indexOf(limit)]
      return { need: same === undefined ? Infinity : holdOf(same, other?.elastic?.least ?? 0), left: limit.limit - level.used }
    }
    const { spend } = ask
    if (!finer.worth(spend, limit, need)) {
      finer.refused(ask, limit, need)
      throw error
    }
    return finer.count(ask, spend).then((counted) => {
      if (counted !== undefined) return quota.reserve(counted)
      finer.refused(ask, limit, need)
      throw error
    })
  }

  function tellDryRuns ({ id, key }: Ask, { limits, unknown }: Demands, { exceeded, levels }: Granted): void {
    for (const { limit: { name, owner }, error } of unknown) {
      log.info({ hold: id, key: key.label, limit: name, owner, reason: error.message }, 'a limit in a dry run would have refused the request')
    }
    for (const index of exceeded) {
      const { name, owner, limit } = limits[index] as Limit
      log.info({ hold: id, key: key.label, limit: name, owner, allows: limit, used: levels[index]?.used }, 'a limit in a dry run would have refused the request')
    }
  }

  function onEnd (ask: Ask, hold: StoreHold, used: Spent | undefined): void {
    sweeper.delete(hold)
    if (used === undefined) return
    countLate(ask, hold, used)
    const beyond = (what: number, held: number, unit: Limit['unit']): boolean => what > held && hold.limits.some((limit) => limit.unit === unit && !limit.dryRun)
    if (!beyond(used.cost, hold.money, 'money') && !beyond(used.tokens, hold.tokens, 'tokens')) return
    log.error({ hold: hold.id, used, limits: hold.explain() }, 'a request used more than was held for it')
  }

  /** What a new keys.json limits since the request was let through: the ledger will say that it was used, and so must the counter. */
  function countLate ({ id, key, time }: Ask, { granted }: StoreHold, used: Spent): void {
    const now = keys.withId(key.id)
    if (now === undefined || now === key) return
    const late = limitsOf(now)
      .filter(({ owner }) => owner === key.id || key.groups.some((group) => owner === groupOwner(group)))
      .map((limit) => ({ ...gaugeOf(limit, time), base: 0, each: 0, limit: limit.limit, dryRun: true }))
      .filter(({ counter, window }) => window.kind === 'calendar' && !granted.demands.some((demand) => demand.counter === counter))
    if (late.length === 0) return
    const settle = (reservation: Reservation): void => {
      if (reservation.granted) store.settle(reservation, late.map(({ unit }) => amountOf(unit, used)))
    }
    const reservation = store.reserve(`${id} late`, late)
    if (reservation instanceof Promise) reservation.then(settle).catch((err: unknown) => log.error({ err, hold: id }, 'what a request used is not in limits that are newer'))
    else settle(reservation)
  }

  const quota: Quota = {
    reserve (ask) {
      const asked = demandsOf(ask, limitsOf(ask.key), prices)
      if (asked.demands.length === 0) return new StoreHold(store, { ...UNLIMITED, id: ask.id }, { limits: [], cap: undefined, alive: ask.alive, onEnd: (hold, used) => onEnd(ask, hold, used) })
      const reservation = store.reserve(ask.id, asked.demands, asked.elastic)
      if (!(reservation instanceof Promise)) return decide(ask, asked, reservation)
      return reservation.then((decided) => {
        const at = performance.now()
        asked.demands.forEach(({ counter }, index) => known.set(counter, { ...decided.levels[index] ?? NONE, at }))
        return decide(ask, asked, decided)
      })
    },
    weighs: (key) => limitsOf(key).some(isSpending),
    limit: (key) => Math.min(Infinity, ...limitsOf(key).filter(({ unit, dryRun }) => unit === 'requests' && !dryRun).map(({ limit }) => limit)),
    headers (of, dialect = defaultDialect) {
      if (of instanceof StoreHold) return remainingHeaders(of.limits, of.granted.levels, dialect)
      if ('settle' in of) return {}
      const limits = limitsOf(of).filter(({ unit }) => unit === 'requests')
      if (limits.length === 0) return {}
      const gauges = limits.map((limit) => gaugeOf(limit, Date.now()))
      const levels = store.levels(gauges)
      return remainingHeaders(limits, levels instanceof Promise ? gauges.map(lastKnown) : levels, dialect)
    },
    async standing (key) {
      const limits = limitsOf(key)
      return standings(limits, await store.levels(limits.map((limit) => gaugeOf(limit, Date.now()))))
    },
    get held () { return sweeper.size },
    get heldSums () { return sweeper.sums },
    bounds: finer,
    state: () => store.state?.()
  }

  fastify.decorate('quota', quota)
  fastify.addHook('onClose', async () => {
    sweeper.stop()
    await store.close?.()
  })
}, { name: 'quota', fastify: '5.x', dependencies: ['config', 'database', 'errors', 'keys', 'ledger', 'postgres', 'prices'] })

const NONE: Level = { used: 0, resetIn: 0 }
const UNLIMITED: Omit<Granted, 'id'> = { granted: true, demands: [], held: [], output: 0, levels: [], exceeded: [], windows: [] }

/** What the setting MAX_REQUESTS_PER_HOUR allows each key that says nothing else. */
function everyKeys ({ id, label }: VirtualKey, limit: number): Limit {
  return { name: 'max_requests_per_hour', owner: id, label, unit: 'requests', per: 'hour', limit, dryRun: false }
}
