import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { TLSSocket, type TlsOptions } from 'node:tls'
import fastify from 'fastify'
import type { FastifyHttpOptions } from 'fastify'
import { defaultDialect } from '../../providers/dialects/index.ts'
import { readSettings } from '../config/index.ts'
import { GatewayError, errorTable, requestIdHeaders, sendError, toGatewayError, type ErrorCode } from '../errors.ts'
import { logStream } from '../logging/sink.ts'
import { readPair, tlsFiles, type TlsFiles } from '../tls/pair.ts'
import { newRequestId } from './request-id.ts'

/** Ids we take from a client: what fits in a log line and a header, and nothing that could be mistaken for either. */
const SANE_ID = /^[\w.:/+=-]{1,128}$/

/**
 * What the server is built with, before any plugin runs.
 * @throws {Error} in one line, where a setting of the logger's or of TLS is wrong
 */
export function serverOptions (env: NodeJS.ProcessEnv = process.env): FastifyHttpOptions<Server> {
  const settings = readSettings(env)
  const { logLevel, logFormat, trustProxy } = settings
  const files = tlsFiles(settings)
  return {
    logger: { level: logLevel, stream: logStream(logFormat) },
    // One line a request, written at its end, is the logging plugin's.
    logController: new fastify.LogController({ disableRequestLogging: true }),
    genReqId: ({ headers }) => {
      const id = headers['x-request-id']
      return typeof id === 'string' && SANE_ID.test(id) ? id : newRequestId()
    },
    frameworkErrors: (error, request, reply) => {
      reply.headers(requestIdHeaders(request))
      sendError(request, reply, toGatewayError(error) ?? new GatewayError('internal_error'))
    },
    clientErrorHandler,
    ...trustProxy !== undefined && { trustProxy },
    // Answered by the http plugin, in the dialect of the route.
    return503OnClosing: false,
    // Counts while the server closes too, and streams may take their time then.
    pluginTimeout: settings.shutdownTimeout + 15_000,
    // Fastify's own timers are off by default. Above the 60 s that load balancers keep idle connections.
    keepAliveTimeout: 72_000,
    requestTimeout: 300_000,
    http: connections,
    ...files !== undefined && { https: { ...connections, ...readPair(files), ...handshake(files) } },
    // Ids of models travel in paths.
    routerOptions: { maxParamLength: 512 }
  }
}

/** Of every connection. */
const connections = {
  headersTimeout: 10_000,
  connectionsCheckingInterval: 1000,
  // A header given twice arrives as a list, and so never passes for one good credential.
  joinDuplicateHeaders: true,
  // Judged by the http plugin, which answers in the dialect.
  requireHostHeader: false
}

/** Of every connection with TLS. */
function handshake ({ clientCa }: TlsFiles): TlsOptions {
  return {
    // Its default is 120 s, in which nothing else has a timer.
    handshakeTimeout: 10_000,
    ...clientCa !== undefined && { requestCert: true, rejectUnauthorized: true }
  }
}

const parserErrors: Record<string, ErrorCode> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'request_too_large'
}

/** Connections whose last request was refused for its framing: what the parser says of the bytes behind it is no news. */
export const refused = new WeakSet<Socket>()

/** Answers what the HTTP parser refused, and closes: behind bytes it could not read, nothing can be trusted. */
function clientErrorHandler (error: Error & { code: string }, socket: Socket): void {
  if (refused.has(socket)) return
  // Where a handshake failed there is nobody to answer.
  const shaken = !(socket instanceof TLSSocket) || /^(HPE|ERR_HTTP)_/.test(error.code)
  if (error.code === 'ECONNRESET' || !socket.writable || !shaken) {
    socket.destroy()
    return
  }
  const code = parserErrors[error.code] ?? 'malformed_http'
  const [status, message] = errorTable[code]
  const body = JSON.stringify(defaultDialect.errors.encode({ status, code, message }))
  socket.end([
    `HTTP/1.1 ${status} ${reasons[status] ?? 'Bad Request'}`,
    'content-type: application/json; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${newRequestId()}`,
    'connection: close',
    '', body
  ].join('\r\n'))
}

const reasons: Record<number, string> = { 408: 'Request Timeout', 413: 'Content Too Large', 431: 'Request Header Fields Too Large' }
