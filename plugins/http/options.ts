import type { Server } from 'node:http'
import type { TlsOptions } from 'node:tls'
import fastify from 'fastify'
import type { FastifyHttpOptions } from 'fastify'
import { readSettings } from '../config/index.ts'
import { GatewayError, sendError, toGatewayError } from '../errors.ts'
import { REQUEST } from '../logging/line.ts'
import { exposes } from '../keys/conceal.ts'
import { loggerOptions } from '../logging/logger.ts'
import { requestIdHeaders } from '../route-dialect.ts'
import { readPair, tlsFiles, type TlsFiles } from '../tls/pair.ts'
import { clientErrorHandler } from './malformed.ts'
import { newRequestId } from './request-id.ts'
import { dropRest } from './unread.ts'

/** Ids we take from a client: what fits in a log line and a header, and nothing that could be mistaken for either. */
const SANE_ID = /^[\w.:/+=-]{1,128}$/
/** What looks like a virtual key is none of them, whether it is one or not: else whoever guesses would be told, as often as they like. */
const KEY_LIKE = /vk_/

/**
 * What the server is built with, before any plugin runs.
 * @throws {Error} in one line, where a setting of the logger's or of TLS is wrong
 */
export function serverOptions (env: NodeJS.ProcessEnv = process.env): FastifyHttpOptions<Server> {
  const settings = readSettings(env)
  const { logLevel, logFormat, trustProxy } = settings
  const files = tlsFiles(settings)
  return {
    logger: loggerOptions(logLevel, logFormat),
    // One line a request, written at its end, is the logging plugin's.
    // What else is said of the request has its id by the same name.
    logController: new fastify.LogController({ disableRequestLogging: true, requestIdLogLabel: 'id' }),
    genReqId: ({ headers }) => {
      const id = headers['x-request-id']
      return typeof id === 'string' && SANE_ID.test(id) && !KEY_LIKE.test(id) && !exposes(id) ? id : newRequestId()
    },
    frameworkErrors: (error, request, reply) => {
      // No hook is called for these.
      reply.headers(requestIdHeaders(request))
      if (!request.raw.complete) dropRest(request, reply)
      const known = toGatewayError(error) ?? new GatewayError('internal_error')
      sendError(request, reply, known)
      request.log.info({ method: request.method, status: reply.statusCode, outcome: 'refused', error: known.code }, REQUEST)
    },
    clientErrorHandler: clientErrorHandler(trustProxy),
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
