import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { estimateTokens } from '../../providers/dialects/estimate.ts'
import { replyStream, wholeReply, type ReplyOptions, type ReplyStream } from '../../providers/dialects/reply.ts'
import { GatewayError } from '../../plugins/errors.ts'
import type { Outcome } from '../../plugins/logging/exchange.ts'
import type { UpstreamRequest } from '../../plugins/upstream/index.ts'
import type { Admitted } from './admitted.ts'
import { Answer } from './answer.ts'
import { Attempts, type AttemptsHandler } from './attempts.ts'
import { Bodies } from './bodies.ts'
import { Books } from './books.ts'
import { Clocks, type ClockEvents } from './clocks.ts'
import { failure, outcomeOf } from './failure.ts'
import { isEventStream, requestId, type Headers } from './headers.ts'
import { mediaStream } from './media.ts'
import type { Way } from './ways.ts'

/** Of an error reply more than this is no message but a page. */
const MAX_ERROR = 256 * 1024
/** ms a provider may take to end a stream that has said its last word. */
const LINGER = 1000

/**
 * Carries one reply from the provider to the client, and closes the books on it exactly once, however it ends.
 *
 *     Attempts ── head, data, end, error ──▶ Relay ──▶ Answer ──▶ the client
 *                                              └──▶ Books
 */
export class Relay implements AttemptsHandler, ClockEvents {
  readonly #fastify: FastifyInstance
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #admitted: Admitted
  readonly #books: Books
  readonly #upstream: Attempts
  readonly #answer: Answer
  readonly #bodies: Bodies
  #onClose: () => void = () => {}
  #status = 0
  #headers: Headers = {}
  /** Set while the reply streams through; without it, it is gathered whole. */
  #stream: ReplyStream | undefined
  #gathered: Buffer[] = []
  #gatheredBytes = 0
  #lastByteAt = -Infinity
  #clocks: Clocks | undefined
  #told = 0
  /** Set once the client has left and the reply is read on without it. */
  #endDrain: (() => void) | undefined
  #over = false

  constructor (fastify: FastifyInstance, request: FastifyRequest, reply: FastifyReply, admitted: Admitted) {
    this.#fastify = fastify
    this.#request = request
    this.#reply = reply
    this.#admitted = admitted
    this.#books = new Books(fastify, admitted)
    this.#upstream = new Attempts(fastify, this, {
      ways: admitted.ways,
      trace: admitted.exchange.trace,
      timeouts: ({ target }) => fastify.upstream.timeouts(target.provider.name, request.key.timeouts),
      stream: admitted.call.stream,
      eager: request.key.retry === 'always'
    })
    this.#bodies = new Bodies(request, admitted, this.#upstream)
    this.#answer = new Answer(fastify, request, reply, admitted, this.#books, () => this.#upstream.resume())
  }

  /** @param onClose called once, when the books are closed */
  start (onClose: () => void): void {
    this.#onClose = onClose
    // Gone while the row was written.
    if (this.#reply.raw.destroyed) return this.#clientGone()
    // Not `request.signal`: that fires as soon as the request's body is read.
    this.#reply.raw.once('close', () => this.#clientGone())
    this.#upstream.send()
  }

  /** Whether it is read on for nobody. */
  get draining (): boolean {
    return this.#endDrain !== undefined
  }

  /** Whether everything has been said and written down. */
  get over (): boolean {
    return this.#over
  }

  /** ms since the provider's last byte; endless before its first. */
  get silentFor (): number {
    return performance.now() - this.#lastByteAt
  }

  shutDown (): void {
    if (this.#over) return
    this.#upstream.abort()
    this.#fail(new GatewayError('shutting_down'), 'shutdown')
  }

  onWay ({ target, outgoing }: Way): void {
    const { exchange } = this.#admitted
    Object.assign(this.#admitted, { target, outgoing })
    exchange.moved = true
    exchange.target = target.of?.name
    exchange.provider = target.provider.name
    exchange.sentModel = target.model
    exchange.upstreamDialect = target.dialect.id
    exchange.lossy = outgoing.lossy
  }

  onHead (status: number, headers: Headers): void {
    this.#status = status
    this.#headers = headers
    this.#admitted.exchange.upstreamRequestId = requestId(headers, this.#admitted.redact)
    this.#admitted.exchange.trace?.answered(status)
    if (status >= 300) return
    this.#answer.follow(headers)
    if (this.#answer.media !== undefined) {
      this.#stream = mediaStream()
      return
    }
    const { dialect, call } = this.#admitted
    if ((!call.stream && dialect.translation !== undefined) || !isEventStream(headers)) return
    this.#stream = replyStream(this.#replyOptions())
    const { noToken } = this.#fastify.upstream.timeouts(this.#admitted.target.provider.name, this.#request.key.timeouts)
    this.#clocks = new Clocks(this.#answer, { quiet: this.#fastify.config.heartbeatInterval, patience: noToken }, this)
  }

  onData (chunk: Buffer): boolean {
    if (this.#over) return true
    this.#lastByteAt = performance.now()
    this.#admitted.exchange.firstByteAt ??= this.#lastByteAt
    if (this.#stream === undefined) return this.#gather(chunk)
    const bytes = this.#stream.push(chunk)
    if (this.#told !== this.#stream.told) {
      this.#told = this.#stream.told
      this.#clocks?.told(this.#lastByteAt)
    }
    this.#books.keep(this.#stream.stored)
    const flowing = bytes === undefined || this.#write(bytes)
    if (this.#stream.done) this.#endStream(this.#stream)
    else if (this.#stream.ended) this.#clocks?.ended()
    return flowing
  }

  onEnd (): void {
    if (this.#over) return this.#bodies.onReplyEnd()
    if (this.#stream !== undefined) this.#endStream(this.#stream)
    else if (this.#status >= 300) this.#passFailure()
    else this.#sendWhole()
  }

  onError (error: GatewayError): void {
    if (this.#over) return
    // A finished stream may lose its connection: everything was said.
    if (this.#stream?.ended === true) return this.#endStream(this.#stream)
    if (this.#gatheredBytes > 0 && this.#status < 300 && isEventStream(this.#headers)) this.#noteGathered()
    this.#fail(error, outcomeOf(error))
  }

  /** Between two events a word may stand that means nothing. */
  onQuiet (): void {
    if (this.#endDrain === undefined && this.#stream?.betweenEvents === true) this.#answer.beat()
  }

  onPatience (): void {
    this.#upstream.abort()
    this.#fail(new GatewayError('upstream_timeout', { message: 'The provider kept the stream open and sent nothing in it.' }), 'timeout')
  }

  onLinger (): void {
    if (this.#stream !== undefined) this.#endStream(this.#stream)
  }

  #clientGone (): void {
    if (this.#over) return
    const { exchange: { key }, drains } = this.#admitted
    this.#upstream.settle()
    if (key.onDisconnect === 'drain' && this.#upstream.working) this.#endDrain = drains.begin(() => this.#leave())
    if (this.#endDrain === undefined) this.#leave()
    else this.#upstream.resume()
  }

  #leave (): void {
    if (this.#over) return
    this.#upstream.abort()
    this.#close('client_gone', 499)
  }

  #replyOptions (): ReplyOptions {
    const { dialect, target, call, request, redact } = this.#admitted
    return { client: dialect, upstream: target.dialect, call, request, inputEstimate: () => estimateTokens(request), redact, now: Math.floor(Date.now() / 1000) }
  }

  #gather (chunk: Buffer): boolean {
    this.#gathered.push(chunk)
    this.#gatheredBytes += chunk.length
    const failed = this.#status >= 300
    if (this.#gatheredBytes <= (failed ? MAX_ERROR : this.#fastify.config.maxReplySize)) return true
    this.#upstream.abort()
    if (failed) this.#passFailure()
    else this.#fail(new GatewayError('upstream_bad_reply', { message: 'The provider\'s reply is larger than the gateway takes.' }), 'upstream_error')
    return true
  }

  /** The stream has said its last word, or its bytes are at their end. */
  #endStream (stream: ReplyStream): void {
    const ending = stream.end()
    if (ending.truncated) return this.#fail(new GatewayError('upstream_broke'), 'incomplete')
    this.#books.keep(ending.stored)
    if (this.#endDrain !== undefined) {
      this.#books.note(ending)
      return this.#leave()
    }
    if (ending.bytes !== undefined) this.#write(ending.bytes)
    if (!this.#answer.begun && this.#answer.media === undefined) return this.#fail(new GatewayError('upstream_bad_reply'), 'upstream_error')
    const failed = ending.error !== undefined
    this.#books.note(ending)
    this.#answer.end(!failed)
    const upstream = this.#upstream
    if (failed) upstream.abort()
    else setTimeout(() => upstream.abort(), LINGER).unref()
    this.#close(failed ? 'upstream_error' : 'done', 200, ending.error?.code)
  }

  #sendWhole (): void {
    const { redact, kept: { list, removes }, exchange } = this.#admitted
    const body = Buffer.concat(this.#gathered)
    let reply
    let next
    try {
      reply = wholeReply(body, { ...this.#replyOptions(), sse: isEventStream(this.#headers) })
      if (reply.error === undefined) next = list?.take(body)
    } catch (cause) {
      return this.#fail(new GatewayError('upstream_bad_reply', { cause }), 'upstream_error')
    }
    // What came of a stream before it failed was worked for, as if it had passed on.
    if (reply.truncated || (reply.error !== undefined && isEventStream(this.#headers))) this.#books.note(reply)
    if (reply.error !== undefined) {
      if (this.#endDrain !== undefined) return this.#close('upstream_error', 502, 'upstream_error')
      return this.#fail(new GatewayError('upstream_error', { message: redact(reply.error.message) }), 'upstream_error')
    }
    if (reply.truncated) return this.#fail(new GatewayError('upstream_broke'), 'incomplete')
    if (next !== undefined) return this.#askOn(next)
    const bytes = list?.bytes() ?? reply.bytes ?? Buffer.alloc(0)
    this.#books.note(reply)
    if (list === undefined) this.#books.keep(reply.stored)
    if (removes !== undefined) this.#fastify.stored.forget(exchange.key, removes)
    if (this.#endDrain !== undefined) return this.#leave()
    this.#answer.whole(bytes)
    this.#close('done', 200)
  }

  /** A stream for a client that wants none broke off: what came of it was worked for, as if it had passed on. */
  #noteGathered (): void {
    try {
      this.#books.note(wholeReply(Buffer.concat(this.#gathered), { ...this.#replyOptions(), sse: true }))
    } catch {
      // There was nothing in it that could be read.
    }
  }

  /** A list goes on on another page. */
  #askOn (request: UpstreamRequest): void {
    this.#gathered = []
    this.#gatheredBytes = 0
    this.#upstream.send(request)
  }

  /** A provider's own error reply, before any byte went out. */
  #passFailure (): void {
    if (this.#endDrain !== undefined) return this.#close(this.#status < 500 ? 'refused' : 'upstream_error', this.#status)
    const { dialect, target, redact, exchange } = this.#admitted
    const failed = failure(this.#status, this.#headers, Buffer.concat(this.#gathered), target.dialect, dialect, redact)
    if (failed.credentialRefused) {
      this.#request.log.error({ provider: exchange.provider, key: exchange.key.label, status: this.#status }, 'the provider refused the real key')
    }
    const refused = failed.status < 500 || failed.credentialRefused
    this.#answer.refuse(failed)
    this.#close(refused ? 'refused' : 'upstream_error', failed.status, failed.code)
  }

  /** The gateway's own error. */
  #fail (error: GatewayError, outcome: Outcome): void {
    if (this.#endDrain !== undefined) return this.#leave()
    this.#admitted.exchange.reason = error.reason
    const stream = this.#stream
    if (stream === undefined || !this.#answer.begun) {
      this.#books.giveBack(this.#upstream)
      this.#answer.fail(error)
      return this.#close(outcome, error.status, error.code)
    }
    const ending = stream.end()
    this.#books.note(ending)
    this.#answer.breakOff(error, stream, ending.bytes)
    this.#close(outcome, 200, error.code)
  }

  #write (bytes: Buffer): boolean {
    if (this.#endDrain !== undefined) return true
    this.#clocks?.wrote(this.#lastByteAt)
    return this.#answer.write(bytes)
  }

  #close (outcome: Outcome, status: number, error?: string): void {
    this.#over = true
    this.#clocks?.stop()
    this.#endDrain?.()
    this.#upstream.judge(outcome, status)
    if (!this.#books.noted && this.#stream !== undefined) this.#books.note(this.#stream.end())
    this.#gathered = []
    const counting = this.#books.close({ upstream: this.#upstream, outcome, status, error, media: this.#answer.media })
    if (counting === undefined) this.#closed()
    else counting.finally(() => this.#closed()).catch((err: unknown) => this.#request.log.error({ err }, 'the books of a request could not be closed'))
  }

  #closed (): void {
    this.#onClose()
    this.#bodies.onBooksClosed()
  }
}
