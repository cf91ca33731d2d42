import type { FastifyInstance } from 'fastify'
import type { Usage } from '../../providers/dialects/events.ts'
import type { Ending } from '../../providers/dialects/reply.ts'
import type { Exchange, Outcome } from '../../plugins/logging/exchange.ts'
import type { Recorder } from '../../plugins/logging/index.ts'
import { bounded } from '../../plugins/logging/line.ts'
import { formatDollars } from '../../plugins/money.ts'
import type { Hold } from '../../plugins/quota/index.ts'
import type { KnownUsage } from '../../plugins/tokens/index.ts'
import type { Admitted } from './admitted.ts'
import type { Attempts } from './attempts.ts'
import type { Media } from './media.ts'

/** How a request ended. */
export interface End {
  upstream: Attempts
  outcome: Outcome
  status: number
  error: string | undefined
  media: Media | undefined
}

/** What is written down of one request: its record, what of the quota it used, and what it made its key's own. */
export class Books {
  readonly #fastify: FastifyInstance
  readonly #exchange: Exchange
  readonly #admitted: Admitted
  /** The client's body. */
  readonly #request: Record<string, unknown>
  readonly #hold: Hold
  readonly #recorder: Recorder | undefined
  readonly #redact: (text: string) => string
  /** How many requests are in the file that is being kept. */
  readonly #requests: number | undefined
  #kept = 0
  #reached = false
  #learned = false
  #counting: Promise<KnownUsage> | undefined

  constructor (fastify: FastifyInstance, admitted: Admitted) {
    const { exchange, request, hold, recorder, redact, call } = admitted
    this.#admitted = admitted
    this.#fastify = fastify
    this.#exchange = exchange
    this.#request = request
    this.#hold = hold
    this.#recorder = recorder
    this.#redact = redact
    this.#requests = call.requests
  }

  /** Bytes on their way to the client. Those that are no text are only counted. */
  record (bytes: Buffer, media?: Media): void {
    this.#exchange.bytesOut += bytes.length
    if (media?.text !== false) this.#recorder?.reply(bytes)
  }

  /** What the reply told of itself. Once. */
  note (ending: Ending): void {
    const exchange = this.#exchange
    const { model, finish, lossy, mismatch } = ending
    exchange.servedModel = model
    exchange.finish = finish
    if (lossy !== undefined && lossy.length > 0) exchange.lossy = [...new Set([...exchange.lossy, ...lossy])]
    if (mismatch !== undefined) this.#fastify.log.warn({ id: exchange.id, provider: exchange.provider, model: exchange.model, mismatch }, 'the provider\'s own sums of tokens are not those of their parts')
    this.#learn(ending)
  }

  /** What the provider keeps is the key's before the client learns of it. @param ids all of them so far */
  keep (ids: readonly string[]): void {
    if (ids.length === this.#kept) return
    this.#fastify.stored.own(this.#exchange.key, ids.slice(this.#kept), this.#requests, this.#exchange.provider)
    this.#kept = ids.length
  }

  /** Whether the reply has told of itself. */
  get noted (): boolean {
    return this.#learned
  }

  /** A request that never went out costs nothing, and the reply that says so can tell already. */
  giveBack (upstream: Attempts): void {
    if (!upstream.reached) this.#hold.release()
  }

  /** Of a reply that is there whole: what it cost, and how that is known. */
  get headers (): Record<string, string> {
    const { usageSource, charge } = this.#exchange
    const headers: Record<string, string> = {}
    if (charge !== undefined) headers['x-gateway-cost'] = formatDollars(charge.cost)
    headers['x-gateway-usage-source'] = usageSource
    return headers
  }

  /** The same behind a stream's last word, as a comment, which no reader of events takes for one. */
  get comment (): string {
    return `${Object.entries(this.headers).map(([name, value]) => `: ${name}: ${value}\n`).join('')}\n`
  }

  /**
   * The end. A request that went out counts, whatever came of it; of one that was refused nothing is done but the
   * asking, so that it counts as one, however many it held.
   * @returns a promise where tokens are still being counted
   */
  close ({ upstream, outcome, status, error, media }: End): Promise<void> | undefined {
    this.#reached = upstream.reached
    const exchange = this.#exchange
    exchange.outcome = outcome
    exchange.status = status
    // It may be the provider's own word.
    exchange.error = error === undefined ? undefined : bounded(error, this.#redact)
    exchange.attempts = upstream.attempts
    exchange.requests = this.#reached ? Math.min(exchange.booking?.requests ?? 0, outcome === 'refused' ? 1 : Infinity) : 0
    exchange.endedAt = performance.now()
    if (media?.text === false) this.#recorder?.reply(Buffer.from(JSON.stringify({ media_type: media.type, bytes: exchange.bytesOut })))
    // The provider may have begun, and it never said no.
    if (!this.#learned && this.#reached && CUT_OFF.has(outcome)) this.#learn(undefined)
    if (this.#counting === undefined) return void this.#finish()
    return this.#counting.then((known) => {
      this.#know(known)
      this.#finish()
    })
  }

  #learn (ending: Ending | undefined): void {
    this.#learned = true
    const known = this.#fastify.tokens.usageOf({ target: this.#admitted.target, request: this.#request, ending, whole: ending?.truncated === false })
    if (!(known instanceof Promise)) return this.#know(known)
    this.#exchange.usageSource = 'estimated'
    this.#counting = known
  }

  #know ({ usage, source }: KnownUsage): void {
    const exchange = this.#exchange
    const { provider, servedModel } = exchange
    exchange.usage = usage
    exchange.usageSource = source
    const charge = usage && this.#fastify.prices.charge({ provider, model: this.#admitted.target.model, servedModel, usage, time: Date.now() })
    // The hold is the most it can have cost, so that an estimate beyond it is wrong.
    exchange.charge = charge !== undefined && source === 'estimated' && this.#hold.money > 0
      ? { ...charge, cost: Math.min(charge.cost, this.#hold.money) }
      : charge
  }

  #finish (): void {
    const exchange = this.#exchange
    if (this.#reached) this.#hold.settle({ requests: exchange.requests, tokens: totalOf(exchange.usage), cost: exchange.charge?.cost ?? 0 })
    else this.#hold.release()
    this.#fastify.ledger.close(exchange)
    this.#fastify.exchanges.end(exchange, this.#recorder)
  }
}

/** Ends before which a provider may have worked, whatever it has sent. */
const CUT_OFF: ReadonlySet<Outcome> = new Set(['client_gone', 'timeout', 'shutdown'])

function totalOf (usage: Usage = {}): number {
  let sum = 0
  for (const bucket in usage) sum += usage[bucket as keyof Usage] ?? 0
  return sum
}
