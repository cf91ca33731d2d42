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
  note ({ usage, model, finish, lossy }: Ending): void {
    const exchange = this.#exchange
    exchange.usage = usage
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

  /** A request that went out counts, whatever came of it. @param used where that is less than was reserved */
  settle (upstream: UpstreamCall | undefined, used?: number): void {
    if (upstream?.reached === true) this.#hold.settle(used)
    else this.#hold.release()
  }

  close (upstream: UpstreamCall | undefined, outcome: Outcome, status: number, error?: string, media?: Media): void {
    this.settle(upstream)
    const exchange = this.#exchange
    exchange.outcome = outcome
    exchange.status = status
    exchange.error = error
    exchange.attempts = upstream?.attempts ?? 0
    exchange.charge = this.#charge()
    if (media?.text === false) this.#recorder?.reply(Buffer.from(JSON.stringify({ media_type: media.type, bytes: exchange.bytesOut })))
    this.#fastify.exchanges.end(exchange, this.#recorder)
  }

  #charge (): Charge | undefined {
    const { provider, servedModel, usage } = this.#exchange
    return usage && this.#fastify.prices.charge({ provider, model: this.#model, servedModel, usage, time: Date.now() })
  }
}
