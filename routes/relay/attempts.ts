import type { FastifyInstance } from 'fastify'
import type { Outcome } from '../../plugins/logging/exchange.ts'
import { mayMove, mayRepeat, reasonOf, waitBefore, type Manner, type Trouble } from '../../plugins/upstream/retry.ts'
import type { Trace } from '../../plugins/tracing/index.ts'
import type { ReplyHandler, Timeouts, UpstreamCall, UpstreamRequest } from '../../plugins/upstream/index.ts'
import { Attempt } from './attempt.ts'
import type { Way, Ways } from './ways.ts'

/** Hears of one reply, as if there had been one attempt. */
export interface AttemptsHandler extends ReplyHandler {
  /** The request goes this way now, and not the one before. */
  onWay (way: Way): void
}

export interface AttemptsOptions extends Manner {
  /** In the order in which they are to be tried. */
  ways: Ways
  /** What counts at a target. */
  timeouts (way: Way): Timeouts
  trace: Trace | undefined
}

/**
 * One request on its way to whoever answers it. An attempt that failed before its reply could go to the client is
 * followed by another: at the next target where there is one, at once; else at the same one, after a wait, where the
 * provider is sure not to have taken it (plugins/upstream/retry.ts has the rules). At the relay one reply arrives: the
 * first that is any good, or else the last failure.
 *
 * While there is another target, a stream is held back until its first content.
 *
 *     send ─ Attempt ── refused, not reached, no beginning ──▶ next way │ the same after a wait
 *               └────── head, data, end, error ──▶ the relay, from then on until its end
 */
export class Attempts {
  readonly #fastify: FastifyInstance
  readonly #handler: AttemptsHandler
  readonly #options: AttemptsOptions
  readonly #left: Way[]
  #way: Way
  #request: UpstreamRequest
  #call: UpstreamCall | undefined
  #past = { reached: false, attempts: 0 }
  /** How often the request went out again to whom it had gone before. */
  #repeated = 0
  #waited = 0
  #waiting: NodeJS.Timeout | undefined
  #settled = false
  /** The call whose failure is noted. */
  #failed: UpstreamCall | undefined

  constructor (fastify: FastifyInstance, handler: AttemptsHandler, options: AttemptsOptions) {
    this.#fastify = fastify
    this.#handler = handler
    this.#options = options
    ;[this.#way, ...this.#left] = options.ways
    this.#request = this.#way.outgoing.request
  }

  /** Whether any attempt went out on a connection: then a provider may have worked on it. */
  get reached (): boolean {
    return this.#past.reached || this.#call?.reached === true
  }

  /** Whether a provider works on it now, as far as can be known. */
  get working (): boolean {
    return this.#waiting === undefined && this.#call?.reached === true
  }

  /** Whether it went out on one connection, which has sent all of it: where there was another, that may still be at it. */
  get sent (): boolean {
    return this.attempts === 1 && this.#call?.sent === true
  }

  /** How often a provider was asked. */
  get attempts (): number {
    return this.#past.attempts + (this.#call?.attempts ?? 0)
  }

  /** @param request in place of the way's own, such as for a list's next page */
  send (request = this.#way.outgoing.request): void {
    this.#request = request
    this.#begin()
  }

  resume (): void {
    this.#call?.resume()
  }

  /** Nobody waits for the reply any more: whatever comes of the attempt under way, there is no other. */
  settle (): void {
    this.#settled = true
  }

  /** How it ended, for the order in which the key's targets are tried from now on. */
  judge (outcome: Outcome, status: number): void {
    this.#noteReplays()
    const { health } = this.#fastify.upstream
    const id = this.#way.target.of?.healthId
    if (id === undefined || outcome === 'client_gone' || outcome === 'shutdown') return
    if (outcome === 'done' || (outcome === 'refused' && status < 429)) health.worked(id)
    else if (this.#failed !== this.#call) health.failed(id)
  }

  /** Lets go of the provider. The handler hears nothing more. */
  abort (): void {
    this.#settled = true
    clearTimeout(this.#waiting)
    this.#call?.abort()
  }

  #begin (replays = true): void {
    if (this.#call !== undefined) {
      this.#past.reached ||= this.#call.reached
      this.#past.attempts += this.#call.attempts
      this.#noteReplays()
      this.#repeated += replaysOf(this.#call)
    }
    const { upstream } = this.#fastify
    const { target } = this.#way
    const { stream } = this.#options
    const timeouts = this.#options.timeouts(this.#way)
    if (target.of !== undefined) upstream.health.begin(target.of.healthId)
    const attempt = new Attempt(this.#handler, {
      goOn: (trouble) => this.#goOn(trouble),
      ...stream && this.#left.length > 0 && { hold: { dialect: target.dialect, patience: timeouts.firstToken || timeouts.noToken } }
    })
    this.#options.trace?.begin(this.#request)
    this.#call = upstream.send(this.#request, attempt, timeouts, replays)
    attempt.call = this.#call
  }

  /** @returns whether another attempt follows, or is under way already */
  #goOn (trouble: Trouble): boolean {
    if (this.#settled) return false
    const { of } = this.#way.target
    if (of !== undefined && mayMove(trouble, this.#options)) {
      // A queue that is full says nothing about the target.
      if (trouble.kind !== 'error' || trouble.error.code !== 'upstream_busy') this.#fastify.upstream.health.failed(of.healthId, trouble)
      this.#failed = this.#call
    }
    const way = mayMove(trouble, this.#options) ? this.#left.shift() : undefined
    if (way !== undefined) {
      this.#note('fallback', trouble)
      this.#handler.onWay(this.#way = way)
      this.#later(0, () => this.send())
      return true
    }
    const { retries } = this.#fastify.config
    const repeated = this.#repeated + replaysOf(this.#call)
    if (repeated >= retries || !mayRepeat(trouble, this.#options)) return false
    const wait = waitBefore(trouble, repeated, this.#waited)
    if (wait === undefined) return false
    this.#note('retry', trouble)
    this.#repeated++
    this.#waited += wait
    this.#later(wait, () => this.#begin(repeated + 1 < retries))
    return true
  }

  #note (kind: 'retry' | 'fallback', trouble: Trouble): void {
    const reason = reasonOf(trouble)
    this.#fastify.upstream.resends.add(kind, this.#provider, reason)
    if (trouble.kind === 'status') this.#options.trace?.fail(String(trouble.status), trouble.status)
    else this.#options.trace?.fail(reason)
  }

  /** The call itself goes out again where a connection was dead before anyone knew. */
  #noteReplays (): void {
    for (let again = this.#call?.attempts ?? 0; again > 1; again--) this.#fastify.upstream.resends.add('retry', this.#provider, 'stale_connection')
  }

  get #provider (): string {
    return this.#way.target.provider.name
  }

  /** Not from within a call that has not come to its end. */
  #later (wait: number, then: () => void): void {
    this.#waiting = setTimeout(() => {
      this.#waiting = undefined
      then()
    }, wait)
  }
}

/** How often it went out again because the connection that it took up was dead. */
function replaysOf (call: UpstreamCall | undefined): number {
  return Math.max(0, (call?.attempts ?? 0) - 1)
}
