import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ReplyStream } from '../../providers/dialects/reply.ts'
import type { GatewayError } from '../../plugins/errors.ts'
import { requestIdHeaders } from '../../plugins/route-dialect.ts'
import type { Admitted } from './admitted.ts'
import type { Books } from './books.ts'
import { chunk, LAST_CHUNK } from './chunk.ts'
import type { Failure } from './failure.ts'
import { carried, commonHeaders, put, type Headers } from './headers.ts'
import { mediaOf, type Media } from './media.ts'

/**
 * What the client gets, and what is written down of it. Until the first byte of a body goes out it is still open, and a
 * failure has a status of its own; after that a failure is the stream's last event.
 */
export class Answer {
  readonly #fastify: FastifyInstance
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #admitted: Admitted
  readonly #books: Books
  readonly #onDrain: () => void
  /** The provider's, of which some cross. */
  #headers: Headers = {}
  #media: Media | undefined
  #begun = false
  /** Whether it goes out in chunks, which are made here. */
  #chunked = false

  /** @param onDrain called when the client takes more again */
  constructor (fastify: FastifyInstance, request: FastifyRequest, reply: FastifyReply, admitted: Admitted, books: Books, onDrain: () => void) {
    this.#fastify = fastify
    this.#request = request
    this.#reply = reply
    this.#admitted = admitted
    this.#books = books
    this.#onDrain = onDrain
  }

  /** Set where it is neither JSON nor events. */
  get media (): Media | undefined {
    return this.#media
  }

  /** Whether its head is out. */
  get begun (): boolean {
    return this.#begun
  }

  /** Whether the client takes nothing for the moment. */
  get stuck (): boolean {
    return this.#reply.raw.writableNeedDrain
  }

  /** The provider's head of a reply that went well. */
  follow (headers: Headers): void {
    this.#headers = headers
    this.#media = mediaOf(headers, this.#admitted.dialect, this.#admitted.kept.content === true)
  }

  /** A piece of a stream. @returns whether the client takes more */
  write (bytes: Buffer): boolean {
    this.#beginStream()
    this.#books.record(bytes, this.#media)
    return this.#send(bytes)
  }

  /** A word that means nothing, between two events. */
  beat (): void {
    this.#beginStream()
    this.#send(Buffer.from(this.#admitted.dialect.heartbeat ?? HEARTBEAT))
  }

  /** Nothing more of a stream. @param well whether it has told of itself */
  end (well: boolean): void {
    this.#beginStream(0)
    if (well && this.#media === undefined && this.#request.headers['x-gateway-usage'] === '1') this.#send(Buffer.from(this.#books.comment))
    this.#finish()
  }

  /** All of a reply that is there whole, and noted. */
  whole (bytes: Buffer): void {
    const { call, dialect } = this.#admitted
    this.#begin(call.stream && dialect.translation !== undefined ? EVENTS_TYPE : JSON_TYPE, bytes.length, this.#books.headers)
    this.#books.record(bytes)
    // As text it goes out in one piece with its head. Latin-1 has all bytes as they are.
    if (bytes.length < SHORT) this.#reply.raw.end(bytes.toString('latin1'), 'latin1')
    else this.#reply.raw.end(bytes)
  }

  /** The provider's own error reply, while the answer is open. */
  refuse ({ status, headers, body }: Failure): void {
    this.#reply.code(status).headers({ ...this.#standing(), ...headers }).type(JSON_TYPE).send(body)
    this.#books.record(Buffer.from(body))
  }

  /** The gateway's own error, while the answer is open. */
  fail (error: GatewayError): void {
    this.#reply.headers(this.#standing()).send(error)
    this.#books.record(Buffer.from(JSON.stringify(this.#admitted.dialect.errors.encode(error.info))))
  }

  /** The gateway's own error, behind what has gone out of a stream. @param rest of it, to go out before */
  breakOff (error: GatewayError, stream: ReplyStream, rest: Buffer | undefined): void {
    if (this.#media !== undefined) {
      // No word of ours has a place in it: only a broken connection tells that the rest is missing.
      this.#reply.raw.destroy()
      return
    }
    const event = stream.fail(error.info)
    this.write(rest === undefined ? event : Buffer.concat([rest, event]))
    this.#finish()
  }

  #send (bytes: Buffer): boolean {
    // One without any bytes would be the last.
    return this.#reply.raw.write(this.#chunked && bytes.length > 0 ? chunk(bytes) : bytes)
  }

  #finish (): void {
    if (this.#chunked) this.#reply.raw.end(LAST_CHUNK)
    else this.#reply.raw.end()
  }

  #beginStream (length = this.#media?.length): void {
    if (!this.#begun) this.#begin(this.#media?.type ?? EVENTS_TYPE, length)
  }

  /** @param length of a whole body; a stream has none */
  #begin (type: string, length?: number, more: Record<string, string> = {}): void {
    this.#begun = true
    this.#reply.hijack()
    const { dialect, exchange, hold, redact } = this.#admitted
    const head = ['content-type', type]
    if (length !== undefined) head.push('content-length', String(length))
    // A proxy in between must neither store a stream nor hold it back.
    if (type === EVENTS_TYPE) head.push('x-accel-buffering', 'no')
    if (this.#media !== undefined) head.push('x-content-type-options', 'nosniff')
    put(head, requestIdHeaders(this.#request))
    put(head, commonHeaders(this.#fastify, exchange, dialect, hold))
    put(head, more)
    put(head, carried(dialect.replyHeaders, this.#headers, redact))
    this.#reply.raw.writeHead(200, head)
    // Node would make four writes of each piece, and so is told that there is nothing to frame.
    this.#chunked = length === undefined && this.#reply.raw.chunkedEncoding
    if (this.#chunked) this.#reply.raw.chunkedEncoding = false
    this.#reply.raw.on('drain', this.#onDrain)
  }

  #standing (): Record<string, string> {
    const { dialect, exchange } = this.#admitted
    return commonHeaders(this.#fastify, exchange, dialect, exchange.key)
  }
}

const EVENTS_TYPE = 'text/event-stream; charset=utf-8'
/** Bytes of a body that, with its head, fits into what Node writes at once (16 KB). */
const SHORT = 12 * 1024
const JSON_TYPE = 'application/json; charset=utf-8'
/** A comment, which every reader of event streams skips. */
const HEARTBEAT = ': heartbeat\n\n'
