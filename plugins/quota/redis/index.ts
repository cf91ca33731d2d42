import { randomUUID } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Demand, Elastic, Gauge, Granted, Level, QuotaStore, Reservation } from '../store.ts'
import { Apart, type Without } from './apart.ts'
import { Batch } from './batch.ts'
import { keys, spanOf } from './keys.ts'
import { Link, type Reply } from '../../redis/link.ts'
import { soon } from '../../redis/soon.ts'
import type { Message } from './messages.ts'
import { Sharing, type Shares } from './shares.ts'
import { Outbox, type Sender } from './outbox.ts'
import { hello } from './scripts/hello.ts'
import { levels } from './scripts/levels.ts'
import { sweep } from './scripts/sweep.ts'

export type { Shares } from './shares.ts'

export interface RedisStoreOptions {
  url: string
  seed: Shares
  /** Where limits are while Redis is away. */
  local: QuotaStore
  /** How many gateways share the limits then. */
  replicas: number
  without: Without
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** This process, as no other was or will be called. */
  owner: string
  /** ms that a request waits for Redis. Default: 75, so that all of it stays below 100. */
  patience?: number
  /** ms for which a gateway that says nothing is believed alive. Default: a minute. */
  lease?: number
  /** ms between two looks for holds of gateways that are not. Default: 15 seconds. */
  sweepEvery?: number
}

/** Counters or holds that are told of in one turn of the event loop: each reads the ledger. */
const A_TURN = 20
const SWEPT_AT_ONCE = 200
/** ms within which every gateway that lives has noticed that Redis lost what it had, and told its share. */
const OTHERS_TELL = 2000
/** ms between two words to Redis, and so until a gateway that nobody asks hears that Redis has lost what it had. */
const BEAT = 1000

/** Whether whoever asked has gone on without an answer. */
interface Wait { over: boolean }

/** A hold of this gateway that is not settled. */
interface Open {
  granted: Granted
  at: number
  /** The data that it is in; undefined: in none, it is this process's own. */
  epoch: string | undefined
  local: boolean
}

/**
 * Counters in Redis, exact across any number of gateways. Which of what is told when, and why nothing is counted twice or
 * lost, is in docs/replicas.md.
 *
 * @returns once Redis is in use, or was found not to be: then it starts without
 */
export async function redisStore (options: RedisStoreOptions): Promise<RedisStore> {
  const store = new RedisStore(options)
  await store.start()
  return store
}

export class RedisStore implements QuotaStore {
  readonly #options: RedisStoreOptions
  readonly #lease: number
  readonly #link: Link
  readonly #outbox: Outbox
  readonly #batch: Batch
  readonly #apart: Apart
  readonly #open = new Map<string, Open>()
  readonly #shares: Sharing
  #timers: NodeJS.Timeout[] = []
  #epoch = ''
  /** The data that were told all that this gateway has. */
  #told = ''
  #run = ''
  /** How many times Redis was written to, as far as this gateway has seen. */
  #writes = 0
  #merges = 0
  /** Until when other gateways may still have to tell a Redis that lost what it had. */
  #waryUntil = -Infinity
  /** Redis' clock, as against this process's monotonic one. */
  #ahead = 0

  constructor (options: RedisStoreOptions) {
    this.#options = options
    this.#lease = options.lease ?? 60_000
    this.#apart = new Apart(options.local, options.replicas, options.without)
    this.#link = new Link({ url: options.url, log: options.log, greet: async (run) => await this.#greet(run), patience: options.patience ?? 75 })
    const sender = (): Sender => ({ epoch: this.#epoch, source: options.seed.source, owner: options.owner, lease: this.#lease })
    this.#outbox = new Outbox(this.#link, sender, () => { void this.#renew() }, (text) => options.log.warn(text))
    this.#batch = new Batch(this.#link, sender)
    this.#shares = new Sharing(options.seed, this.#outbox, options.log)
  }

  async start (): Promise<void> {
    await this.#link.start()
  }

  /** Whether limits are in Redis at this moment. */
  state (): 'up' | 'down' {
    return this.#link.up ? 'up' : 'down'
  }

  async reserve (id: string, demands: Demand[], output: Elastic = { least: 0, most: 0 }): Promise<Reservation> {
    if (demands.length === 0) return { granted: true, id, demands, held: [], output: output.most, levels: [], exceeded: [], windows: [] }
    this.#shares.know(demands)
    if (this.#link.up && !this.#waitsForOthers(demands)) {
      try {
        return await this.#inTime(async (wait) => await this.#reserve(id, demands, output, wait))
      } catch {
        // It may have been reserved all the same, or be on its way.
        this.#outbox.push({ kind: 'cancel', id })
      }
    }
    const reservation = await this.#apart.reserve(id, demands, output)
    if (reservation.granted) this.#open.set(id, { granted: reservation, at: performance.now(), epoch: undefined, local: true })
    return reservation
  }

  /** Whether a budget would be held to what not all gateways have told yet. */
  #waitsForOthers (demands: Demand[]): boolean {
    return performance.now() < this.#waryUntil && this.#options.without !== 'local' && demands.some(({ unit, dryRun }) => unit === 'money' && !dryRun)
  }

  settle (granted: Granted, used: number[]): void {
    const open = this.#open.get(granted.id)
    if (open === undefined) return
    this.#open.delete(granted.id)
    this.#shares.settled(open.granted, used, open.at)
    if (open.local) this.#options.local.settle(open.granted, used)
    if (open.epoch !== undefined && open.epoch === this.#epoch) return this.#outbox.push({ kind: 'settle', id: granted.id, used })
    this.#apart.add(open.granted, used, open.at)
    if (this.#link.up) this.#outbox.pushAll(this.#merged())
  }

  async levels (gauges: Gauge[]): Promise<Level[]> {
    if (gauges.length === 0) return []
    if (this.#link.up) {
      try {
        const reply = await this.#inTime(async (wait) => await this.#ask(gauges, wait, async (all) => await this.#link.call(levels,
          [keys.meta, ...gauges.map(({ counter }) => keys.counter(counter))],
          [this.#epoch, this.#options.seed.source, all ? '1' : '', ...gauges.flatMap(({ window }) => [window.kind, spanOf(window)])])))
        return gauges.map((_, i) => levelOf(reply, 2 + i * 2))
      } catch {}
    }
    return await this.#options.local.levels(gauges)
  }

  /** Tells what is still to be told, and leaves. What is held then is swept when the lease is over. */
  async close (): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    if (this.#link.up) await soon(this.#outbox.applied(), 1000).catch(() => {})
    this.#link.close()
    this.#outbox.clear()
  }

  /** @throws where there is no answer in time; what is done then is told that it is over */
  async #inTime<T> (ask: (wait: Wait) => Promise<T>): Promise<T> {
    const wait: Wait = { over: false }
    try {
      return await soon(ask(wait), this.#batch.patience)
    } finally {
      wait.over = true
    }
  }

  async #reserve (id: string, demands: Demand[], output: Elastic, wait: Wait): Promise<Reservation> {
    let epoch = ''
    const reply = await this.#ask(demands, wait, async (all) => {
      const answer = await this.#batch.ask(id, demands, output, all)
      epoch = answer.epoch
      this.#writes = Math.max(this.#writes, answer.writes)
      return answer.reply
    })
    const [kind, answer] = reply
    if (kind === 'refused') return { granted: false, demand: Number(answer), levels: demands.map((_, i) => levelOf(reply, 2 + i * 2)) }
    if (kind !== 'granted') throw new Error(`Redis answered ${String(kind)}`)
    const field = (i: number, n: number): Reply[number] => reply[2 + i * 5 + n] ?? 0
    const granted: Granted = {
      granted: true,
      id,
      demands,
      held: demands.map((_, i) => Number(field(i, 2))),
      output: Number(answer),
      levels: demands.map((_, i) => levelOf(reply, 2 + i * 5)),
      exceeded: demands.flatMap((_, i) => field(i, 4) === 1 ? [i] : []),
      windows: demands.map((_, i) => String(field(i, 3)))
    }
    this.#open.set(id, { granted, at: performance.now(), epoch, local: false })
    return granted
  }

  /** Asks until Redis has the data, and the counters their shares. @throws where that takes too long */
  async #ask (gauges: Gauge[], wait: Wait, call: (all: boolean) => Promise<Reply>): Promise<Reply> {
    while (!wait.over) {
      const reply = await call(this.#shares.wantsAll)
      if (reply[0] === 'epoch') {
        await this.#renew()
      } else if (reply[0] === 'seed') {
        const missing = reply.slice(1).flatMap((i) => gauges[Number(i)] ?? [])
        await Promise.all(missing.map(async (gauge) => await this.#shares.tell(gauge)))
      } else if (!wait.over) {
        return reply
      }
    }
    throw new Error('nobody waits any more')
  }

  /** Redis has other data than it had. */
  async #renew (): Promise<void> {
    await this.#link.greet().catch(() => {})
  }

  #merged (): Message[] {
    return this.#apart.take(`${this.#options.owner}:${++this.#merges}`)
  }

  async #greet (run: string): Promise<void> {
    for (const timer of this.#timers.splice(0)) clearInterval(timer)
    await this.#hello(run)
    const epoch = this.#epoch
    if (epoch !== this.#told) await this.#shares.tellAll()
    this.#told = epoch
    await this.#tellHolds()
    await this.#outbox.applied()
    // Of holds that ended meanwhile.
    this.#outbox.pushAll(this.#merged())
    const every = (ms: number, work: () => Promise<void>): void => {
      this.#timers.push(setInterval(() => { work().catch(() => {}) }, ms).unref())
    }
    every(Math.min(this.#lease / 3, BEAT), async () => await this.#beat())
    every(this.#options.sweepEvery ?? 15_000, async () => await this.#sweep())
  }

  async #hello (run: string): Promise<void> {
    const [epoch, writes, now] = await this.#link.call(hello, [keys.meta, keys.owners, keys.source(this.#options.seed.source)],
      [this.#options.owner, this.#lease, randomUUID(), run, this.#epoch, this.#run, this.#writes])
    const known = this.#epoch
    this.#run = run
    this.#epoch = String(epoch)
    this.#ahead = Number(now) - performance.now()
    if (epoch === known || known === '') {
      this.#writes = Math.max(this.#writes, Number(writes))
      this.#outbox.pushAll(this.#merged())
    } else {
      // All that was settled is in the ledger, and comes with the shares.
      this.#writes = Number(writes)
      this.#apart.clear()
      this.#outbox.clear()
      if (this.#options.replicas > 1) this.#waryUntil = performance.now() + OTHERS_TELL
      this.#options.log.warn('Redis has lost what it had: it is told anew')
    }
  }

  /** Tells of open holds that Redis does not have, with this gateway's shares of their counters before. */
  async #tellHolds (): Promise<void> {
    let told = 0
    for (const open of [...this.#open.values()]) {
      if (open.epoch === this.#epoch || !this.#open.has(open.granted.id)) continue
      const gauges = open.granted.demands.filter(({ window }) => window.kind !== 'held')
      this.#outbox.push(...gauges.map((gauge) => this.#shares.message(gauge)), { kind: 'hold', granted: open.granted, at: open.at })
      open.epoch = this.#epoch
      if (++told % A_TURN === 0) await turn()
    }
  }

  async #beat (): Promise<void> {
    const [epoch, , now] = await this.#link.call(hello, [keys.meta, keys.owners, keys.source(this.#options.seed.source)],
      [this.#options.owner, this.#lease, randomUUID(), this.#run, this.#epoch, this.#run, 0])
    this.#ahead = Number(now) - performance.now()
    this.#outbox.pushAll(this.#merged())
    if (epoch !== this.#epoch) await this.#renew()
  }

  async #sweep (): Promise<void> {
    let more = true
    while (more && this.#link.up) {
      const [kind, , swept, left] = await this.#link.call(sweep, [keys.meta, keys.owners],
        [this.#epoch, SWEPT_AT_ONCE, Math.round(performance.now() + this.#ahead)])
      if (kind === 'epoch') return await this.#renew()
      if (Number(swept) > 0) this.#options.log.info(`${swept} holds of gateways that are gone were charged`)
      more = left === 1
    }
  }
}

function levelOf (reply: Reply, at: number): Level {
  const resetIn = Number(reply[at + 1])
  return { used: Number(reply[at]), resetIn: resetIn < 0 ? Infinity : resetIn }
}
