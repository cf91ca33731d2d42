import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Call, Dialect } from '../../providers/dialects/dialect.ts'
import { formatEvent } from '../../providers/dialects/sse.ts'
import { estimateTokens } from '../../providers/dialects/estimate.ts'
import { replyStream, wholeReply, type Ending, type ReplyOptions, type ReplyStream } from '../../providers/dialects/reply.ts'
import { GatewayError, requestIdHeaders, type ErrorCode } from '../../plugins/errors.ts'
import type { Exchange, Outcome } from '../../plugins/logging/exchange.ts'
import type { Recorder } from '../../plugins/logging/index.ts'
import type { Target } from '../../plugins/providers.ts'
import type { Hold } from '../../plugins/quota/index.ts'
import type { ReplyHandler, UpstreamCall } from '../../plugins/upstream/index.ts'
import { failure } from './failure.ts'
import { carried, isEventStream, named, requestId, type Headers } from './headers.ts'
import type { Outgoing } from './plan.ts'

export interface Admitted {
  dialect: Dialect
  call: Call
  /** The client's body, parsed. */
  request: Record<string, unknown>
  target: Target
  outgoing: Outgoing
  hold: Hold
  exchange: Exchange
  recorder: Recorder | undefined
  redact: (text: string) => string
}

/** Largest reply that is held whole: JSON must be judged before its first byte may go out. */
const MAX_REPLY = 64 * 1024 * 1024
/** Of an error reply more than this is no message but a page. */
const MAX_ERROR = 256 * 1024
/** ms a provider may take to end a stream that has said its last word. */
const LINGER = 1000

/**
 * Carries one reply from the provider to the client, and closes the books on it exactly once, however it ends. Until
 * the first byte of the reply's body the answer is still open, and a failure has a status of its own; after it, a
 * failure is an event of the stream.
 */
export class Relay implements ReplyHandler {
  readonly #fastify: FastifyInstance
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #admitted: Admitted
  #upstream: UpstreamCall | undefined
  #onClose: () => void = () => {}
  #status = 0
  #headers: Headers = {}
  /** Set while the reply streams through; without it, it is gathered whole. */
  #stream: ReplyStream | undefined
  #gathered: Buffer[] = []
  #gatheredBytes = 0
  #lastByteAt = -Infinity
  #heartbeat: NodeJS.Timeout | undefined
  #headSent = false
  #over = false

  constructor (fastify: FastifyInstance, request: FastifyRequest, reply: FastifyReply, admitted: Admitted) {
    this.#fastify = fastify
    this.#request = request
    this.#reply = reply
    this.#admitted = admitted
  }

  /** @param onClose called once, when the books are closed */
  start (onClose: () => void): void {
    this.#onClose = onClose
    // Not `request.signal`: that fires as soon as the request's body is read.
    this.#reply.raw.once('close', () => this.#clientGone())
    this.#upstream = this.#fastify.upstream.send(this.#admitted.outgoing.request, this)
  }

  /** ms since the provider's last byte; endless before its first. */
  get silentFor (): number {
    return performance.now() - this.#lastByteAt
  }

  shutDown (): void {
    if (this.#over) return
    this.#upstream?.abort()
    this.#fail(new GatewayError('shutting_down'), 'shutdown')
  }

  onHead (status: number, headers: Headers): void {
    this.#status = status
    this.#headers = headers
    this.#admitted.exchange.upstreamRequestId = requestId(headers)
    if (status >= 300 || !this.#admitted.call.stream || !isEventStream(headers)) return
    this.#stream = replyStream(this.#replyOptions())
    const { heartbeatInterval } = this.#fastify.config
    if (heartbeatInterval > 0) this.#heartbeat = setInterval(() => this.#beat(), heartbeatInterval).unref()
  }

  onData (chunk: Buffer): boolean {
    if (this.#over) return true
    this.#lastByteAt = performance.now()
    this.#admitted.exchange.firstByteAt ??= this.#lastByteAt
    if (this.#stream === undefined) return this.#gather(chunk)
    const bytes = this.#stream.push(chunk)
    const flowing = bytes === undefined || this.#write(bytes)
    if (this.#stream.done) this.#endStream()
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
    this.#fail(error, outcomes[error.code] ?? 'upstream_broke')
  }

  #clientGone (): void {
    if (this.#over) return
    this.#upstream?.abort()
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
    if (this.#over || raw.writableNeedDrain || this.#stream?.betweenEvents !== true) return
    if (!this.#headSent) this.#sendHead()
    raw.write(this.#admitted.dialect.heartbeat ?? HEARTBEAT)
  }

  #gather (chunk: Buffer): boolean {
    this.#gathered.push(chunk)
    this.#gatheredBytes += chunk.length
    const failed = this.#status >= 300
    if (this.#gatheredBytes <= (failed ? MAX_ERROR : MAX_REPLY)) return true
    this.#upstream?.abort()
    if (failed) this.#passFailure()
    else this.#fail(new GatewayError('upstream_bad_reply', { message: 'The provider\'s reply is larger than the gateway takes.' }), 'upstream_error')
    return true
  }

  /** The stream has said its last word, or its bytes are at their end. */
  #endStream (): void {
    const stream = this.#stream as ReplyStream
    const ending = stream.end()
    if (ending.truncated) return this.#fail(new GatewayError('upstream_broke'), 'incomplete')
    if (ending.bytes !== undefined) this.#write(ending.bytes)
    if (!this.#headSent) return this.#fail(new GatewayError('upstream_bad_reply'), 'upstream_error')
    this.#reply.raw.end()
    const failed = ending.error !== undefined
    const upstream = this.#upstream
    if (failed) upstream?.abort()
    else setTimeout(() => upstream?.abort(), LINGER).unref()
    this.#note(ending)
    this.#close(failed ? 'upstream_error' : 'done', 200, ending.error?.code)
  }

  #sendWhole (): void {
    const { redact } = this.#admitted
    const body = Buffer.concat(this.#gathered)
    let reply
    try {
      reply = wholeReply(body, { ...this.#replyOptions(), sse: isEventStream(this.#headers) })
    } catch (cause) {
      return this.#fail(new GatewayError('upstream_bad_reply', { cause }), 'upstream_error')
    }
    if (reply.error !== undefined) {
      return this.#fail(new GatewayError('upstream_error', { message: redact(reply.error.message) }), 'upstream_error')
    }
    if (reply.truncated) return this.#fail(new GatewayError('upstream_broke'), 'incomplete')
    const bytes = reply.bytes ?? Buffer.alloc(0)
    this.#note(reply)
    this.#sendHead(bytes.length)
    this.#record(bytes)
    this.#reply.raw.end(bytes)
    this.#close('done', 200)
  }

  /** A provider's own error reply, before any byte went out. */
  #passFailure (): void {
    const { dialect, target, redact, exchange } = this.#admitted
    const failed = failure(this.#status, this.#headers, Buffer.concat(this.#gathered), target.dialect, dialect, redact)
    if (failed.credentialRefused) {
      this.#request.log.error({ provider: exchange.provider, key: exchange.key.label, status: this.#status }, 'the provider refused the real key')
    }
    const refused = failed.status < 500 || failed.credentialRefused
    this.#settle()
    this.#reply.code(failed.status).headers({ ...this.#commonHeaders(), ...failed.headers }).type(JSON_TYPE).send(failed.body)
    this.#record(Buffer.from(failed.body))
    this.#close(refused ? 'refused' : 'upstream_error', failed.status, failed.code)
  }

  /** The gateway's own error: with a status while that is open, as an event of the stream after. */
  #fail (error: GatewayError, outcome: Outcome): void {
    this.#settle()
    if (!this.#headSent) {
      this.#reply.headers(this.#commonHeaders()).send(error)
      this.#record(Buffer.from(JSON.stringify(this.#admitted.dialect.errors.encode(error.info))))
      return this.#close(outcome, error.status, error.code)
    }
    const ending = this.#stream?.end()
    if (ending !== undefined) this.#note(ending)
    const event = this.#stream?.fail(error.info) ?? Buffer.from(this.#admitted.dialect.errors.events(error.info).map(formatEvent).join(''))
    this.#write(ending?.bytes === undefined ? event : Buffer.concat([ending.bytes, event]))
    this.#reply.raw.end()
    this.#close(outcome, 200, error.code)
  }

  #write (bytes: Buffer): boolean {
    if (!this.#headSent) this.#sendHead()
    this.#heartbeat?.refresh()
    this.#record(bytes)
    const { raw } = this.#reply
    if (raw.write(bytes)) return true
    raw.once('drain', () => this.#upstream?.resume())
    return false
  }

  /** @param length of a whole reply; a stream has none */
  #sendHead (length?: number): void {
    this.#headSent = true
    this.#reply.hijack()
    const { dialect, call } = this.#admitted
    this.#reply.raw.writeHead(200, {
      'content-type': call.stream ? 'text/event-stream; charset=utf-8' : JSON_TYPE,
      ...(length === undefined ? {} : { 'content-length': length }),
      ...(call.stream ? STREAM_HEADERS : {}),
      ...requestIdHeaders(this.#request),
      ...this.#commonHeaders(),
      ...carried(dialect.replyHeaders, this.#headers)
    })
  }

  /** On every reply to an admitted request. */
  #commonHeaders (): Record<string, string> {
    const { exchange, dialect } = this.#admitted
    const headers: Record<string, string> = { ...this.#fastify.quota.headers(exchange.key, dialect), 'cache-control': 'private, no-store' }
    if (exchange.upstreamRequestId !== undefined) headers['x-gateway-upstream-request-id'] = exchange.upstreamRequestId
    if (exchange.lossy.length > 0) headers['x-gateway-lossy'] = named(exchange.lossy)
    return headers
  }

  #record (bytes: Buffer): void {
    this.#admitted.exchange.bytesOut += bytes.length
    this.#admitted.recorder?.reply(bytes)
  }

  /** What the reply told of itself. */
  #note ({ usage, model, finish, lossy }: Ending): void {
    const { exchange } = this.#admitted
    exchange.usage = usage
    exchange.servedModel = model
    exchange.finish = finish
    if (lossy !== undefined && lossy.length > 0) exchange.lossy = [...new Set([...exchange.lossy, ...lossy])]
  }

  /** A request that went out counts, whatever came of it. */
  #settle (): void {
    if (this.#upstream?.reached === true) this.#admitted.hold.settle()
    else this.#admitted.hold.release()
  }

  #close (outcome: Outcome, status: number, error?: string): void {
    this.#over = true
    clearInterval(this.#heartbeat)
    this.#settle()
    const { exchange, recorder } = this.#admitted
    exchange.outcome = outcome
    exchange.status = status
    exchange.error = error
    exchange.attempts = this.#upstream?.attempts ?? 0
    if (exchange.usage === undefined && this.#stream !== undefined) this.#note(this.#stream.end())
    this.#gathered = []
    this.#fastify.exchanges.end(exchange, recorder)
    this.#onClose()
  }
}

const JSON_TYPE = 'application/json; charset=utf-8'
/** A comment, which every reader of event streams skips. */
const HEARTBEAT = ': heartbeat\n\n'
/** A proxy in between must neither store a stream nor hold it back. */
const STREAM_HEADERS = { 'x-accel-buffering': 'no' }

const outcomes: Partial<Record<ErrorCode, Outcome>> = {
  upstream_timeout: 'timeout',
  upstream_unreachable: 'upstream_unreachable',
  upstream_broke: 'upstream_broke',
  upstream_bad_reply: 'upstream_error'
}
