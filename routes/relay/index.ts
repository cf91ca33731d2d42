import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import { admit } from '../../providers/dialects/judge.ts'
import storedRoutes from '../stored/index.ts'
import { readBody } from './body.ts'
import { launcher } from './launch.ts'
import { homeOf, refuseForeign, refuseForeignFiles } from './refers.ts'
import { waysOf } from './ways.ts'

/**
 * THE handler: one function serves the paths of every dialect but those of what providers keep (routes/stored). It judges
 * the body, finds the ways to the key's provider, or to its targets, and launches: the key's quota is reserved, and a `Relay`
 * carries the reply back. Whatever is thrown here has cost nothing.
 */
export default async function relayRoutes (fastify: FastifyInstance): Promise<void> {
  const launch = launcher(fastify)
  storedRoutes(fastify, launch)

  for (const dialect of fastify.providers.dialects.values()) {
    if (dialect.operations !== undefined) continue
    for (const url of dialect.paths) {
      fastify.post(url, {
        config: { dialect: dialect.id, forms: dialect.forms === true },
        bodyLimit: fastify.config.maxBodySize,
        schema: {
          summary: dialect.summary,
          tags: [dialect.id],
          hide: url !== dialect.paths[0],
          consumes: dialect.forms === true ? ['multipart/form-data', 'application/json'] : ['application/json'],
          body: dialect.request
        },
        // The schema documents the route. Judging is `admit`'s: it sees bytes, and names the field at fault.
        validatorCompiler: () => () => true
      }, (request, reply) => handle(dialect, request, reply))
    }
  }

  function handle (dialect: Dialect, request: FastifyRequest, reply: FastifyReply): void {
    const { key } = request
    const body = readBody(request, dialect)
    const call = admit(dialect, body)
    const home = homeOf(fastify.stored, key, call, body)
    const ways = waysOf(fastify, request, dialect, call, body, home)
    // The key as whoever keeps what the request leans on knows it.
    const at = home === undefined ? key : { ...key, provider: home.provider }
    refuseForeign(fastify.stored, at, call, fastify.providers.keeps(at))
    refuseForeignFiles(fastify.stored, at, body)
    launch(request, reply, { dialect, call, body, ways })
  }
}
