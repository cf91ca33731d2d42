import { setImmediate as turn } from 'node:timers/promises'
import type { FastifyBaseLogger } from 'fastify'
import type { Gauge, Granted, Used } from '../store.ts'
import { Gauges } from './gauges.ts'
import { shareOf, type Message, type Share } from './messages.ts'
import type { Outbox } from './outbox.ts'
import { soon } from '../../redis/soon.ts'
import { Tally } from './tally.ts'

/** What is known of a counter from the rows of the ledger, to begin it with. */
export interface Shares {
  /** The database that this gateway's rows are in, for as long as it lasts: each has its share of a counter. */
  source: string
  /**
   * Of this gateway's own closed rows, and at once: of the calendar, whatever was settled before is in it, nothing that was
   * settled after, and no hold that is open; of a length, what an earlier process used of the window that is open.
   */
  own (gauge: Gauge): Used
  /**
   * Counters that keys have limits on now. When Redis has lost what it had, this gateway tells its share of them at once, and
   * of what it was asked for since its start; of others, before it is first asked for them.
   */
  gauges? (): Iterable<Gauge>
  /** Of all gateways' rows that a common database has, by source. It may be behind. */
  others? (gauge: Gauge): Promise<Record<string, Used>>
}

/** ms that a request waits for what the common database knows of a counter, and for which it is then not asked again. */
const OTHERS_PATIENCE = 60
const OTHERS_AGAIN = 5000
/** Counters that are told of in one turn of the event loop: each reads the ledger. */
const A_TURN = 20

/** Tells Redis what was used of counters that it does not know. */
export class Sharing {
  readonly #shares: Shares
  readonly #outbox: Outbox
  readonly #log: Pick<FastifyBaseLogger, 'warn'>
  readonly #gauges = new Gauges()
  /** Of windows of a length, what this process used. */
  readonly #used = new Tally()
  readonly #telling = new Map<string, Promise<void>>()
  #othersFrom = 0

  constructor (shares: Shares, outbox: Outbox, log: Pick<FastifyBaseLogger, 'warn'>) {
    this.#shares = shares
    this.#outbox = outbox
    this.#log = log
  }

  /** Whether a counter shall not be used before what the common database knows of it is in. */
  get wantsAll (): boolean {
    return this.#shares.others !== undefined && performance.now() >= this.#othersFrom
  }

  /** Something may be used of these. */
  know (gauges: Gauge[]): void {
    this.#gauges.add(gauges)
  }

  settled (granted: Granted, used: number[], at: number): void {
    this.#used.add(granted, used, at, ({ window }) => window.kind === 'length')
  }

  /** Resolves once Redis has what is known of a counter. */
  async tell (gauge: Gauge): Promise<void> {
    const known = this.#telling.get(gauge.counter)
    if (known !== undefined) return await known
    const telling = this.#tell(gauge).finally(() => this.#telling.delete(gauge.counter))
    this.#telling.set(gauge.counter, telling)
    await telling
  }

  /** All there is, for others may be asked for what only this gateway knows to be used. */
  async tellAll (): Promise<void> {
    this.#gauges.add(this.#shares.gauges?.() ?? [])
    let told = 0
    for (const gauge of this.#gauges.current()) {
      this.#outbox.push(this.message(gauge))
      if (++told % A_TURN === 0) await turn()
    }
  }

  /**
   * To be put in the queue at once: what was settled before is in it, and what is settled after stands behind it.
   */
  message (gauge: Gauge, others?: Array<[string, Share]>): Message {
    const now = performance.now()
    const open = [shareOf(this.#shares.own(gauge)), this.#used.find(gauge)].filter((share): share is Share =>
      share !== undefined && share.used > 0 && !(gauge.window.kind === 'length' && now - share.at >= gauge.window.ms))
    const own = { used: open.reduce((sum, { used }) => sum + used, 0), at: Math.min(now, ...open.map(({ at }) => at)) }
    return { kind: 'share', gauge, own, others }
  }

  async #tell (gauge: Gauge): Promise<void> {
    const others = await this.#others(gauge)
    this.#outbox.push(this.message(gauge, others))
    await this.#outbox.applied()
  }

  /** Undefined where there is nobody to ask, or no answer in time: without, the gateways that live tell their own. */
  async #others (gauge: Gauge): Promise<Array<[string, Share]> | undefined> {
    if (this.#shares.others === undefined || !this.wantsAll) return undefined
    try {
      const others = await soon(this.#shares.others(gauge), OTHERS_PATIENCE)
      return Object.entries(others).filter(([source]) => source !== this.#shares.source).map(([source, used]) => [source, shareOf(used)])
    } catch (error) {
      this.#othersFrom = performance.now() + OTHERS_AGAIN
      this.#log.warn(`what other gateways used could not be asked for: ${error instanceof Error ? error.message : String(error)}`)
      return undefined
    }
  }
}
