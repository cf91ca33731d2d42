import fp from 'fastify-plugin'
import { GatewayError } from '../plugins/errors.ts'
import { routeDialect } from '../plugins/route-dialect.ts'

/**
 * What no route takes: 404, or 405 with `Allow` where the path is one of ours and only the method is not. Registered
 * before all routes, to hear of each.
 */
export default fp(async (fastify) => {
  const { config: { adminKey, metricsPort }, log } = fastify
  const methods = new Map<string, Set<string>>()
  fastify.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set()
    for (const name of [method].flat()) known.add(name)
    methods.set(url, known)
  })

  const allowed = (path: string): Set<string> | undefined =>
    methods.get(path) ?? union([...methods].filter(([url]) => covers(url, path)).map(([, names]) => names))

  /** Of the paths that settings turn on, each that was asked for in vain and told of. */
  const told = new Set<string>()
  /** The client is told nothing of it; the operator may wonder. */
  const tell = (path: string): void => {
    const switched = SWITCHED.find((own) => path === own || path.startsWith(`${own}/`))
    if (switched === undefined || told.has(switched)) return
    const why = reasonFor(switched, adminKey !== undefined, metricsPort)
    if (why === undefined) return
    told.add(switched)
    log.info(`${switched} was asked for and is not there: ${why}`)
  }

  fastify.setNotFoundHandler({
    // Whoever asks here has shown no key, so the address is what can be held to a rate.
    preHandler: fastify.rateLimit({ max: 6000, timeWindow: 60_000 })
  }, (request) => {
    const [path = '/'] = request.url.split('?', 1)
    const allow = allowed(path)
    if (allow !== undefined) {
      const list = [...allow].join(', ')
      throw new GatewayError('method_not_allowed', { message: `This path takes ${list}.`, headers: { allow: list } })
    }
    tell(path)
    const last = path.lastIndexOf('/v1/')
    throw new GatewayError('not_found', {
      message: last > 0 && allowed(path.slice(last)) !== undefined
        ? 'Unknown path. Without what stands before its last /v1 it is one: shorten the base URL of the client.'
        : `Unknown path. Try POST ${routeDialect(request).paths[0]}; /openapi.json lists all paths.`
    })
  })
}, { name: 'fallback', fastify: '5.x', dependencies: ['config', 'errors', '@fastify/rate-limit'] })

/** What is there only where a setting says so. */
const SWITCHED = ['/metrics', '/admin/usage', '/admin/requests', '/admin/keys']

/** @returns the setting that keeps a path from being there, if one does */
function reasonFor (path: string, administered: boolean, metricsPort: number | undefined): string | undefined {
  if (path === '/metrics') {
    if (metricsPort !== undefined) return `METRICS_PORT is set, so it is on port ${metricsPort} only`
    return administered ? undefined : 'set ADMIN_KEY, or METRICS_PORT for a port of its own'
  }
  return administered ? undefined : 'set ADMIN_KEY'
}

/** Whether a route's path, with its parameters, takes a path. */
function covers (url: string, path: string): boolean {
  if (url.endsWith('/*')) return path.startsWith(url.slice(0, -1))
  const [wanted, given] = [url.split('/'), path.split('/')]
  return url.includes('/:') && wanted.length === given.length &&
    wanted.every((part, i) => part === given[i] || (part.startsWith(':') && given[i] !== ''))
}

/** What several routes of one path take. */
function union (sets: Array<Set<string>>): Set<string> | undefined {
  return sets.length === 0 ? undefined : new Set(sets.flatMap((set) => [...set]))
}
