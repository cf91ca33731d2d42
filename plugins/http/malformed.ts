import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { FastifyInstance } from 'fastify'
import { defaultDialect } from '../../providers/dialects/index.ts'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import { clientOf } from '../logging/access.ts'
import { REQUEST } from '../logging/line.ts'
import { errorTable, GatewayError, type ErrorCode } from '../errors.ts'
import { isWithin } from '../networks.ts'
import { dialectAt } from '../route-dialect.ts'
import { newRequestId } from './request-id.ts'
import { linger } from './unread.ts'

/** What the parser says of bytes it refuses. */
interface ParserError extends Error { code: string, rawPacket?: unknown, bytesParsed?: number }

const parserErrors: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'request_too_large'
}

/** ms in which an answer that is on its way still goes out to a client that sends no more. */
const PARTING = 100

/** Connections whose last request was refused for its framing: what the parser says of the bytes behind it is no news. */
export const refused = new WeakSet<Socket>()

/**
 * The answer to the last request of each connection that the parser took, until both are at their end. The entries stay as
 * long as their connections: see `LinkedList` for what it costs where they come and go.
 */
const answers = new WeakMap<Socket, { latest: ServerResponse | undefined }>()

export function answerBegins (socket: Socket, response: ServerResponse): void {
  const answer = answers.get(socket)
  if (answer === undefined) answers.set(socket, { latest: response })
  else answer.latest = response
}

export function answerOf (socket: Socket): ServerResponse | undefined {
  return answers.get(socket)?.latest
}

/** An idle connection keeps nothing of what it was used for. */
export function answerEnds (socket: Socket, response: ServerResponse): void {
  const answer = answers.get(socket)
  if (answer?.latest === response) answer.latest = undefined
}

/**
 * Answers what the HTTP parser refused, and closes: behind bytes it could not read, nothing can be trusted.
 *
 * @param proxies those of `TRUST_PROXY`: a header that was not read would say whose request they passed on
 */
export function clientErrorHandler (proxies: readonly string[] = []) {
  return function (this: FastifyInstance, error: ParserError, socket: Socket): void {
    handle(this, error, socket, proxies)
  }
}

function handle (fastify: FastifyInstance, error: ParserError, socket: Socket, proxies: readonly string[]): void {
  if (refused.has(socket)) {
    // The client has left: its parser, which would see to that, is of no use any more.
    if (socket.readableEnded) setTimeout(() => socket.destroy(), PARTING).unref()
    return
  }
  // Where a handshake failed there is nobody to answer.
  const shaken = !(socket instanceof TLSSocket) || /^(HPE|ERR_HTTP)_/.test(error.code)
  if (error.code === 'ECONNRESET' || !socket.writable || !shaken) {
    socket.destroy()
    return
  }
  refused.add(socket)
  const code = parserErrors[error.code] ?? 'malformed_http'
  const last = answerOf(socket)
  if (last?.req.complete === false) {
    // It is that request's body. What has an answer gets no second one.
    if (last.headersSent) linger(socket)
    else spoil(last, error.code === 'HPE_INVALID_EOF_STATE' ? 'client_closed_request' : code)
    return
  }
  const dialect = dialectIn(error)
  const { remoteAddress: ip } = socket
  const client = isWithin(proxies, ip) ? undefined : clientOf({ ip })
  // Answers go out in the order of their requests.
  if (last?.writableFinished === false) last.once('close', () => refuse(fastify, socket, code, dialect, client))
  else refuse(fastify, socket, code, dialect, client)
}

/** Requests whose body could not be read to its end, by their fault, until somebody asks for it. */
export const spoilt = new WeakMap<IncomingMessage, GatewayError>()

/** Ends a request inside its body: whoever reads that gets the fault for its end, and answers; or will, when it comes to read. */
function spoil (response: ServerResponse, code: ErrorCode): void {
  const raw = response.req
  const fault = new GatewayError(code, { headers: { connection: 'close' } })
  response.shouldKeepAlive = false
  spoilt.set(raw, fault)
  if (raw.listenerCount('error') > 0) raw.emit('error', fault)
}

/**
 * Answers on a connection for which there is no request, and ends it.
 *
 * @param client where it came from, if that is known
 */
export function refuse (fastify: FastifyInstance, socket: Socket, code: ErrorCode, dialect = defaultDialect, client?: string): void {
  if (!socket.writable) {
    socket.destroy()
    return
  }
  const [status, message] = errorTable[code]
  const id = newRequestId()
  const body = JSON.stringify(dialect.errors.encode({ status, code, message }))
  socket.write([
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Bad Request'}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${id}`,
    ...dialect.requestIdHeader === undefined ? [] : [`${dialect.requestIdHeader}: ${id}`],
    'connection: close',
    '', body
  ].join('\r\n'))
  linger(socket)
  fastify.log.info({ id, status, outcome: 'refused', error: code, client }, REQUEST)
}

const reasons: Record<number, string> = { 408: 'Request Timeout', 413: 'Content Too Large', 431: 'Request Header Fields Too Large' }

/** The dialect of the request line before the fault: that of the request, where the parser was given its head in one piece. */
function dialectIn ({ rawPacket, bytesParsed = 0 }: ParserError): Dialect | undefined {
  if (!(rawPacket instanceof Buffer)) return undefined
  const lines = [...rawPacket.toString('latin1').matchAll(/^[A-Z]+ (\/[^ \r\n]*)/gm)]
  const [, path = ''] = lines.findLast(({ index }) => index <= bytesParsed) ?? []
  return dialectAt(path)
}
