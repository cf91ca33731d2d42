import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'

/** Asked by probes, which may share one address behind a balancer. */
const rateLimit = { max: 6000, timeWindow: 60_000 }

const Status = Type.Object({ status: Type.String() })

/**
 * `/health` says that the process answers; a restart mends it when it does not. `/ready` says that it takes requests:
 * not yet while it starts, no more while it stops. Neither asks a provider, whose faults no restart here could mend.
 */
export default async function healthRoutes (fastify: FastifyInstance): Promise<void> {
  let stopping = false
  fastify.addHook('preClose', async () => { stopping = true })

  fastify.get('/health', {
    config: { rateLimit },
    schema: { summary: 'Liveness', tags: ['operations'], response: { 200: Status } }
  }, async () => ({ status: 'ok' }))

  // Clients ask `HEAD /` to see whether anyone is there.
  fastify.get('/', {
    config: { rateLimit },
    schema: { summary: 'What this is', tags: ['operations'], response: { 200: Type.Object({ name: Type.String(), openapi: Type.String() }) } }
  }, async () => ({ name: 'llm-gateway', openapi: '/openapi.json' }))

  fastify.get('/ready', {
    config: { rateLimit },
    schema: { summary: 'Readiness', tags: ['operations'], response: { 200: Status, 503: Status } }
  }, async (_request, reply) => {
    if (!stopping) return { status: 'ready' }
    reply.code(503)
    return { status: 'stopping' }
  })
}
