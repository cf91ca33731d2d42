import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import { parseObject } from '../../providers/dialects/splice.ts'
import { admit } from '../../providers/dialects/judge.ts'
import { GatewayError } from '../../plugins/errors.ts'
import type { VirtualKey } from '../../plugins/keys/index.ts'
import { Exchange } from '../../plugins/logging/exchange.ts'
import { redactorFor } from '../../plugins/logging/redact.ts'
import { named } from './headers.ts'
import { Relay } from './relay.ts'
import { plan } from './plan.ts'

/**
 * THE handler: one function serves every dialect's paths. It judges the body, finds the key's provider, reserves the
 * key's quota, and from there on a `Relay` carries the reply back. Whatever is thrown here has cost nothing.
 */
export default async function relayRoutes (fastify: FastifyInstance): Promise<void> {
  const live = new Set<Relay>()

  for (const dialect of fastify.providers.dialects.values()) {
    for (const url of dialect.paths) {
      fastify.post(url, {
        config: { dialect: dialect.id },
        bodyLimit: fastify.config.maxBodySize,
        schema: {
          summary: dialect.summary,
          tags: [dialect.id],
          hide: url !== dialect.paths[0],
          consumes: ['application/json'],
          body: dialect.request
        },
        // The schema documents the route. Judging is `admit`'s: it sees bytes, and names the field at fault.
        validatorCompiler: () => () => true
      }, (request, reply) => handle(dialect, request, reply))
    }
  }

  function handle (dialect: Dialect, request: FastifyRequest, reply: FastifyReply): void {
    const body = request.body instanceof Buffer ? request.body : Buffer.alloc(0)
    const json = parseObject(body)
    const call = admit(dialect, json)
    const target = fastify.providers.resolve(request.key, dialect, call)
    const outgoing = plan(dialect, target, call, json, body, { headers: request.headers, query: request.query as Record<string, unknown> })
    refuseLossy(request.key, outgoing.lossy)
    const hold = fastify.quota.reserve(request.key, dialect)
    const exchange = new Exchange({
      id: request.id,
      key: request.key,
      method: request.method,
      path: request.url,
      provider: target.provider.name,
      model: call.model,
      clientDialect: dialect.id,
      upstreamDialect: target.dialect.id,
      stream: call.stream,
      start: performance.now() - reply.elapsedTime
    })
    exchange.bytesIn = body.length
    exchange.lossy = outgoing.lossy
    request.exchange = exchange
    const recorder = fastify.exchanges.begin(exchange, body)
    const redact = redactorFor(request.key)
    const relay = new Relay(fastify, request, reply, { dialect, call, request: json, target, outgoing, hold, exchange, recorder, redact })
    live.add(relay)
    relay.start(() => live.delete(relay))
  }

  function refuseLossy (key: VirtualKey, lossy: string[]): void {
    if (lossy.length === 0 || (key.lossy ?? fastify.config.lossy) === 'report') return
    throw new GatewayError('unsupported_parameter', {
      message: `The provider of this key (${key.provider}) cannot be told: ${named(lossy)}. Leave it out, or use a key of a provider that knows it.`,
      param: lossy[0] ?? ''
    })
  }

  // Streams that talk may end; what is silent is let go earlier, so that a hung provider cannot hold the process.
  fastify.addHook('preClose', async () => {
    const started = performance.now()
    while (live.size > 0) {
      await new Promise((resolve) => setTimeout(resolve, 50))
      const waited = performance.now() - started
      for (const relay of live) {
        if (waited > SHUTDOWN_TIMEOUT || (waited > SILENT_TIMEOUT && relay.silentFor > SILENCE)) relay.shutDown()
      }
    }
  })
}

/** ms a stream that talks may go on after the gateway was told to stop. */
const SHUTDOWN_TIMEOUT = 30_000
/** ms for one that is silent. */
const SILENT_TIMEOUT = 10_000
/** ms without a byte that make one silent. */
const SILENCE = 5_000
