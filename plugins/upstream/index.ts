import { randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import type { Pool } from 'undici'
import { GatewayError } from '../errors.ts'
import { UpstreamCall, type ReplyHandler, type Route, type UpstreamRequest } from './call.ts'
import { openPool, type PoolOptions } from './connection.ts'
import { Health } from './health.ts'
import { Lane } from './lane.ts'
import { isExempt, tunnel } from './proxy.ts'
import { Resends } from './resends.ts'
import { Shared } from './shared.ts'
import { timeoutsOf, type Timeouts } from './timeouts.ts'

export type { ReplyHandler, UpstreamRequest } from './call.ts'
export { UpstreamCall } from './call.ts'
export type { Timeouts } from './timeouts.ts'

declare module 'fastify' {
  interface FastifyInstance {
    upstream: Upstream
  }
}

/** What `fetch` holds at most: a list of models, not a conversation. */
const FETCH_LIMIT = 8 * 1024 * 1024

/** Connections, and requests by where they are; `refused` are those that found no place, or waited too long for one. */
export type OriginStats = { origin: string, refused: Lane['refused'] } & Pick<Pool['stats'], 'connected' | 'free' | 'running' | 'pending' | 'queued'>

export interface WholeReply { status: number, headers: Record<string, string | string[] | undefined>, body: Buffer }

export interface Upstream {
  /**
   * Sends a request; the handler hears of the reply as it comes. Never throws: failures are `onError`.
   * @param replays whether it goes out once more where it was put on an idle connection that was dead. Default: yes
   */
  send (request: UpstreamRequest, handler: ReplyHandler, timeouts: Timeouts, replays?: boolean): UpstreamCall
  /** Which of the targets of keys that have several are well. */
  readonly health: Health
  /** How often requests went out again, and why. */
  readonly resends: Resends
  /** How long a call to a provider may wait for what. @param own what a key sets for itself */
  timeouts (provider: string, own?: Partial<Timeouts>): Timeouts
  /** Sends a request and waits for its whole reply. @throws {GatewayError} */
  fetch (request: UpstreamRequest, timeouts: Timeouts): Promise<WholeReply>
  /** How the pool of each origin stands. */
  stats (): OriginStats[]
}

/** The way out: one connection pool per origin and a queue before it, our own timers, no redirects. */
export default fp(async (fastify) => {
  const { config } = fastify
  const usual = new Map(config.providers.map(({ name }) => [name, timeoutsOf(config, config.timeouts[name])]))
  const { maxUpstreamConnections: connections, maxQueue, httpsProxy, noProxy, redisUrl } = config
  /** ms. Ours governs: the library's is a second coarse. */
  const connectTimeoutOf = (origin: string): number => {
    const there = config.providers.filter(({ name }) => new URL(config.baseUrls[name] ?? '').origin === origin).map(({ name }) => usual.get(name)?.connect ?? 0)
    return there.length === 0 || there.includes(0) ? 0 : Math.max(...there) + 1000
  }
  const routes = new Map<string, Route>()
  const routeTo = (url: URL): Route => {
    const { origin } = url
    let route = routes.get(origin)
    if (route !== undefined) return route
    const connectTimeout = connectTimeoutOf(origin)
    const past = httpsProxy === undefined || url.protocol !== 'https:' || isExempt(url, noProxy ?? '')
    const options: PoolOptions = { connections, connectTimeout, ...!past && { connect: tunnel(new URL(httpsProxy), connectTimeout) } }
    const fresh = (): Route['pool'] => openPool(origin, options)
    routes.set(origin, route = { lane: new Lane(connections, maxQueue), pool: fresh(), fresh })
    return route
  }

  // RFC 9110 § 7.6.3: an intermediary signs the message with `Via`, which is how it knows one that came round.
  const instance = `llm-gateway-${randomBytes(8).toString('hex')}`
  fastify.addHook('onRequest', (request, _reply, done) => {
    done(request.headers.via?.includes(instance) === true ? new GatewayError('request_loop') : undefined)
  })

  const health = new Health()
  const shared = redisUrl === undefined ? undefined : new Shared(health, { url: redisUrl, log: fastify.log })
  shared?.start()

  const upstream: Upstream = {
    health,
    resends: new Resends(),
    timeouts: (provider, own) => (own === undefined ? usual.get(provider) : undefined) ?? timeoutsOf(config, config.timeouts[provider], own),
    send (request, handler, timeouts, replays = true) {
      request.headers['via'] = `1.1 ${instance}`
      const call = new UpstreamCall(request, handler, timeouts, routeTo(request.url), replays)
      call.send()
      return call
    },
    fetch (request, timeouts) {
      return new Promise((resolve, reject) => {
        const chunks: Buffer[] = []
        let size = 0
        let head: Omit<WholeReply, 'body'>
        const call = upstream.send(request, {
          onHead (status, headers) { head = { status, headers } },
          onData (chunk) {
            chunks.push(chunk)
            size += chunk.length
            if (size <= FETCH_LIMIT) return true
            call.abort()
            reject(new GatewayError('upstream_bad_reply', { message: 'The provider\'s reply is too large.' }))
            return false
          },
          onEnd () { resolve({ ...head, body: Buffer.concat(chunks) }) },
          onError: reject
        }, timeouts)
      })
    },
    stats: () => [...routes].map(([origin, { lane, pool: { stats: { connected, free, running, pending, queued } } }]) =>
      ({ origin, connected, free, running, pending, queued: queued + lane.waiting, refused: lane.refused }))
  }
  fastify.decorate('upstream', upstream)
  fastify.addHook('onClose', async () => {
    shared?.close()
    await Promise.all([...routes.values()].map(({ pool }) => pool.destroy()))
  })
}, { name: 'upstream', fastify: '5.x', dependencies: ['config', 'errors'] })
