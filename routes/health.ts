import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'

/** Asked by probes, which may share one address behind a balancer. */
const rateLimit = { max: 6000, timeWindow: 60_000 }

const Status = Type.Object({ status: Type.String() })

const Readiness = Type.Object({
  status: Type.String({ description: 'ready, degraded (it takes requests, with one of the following away) or stopping' }),
  redis: Type.Optional(Type.String()),
  postgres: Type.Optional(Type.String())
})

/**
 * `/health` says that the process answers; a restart mends it when it does not. `/ready` says that it takes requests:
 * not yet while it starts, no more while it stops. Neither asks a provider, whose faults no restart here could mend; nor
 * would one bring back a Redis or a Postgres that is away, which readiness only tells.
 */
export default async function healthRoutes (fastify: FastifyInstance): Promise<void> {
  let stopping = false
  fastify.addHook('preClose', async () => { stopping = true })

  fastify.get('/health', {
    config: { rateLimit, probe: true },
    schema: { summary: 'Liveness', tags: ['operations'], response: { 200: Status } }
  }, async () => ({ status: 'ok' }))

  // Clients ask `HEAD /` to see whether anyone is there.
  fastify.get('/', {
    config: { rateLimit, probe: true },
    schema: { summary: 'What this is', tags: ['operations'], response: { 200: Type.Object({ name: Type.String(), openapi: Type.String() }) } }
  }, async () => ({ name: 'llm-gateway', openapi: '/openapi.json' }))

  fastify.get('/ready', {
    config: { rateLimit, probe: true },
    schema: { summary: 'Readiness', tags: ['operations'], response: { 200: Readiness, 503: Status } }
  }, async (_request, reply) => {
    if (!stopping) return readiness()
    reply.code(503)
    return { status: 'stopping' }
  })

  function readiness (): Static<typeof Readiness> {
    const redis = fastify.quota.state()
    const postgres = fastify.postgres?.state()
    return {
      status: redis === 'down' || postgres === 'down' ? 'degraded' : 'ready',
      ...redis !== undefined && { redis },
      ...postgres !== undefined && { postgres }
    }
  }
}
