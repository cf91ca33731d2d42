import fp from 'fastify-plugin'
import swagger from '@fastify/swagger'
import { version } from './version.ts'

/** `/openapi.json`: the document of the routes, made from the same schemas that judge requests. */
export default fp(async (fastify) => {
  await fastify.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'llm-gateway',
        description: 'Virtual keys in front of LLM providers. Fields that the schemas do not name are passed on as they are.',
        version
      },
      components: {
        securitySchemes: {
          bearer: { type: 'http', scheme: 'bearer', description: 'A virtual key of this gateway' },
          admin: { type: 'http', scheme: 'bearer', description: 'ADMIN_KEY' },
          apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' }
        }
      },
      security: [{ bearer: [] }, { apiKey: [] }]
    }
  })
  fastify.get('/openapi.json', {
    config: { rateLimit: { max: 6000, timeWindow: 60_000 } },
    schema: { hide: true }
  }, async () => fastify.swagger())
}, { name: 'docs', fastify: '5.x', dependencies: ['@fastify/rate-limit'] })
