import fp from 'fastify-plugin'
import { GatewayError } from '../plugins/errors.ts'

/**
 * What no route takes: 404, or 405 with `Allow` where the path is one of ours and only the method is not. Registered
 * before all routes, to hear of each.
 */
export default fp(async (fastify) => {
  const methods = new Map<string, Set<string>>()
  fastify.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set()
    for (const name of [method].flat()) known.add(name)
    methods.set(url, known)
  })

  const allowed = (path: string): Set<string> | undefined =>
    methods.get(path) ?? union([...methods].filter(([url]) => covers(url, path)).map(([, names]) => names))

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
    throw new GatewayError('not_found', {
      message: 'Unknown path. Chat Completions are at POST /v1/chat/completions; /openapi.json lists all paths.'
    })
  })
}, { name: 'fallback', fastify: '5.x', dependencies: ['errors', '@fastify/rate-limit'] })

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
