import type { FastifyInstance } from 'fastify'
import type { Ending } from '../../providers/dialects/reply.ts'
import type { Exchange, Outcome } from '../../plugins/logging/exchange.ts'
import type { Recorder } from '../../plugins/logging/index.ts'
import type { Charge } from '../../plugins/prices/index.ts'
import type { Hold } from '../../plugins/quota/index.ts'
import type { UpstreamCall } from '../../plugins/upstream/index.ts'
import type { Admitted } from './admitted.ts'
import type { Media } from './media.ts'

/** What is written down of one request: its record, what of the quota it used, and what it made its key's own. */
export class Books {
  readonly #fastify: FastifyInstance
  readonly #exchange: Exchange
  /** By the name that the provider knows. */
  readonly #model: string
  readonly #hold: Hold
  readonly #recorder: Recorder | undefined
  /** How many requests are in the file that is being kept. */
  readonly #requests: number | undefined
  #kept = 0
  #reached = false
  #attempts = 0
  #priced = false

  constructor (fastify: FastifyInstance, { exchange, target, hold, recorder, call }: Admitted) {
    this.#fastify = fastify
    this.#exchange = exchange
    this.#model = target.model
    this.#hold = hold
    this.#recorder = recorder
    this.#requests = call.requests
  }

  /** Bytes on their way to the client. Those that are no text are only counted. */
  record (bytes: Buffer, media?: Media): void {
    this.#exchange.bytesOut += bytes.length
    if (media?.text !== false) this.#recorder?.reply(bytes)
  }

  /** What the reply told of itself. */
  note ({ usage, model, finish, lossy, truncated }: Ending): void {
    const exchange = this.#exchange
    exchange.usage = usage
    exchange.usageSource = usage === undefined ? 'none' : truncated ? 'partial' : 'provider'
    exchange.servedModel = model
    exchange.finish = finish
    if (lossy !== undefined && lossy.length > 0) exchange.lossy = [...new Set([...exchange.lossy, ...lossy])]
  }

  /** What the provider keeps is the key's before the client learns of it. @param ids all of them so far */
  keep (ids: readonly string[]): void {
    if (ids.length === this.#kept) return
    this.#fastify.stored.own(this.#exchange.key, ids.slice(this.#kept), this.#requests)
    this.#kept = ids.length
  }

  /** The provider was asked, and another call of the same request may follow. */
  asked (upstream: UpstreamCall | undefined): void {
    this.#reached ||= upstream?.reached === true
    this.#attempts += upstream?.attempts ?? 0
  }

  /** A request that never went out costs nothing, and the reply that says so can tell already. */
  giveBack (upstream: UpstreamCall | undefined): void {
    if (!this.#reached && upstream?.reached !== true) this.#hold.release()
  }

  /** What the usage costs, once that is known. */
  price (): Charge | undefined {
    const { provider, servedModel, usage } = this.#exchange
    if (this.#priced || usage === undefined) return this.#exchange.charge
    this.#priced = true
    this.#exchange.charge = this.#fastify.prices.charge({ provider, model: this.#model, servedModel, usage, time: Date.now() })
    return this.#exchange.charge
  }

  /**
   * The end. A request that went out counts, whatever came of it; of one that was refused nothing is done but the
   * asking, so that it counts as one, however many it held.
   */
  close (upstream: UpstreamCall | undefined, outcome: Outcome, status: number, error?: string, media?: Media): void {
    this.asked(upstream)
    const exchange = this.#exchange
    exchange.outcome = outcome
    exchange.status = status
    exchange.error = error
    exchange.attempts = this.#attempts
    exchange.requests = this.#reached ? Math.min(exchange.booking?.requests ?? 0, outcome === 'refused' ? 1 : Infinity) : 0
    this.price()
    if (this.#reached) this.#hold.settle(exchange.requests)
    else this.#hold.release()
    if (media?.text === false) this.#recorder?.reply(Buffer.from(JSON.stringify({ media_type: media.type, bytes: exchange.bytesOut })))
    exchange.endedAt = performance.now()
    this.#fastify.ledger.close(exchange)
    this.#fastify.exchanges.end(exchange, this.#recorder)
  }
}
