import type { FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import { toGatewayError } from '../errors.ts'
import { accessLine } from './access.ts'
import { Capture } from './capture.ts'
import type { Exchange } from './exchange.ts'
import { exchangeLine, levelOf, REQUEST } from './line.ts'
import type { Recorder } from './recorder.ts'

export type { Exchange, Outcome } from './exchange.ts'
export type { Recorder } from './recorder.ts'

export interface Exchanges {
  /**
   * Begins the capture of a relayed request.
   * @param body the client's, already judged to be JSON
   * @returns what takes the reply's bytes as they go out; `undefined` where the key's bodies are not captured
   */
  begin (exchange: Exchange, body: Buffer): Recorder | undefined
  /** Writes the request's one line and queues what was captured. Of several calls for an exchange the first counts. */
  end (exchange: Exchange, recorder?: Recorder): void
  /** Calls a function with every exchange that has ended. */
  onEnd (listener: (exchange: Exchange) => void): void
  /** How many have begun and not ended. */
  readonly open: number
  /** Exchanges that were to be captured and were not. */
  readonly dropped: number
  /** Whether `LOG_DIR` takes them, as far as is known. */
  readonly healthy: boolean
}

export interface LoggingOptions {
  /** Finds the dialect that puts a captured stream together. */
  dialect: (id: string) => Dialect | undefined
}

/** An error as the line tells it. @see RequestLine */
export interface Failure {
  code: string
  reason?: string | undefined
  /** The label of the key that was refused. */
  key?: string | undefined
  /** The model that cannot be priced or bounded. */
  model?: string | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    exchanges: Exchanges
  }
  interface FastifyRequest {
    /** Set by the relay. Such a request's line is written by `exchanges.end`, every other one's by a hook. */
    exchange: Exchange | null
    /** The error that the request was answered with. */
    failure: Failure | null
    /** Whether the line of a request without an exchange is written. */
    logged: boolean
  }
}

/** One line a request on the log, and full exchanges in `LOG_DIR`. */
export default fp<LoggingOptions>(async (fastify, { dialect }) => {
  const { config, keys, log } = fastify
  const capture = new Capture({
    dir: config.logDir,
    bodies: config.logBodies,
    bodyLimit: config.logBodyLimit,
    maxSize: config.logMaxSize,
    retention: config.logRetention,
    log,
    dialect
  })
  capture.start()
  const listeners: Array<(exchange: Exchange) => void> = []
  let open = 0

  fastify.decorate('exchanges', {
    begin (exchange, body) {
      open++
      return capture.begin(exchange, body)
    },
    end (exchange, recorder) {
      if (exchange.ended) return
      exchange.ended = true
      open--
      exchange.endedAt ??= performance.now()
      const line = exchangeLine(exchange)
      log[levelOf(line)](line, REQUEST)
      capture.end(exchange, recorder)
      for (const listener of listeners) listener(exchange)
    },
    onEnd (listener) { listeners.push(listener) },
    get open () { return open },
    get dropped () { return capture.dropped },
    get healthy () { return capture.healthy }
  })
  fastify.decorateRequest('exchange', null)
  fastify.decorateRequest('failure', null)
  fastify.decorateRequest('logged', false)

  fastify.addHook('onRequest', (request, reply, done) => {
    // A client that leaves before the reply is out causes no `onResponse`.
    reply.raw.once('close', () => {
      if (request.exchange === null && !reply.raw.writableFinished) writeLine(request, reply, true)
    })
    done()
  })
  fastify.addHook('onError', (request, _reply, error, done) => {
    request.failure = toGatewayError(error) ?? { code: 'internal_error' }
    done()
  })
  fastify.addHook('onResponse', (request, reply, done) => {
    if (request.exchange === null) writeLine(request, reply, false)
    done()
  })
  fastify.addHook('onClose', () => capture.close())

  function writeLine (request: FastifyRequest, reply: FastifyReply, gone: boolean): void {
    if (request.logged) return
    request.logged = true
    const line = accessLine(request, reply, keys, gone)
    // What probes ask every few seconds is worth a line only to someone who looks for it.
    log[request.routeOptions.config.probe === true ? 'debug' : levelOf(line)](line, REQUEST)
  }
}, { name: 'logging', fastify: '5.x', dependencies: ['config', 'keys'] })
