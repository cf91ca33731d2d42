import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { formatEvent } from '../../providers/dialects/sse.ts'
import { estimateTokens } from '../../providers/dialects/estimate.ts'
import { replyStream, wholeReply, type ReplyOptions, type ReplyStream } from '../../providers/dialects/reply.ts'
import { GatewayError, requestIdHeaders } from '../../plugins/errors.ts'
import type { Outcome } from '../../plugins/logging/exchange.ts'
import type { UpstreamRequest } from '../../plugins/upstream/index.ts'
import type { Admitted } from './admitted.ts'
import { Attempts, type AttemptsHandler } from './attempts.ts'
import { Books } from './books.ts'
import { failure, outcomeOf } from './failure.ts'
import { carried, commonHeaders, isEventStream, put, requestId, type Headers } from './headers.ts'
import type { Way } from './ways.ts'
import { mediaOf, mediaStream, type Media } from './media.ts'

/** Of an error reply more than this is no message but a page. */
const MAX_ERROR = 256 * 1024
/** ms a provider may take to end a stream that has said its last word, and to say it once the answer has ended. */
const LINGER = 1000

/**
 * Carries one reply from the provider to the client, and closes the books on it exactly once, however it ends. Until
 * the first byte of the reply's body the answer is still open, and a failure has a status of its own; after it, a
 * failure is an event of the stream.
 */
export class Relay implements AttemptsHandler {
  readonly #fastify: FastifyInstance
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #admitted: Admitted
  readonly #books: Books
  readonly #upstream: Attempts
  #onClose: () => void = () => {}
  #status = 0
  #headers: Headers = {}
  /** Set while the reply streams through; without it, it is gathered whole. */
  #stream: ReplyStream | undefined
  /** Set where that stream is neither JSON nor events. */
  #media: Media | undefined
  #gathered: Buffer[] = []
  #gatheredBytes = 0
  #lastByteAt = -Infinity
  #heartbeat: NodeJS.Timeout | undefined
  /** Runs out on a stream that goes on without telling anything. */
  #patience: NodeJS.Timeout | undefined
  /** Runs out where the answer has ended and its last word does not come. */
  #linger: NodeJS.Timeout | undefined
  #told = 0
  #headSent = false
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
    const { dialect, call, kept } = this.#admitted
    this.#media = mediaOf(headers, dialect, kept.content === true)
    if (this.#media !== undefined) {
      this.#stream = mediaStream()
      return
    }
    if ((!call.stream && dialect.translation !== undefined) || !isEventStream(headers)) return
    this.#stream = replyStream(this.#replyOptions())
    const { heartbeatInterval } = this.#fastify.config
    if (heartbeatInterval > 0) this.#heartbeat = setInterval(() => this.#beat(), heartbeatInterval).unref()
    const { noToken } = this.#fastify.upstream.timeouts(this.#admitted.target.provider.name, this.#request.key.timeouts)
    if (noToken > 0) this.#patience = setTimeout(() => this.#loseTouch(), noToken).unref()
  }

  onData (chunk: Buffer): boolean {
    if (this.#over) return true
    this.#lastByteAt = performance.now()
    this.#admitted.exchange.firstByteAt ??= this.#lastByteAt
    if (this.#stream === undefined) return this.#gather(chunk)
    const bytes = this.#stream.push(chunk)
    if (this.#told !== this.#stream.told) {
      this.#told = this.#stream.told
      this.#patience?.refresh()
    }
    this.#books.keep(this.#stream.stored)
    const flowing = bytes === undefined || this.#write(bytes)
    if (this.#stream.done) this.#endStream()
    else if (this.#stream.ended) this.#linger ??= setTimeout(() => this.#endLinger(), LINGER)
    return flowing
  }

  onEnd (): void {
    if (this.#over) return
    if (this.#stream !== undefined) this.#endStream()
    else if (this.#status >= 300) this.#passFailure()
    else this.#sendWhole()
  }

  onError (error: GatewayError): void {
    if (this.#over) return
    // A finished stream may lose its connection: everything was said.
    if (this.#stream?.ended === true) return this.#endStream()
    this.#fail(error, outcomeOf(error))
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
    const options = { client: dialect, upstream: target.dialect, call, request, redact, now: Math.floor(Date.now() / 1000) }
    return target.translation === undefined ? options : { ...options, inputEstimate: estimateTokens(request) }
  }

  /** The stream has been silent for a while. Between two events, a word that means nothing may stand. */
  #beat (): void {
    const { raw } = this.#reply
    if (this.#over || this.#endDrain !== undefined || raw.writableNeedDrain || this.#stream?.betweenEvents !== true) return
    if (!this.#headSent) this.#sendHead()
    raw.write(this.#admitted.dialect.heartbeat ?? HEARTBEAT)
  }

  #loseTouch (): void {
    if (this.#over) return
    // It is the client that takes nothing.
    if (this.#reply.raw.writableNeedDrain) return void this.#patience?.refresh()
    this.#upstream.abort()
    this.#fail(new GatewayError('upstream_timeout', { message: 'The provider kept the stream open and sent nothing in it.' }), 'timeout')
  }

  #endLinger (): void {
    if (this.#reply.raw.writableNeedDrain) this.#linger?.refresh()
    else this.#endStream()
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
  #endStream (): void {
    const stream = this.#stream as ReplyStream
    const ending = stream.end()
    if (ending.truncated) return this.#fail(new GatewayError('upstream_broke'), 'incomplete')
    this.#books.keep(ending.stored)
    if (this.#endDrain !== undefined) {
      this.#books.note(ending)
      return this.#leave()
    }
    if (ending.bytes !== undefined) this.#write(ending.bytes)
    if (!this.#headSent && this.#media !== undefined) this.#sendHead(0)
    if (!this.#headSent) return this.#fail(new GatewayError('upstream_bad_reply'), 'upstream_error')
    const failed = ending.error !== undefined
    this.#books.note(ending)
    if (!failed && this.#request.headers['x-gateway-usage'] === '1' && this.#media === undefined) this.#reply.raw.end(this.#books.comment)
    else this.#reply.raw.end()
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
    this.#sendHead(bytes.length)
    this.#books.record(bytes)
    this.#reply.raw.end(bytes)
    this.#close('done', 200)
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
    this.#reply.code(failed.status).headers({ ...commonHeaders(this.#fastify, exchange, dialect, exchange.key), ...failed.headers }).type(JSON_TYPE).send(failed.body)
    this.#books.record(Buffer.from(failed.body))
    this.#close(refused ? 'refused' : 'upstream_error', failed.status, failed.code)
  }

  /** The gateway's own error: with a status while that is open, as an event of the stream after. */
  #fail (error: GatewayError, outcome: Outcome): void {
    if (this.#endDrain !== undefined) return this.#leave()
    this.#admitted.exchange.reason = error.reason
    if (!this.#headSent) {
      this.#books.giveBack(this.#upstream)
      const { exchange, dialect } = this.#admitted
      this.#reply.headers(commonHeaders(this.#fastify, exchange, dialect, exchange.key)).send(error)
      this.#books.record(Buffer.from(JSON.stringify(this.#admitted.dialect.errors.encode(error.info))))
      return this.#close(outcome, error.status, error.code)
    }
    const ending = this.#stream?.end()
    if (this.#media !== undefined) {
      // No word of ours has a place in it: only a broken connection tells that the rest is missing.
      this.#reply.raw.destroy()
      return this.#close(outcome, 200, error.code)
    }
    if (ending !== undefined) this.#books.note(ending)
    const event = this.#stream?.fail(error.info) ?? Buffer.from(this.#admitted.dialect.errors.events(error.info).map(formatEvent).join(''))
    this.#write(ending?.bytes === undefined ? event : Buffer.concat([ending.bytes, event]))
    this.#reply.raw.end()
    this.#close(outcome, 200, error.code)
  }

  #write (bytes: Buffer): boolean {
    if (this.#endDrain !== undefined) return true
    if (!this.#headSent) this.#sendHead(this.#media?.length)
    this.#heartbeat?.refresh()
    this.#books.record(bytes, this.#media)
    const { raw } = this.#reply
    if (raw.write(bytes)) return true
    raw.once('drain', () => this.#upstream.resume())
    return false
  }

  /** @param length of a whole reply; a stream has none */
  #sendHead (length?: number): void {
    this.#headSent = true
    this.#reply.hijack()
    const { dialect, call, exchange, hold, redact } = this.#admitted
    const events = this.#media === undefined && (this.#stream !== undefined || (call.stream && dialect.translation !== undefined))
    const head = ['content-type', this.#media?.type ?? (events ? EVENTS_TYPE : JSON_TYPE)]
    if (length !== undefined) head.push('content-length', String(length))
    // A proxy in between must neither store a stream nor hold it back.
    if (events) head.push('x-accel-buffering', 'no')
    if (this.#media !== undefined) head.push('x-content-type-options', 'nosniff')
    put(head, requestIdHeaders(this.#request))
    put(head, commonHeaders(this.#fastify, exchange, dialect, hold))
    if (length !== undefined && this.#media === undefined) put(head, this.#books.headers)
    put(head, carried(dialect.replyHeaders, this.#headers, redact))
    this.#reply.raw.writeHead(200, head)
  }

  #close (outcome: Outcome, status: number, error?: string): void {
    this.#over = true
    clearInterval(this.#heartbeat)
    clearTimeout(this.#patience)
    clearTimeout(this.#linger)
    this.#endDrain?.()
    this.#upstream.judge(outcome, status)
    if (!this.#books.noted && this.#stream !== undefined) this.#books.note(this.#stream.end())
    this.#gathered = []
    const counting = this.#books.close({ upstream: this.#upstream, outcome, status, error, media: this.#media })
    if (counting === undefined) this.#onClose()
    else counting.finally(this.#onClose).catch((err: unknown) => this.#request.log.error({ err }, 'the books of a request could not be closed'))
  }
}

const EVENTS_TYPE = 'text/event-stream; charset=utf-8'
const JSON_TYPE = 'application/json; charset=utf-8'
/** A comment, which every reader of event streams skips. */
const HEARTBEAT = ': heartbeat\n\n'
