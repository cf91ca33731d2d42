import Fastify, { type RouteOptions } from 'fastify'
import fp from 'fastify-plugin'
import { version } from './version.ts'

/** `/openapi.json`: the document of the routes, made from the same schemas that judge requests, when it is first asked for. */
export default fp(async (fastify) => {
  const routes: RouteOptions[] = []
  fastify.addHook('onRoute', (route) => { routes.push(route) })
  let document: ReturnType<typeof describe> | undefined
  fastify.get('/openapi.json', {
    config: { rateLimit: { max: 6000, timeWindow: 60_000 } },
    schema: { hide: true }
  }, async () => await (document ??= describe(routes).catch((error: unknown) => {
    // Such as where no descriptor is left to load with what describes them.
    document = undefined
    throw error
  })))
}, { name: 'docs', fastify: '5.x', dependencies: ['@fastify/rate-limit'] })

/** What describes routes listens to them as they are made: so it is shown them all again, in an application that answers none. */
async function describe (routes: RouteOptions[]) {
  const { default: swagger } = await import('@fastify/swagger')
  const app = Fastify({ exposeHeadRoutes: false })
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  await app.register(swagger, {
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
  for (const { method, url, schema = {} } of routes) {
    if (method !== 'HEAD') app.route({ method, url, schema, handler: () => {} })
  }
  await app.ready()
  return app.swagger()
}
