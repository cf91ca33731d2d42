import { randomBytes } from 'node:crypto'
import fp from 'fastify-plugin'
import type { Pool } from 'undici'
import { GatewayError } from '../errors.ts'
import { UpstreamCall, type ReplyHandler, type UpstreamRequest } from './call.ts'
import { openPool } from './connection.ts'
import { Health } from './health.ts'
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

export interface WholeReply { status: number, headers: Record<string, string | string[] | undefined>, body: Buffer }

export interface Upstream {
  /** Sends a request; the handler hears of the reply as it comes. Never throws: failures are `onError`. */
  send (request: UpstreamRequest, handler: ReplyHandler, timeouts?: Timeouts): UpstreamCall
  /** Which of the targets of keys that have several are well. */
  readonly health: Health
  /** How long a call may wait for what. @param own what a key sets for itself */
  timeouts (own?: Partial<Timeouts>): Timeouts
  /** Sends a request and waits for its whole reply. @throws {GatewayError} */
  fetch (request: UpstreamRequest): Promise<WholeReply>
  /** How the pool of each origin stands. */
  stats (): Array<{ origin: string } & Pick<Pool['stats'], 'connected' | 'free' | 'running' | 'pending' | 'queued'>>
}

/** The way out: one connection pool per origin, our own timers, no redirects, no retries that could bill twice. */
export default fp(async (fastify) => {
  const usual = timeoutsOf(fastify.config)
  const pools = new Map<string, Pool>()
  // Ours governs: the library's is a second coarse.
  const open = (origin: string): Pool => openPool(origin, usual.connect === 0 ? 0 : usual.connect + 1000)
  const pool = (origin: string): Pool => {
    let found = pools.get(origin)
    if (found === undefined) pools.set(origin, found = open(origin))
    return found
  }

  // RFC 9110 § 7.6.3: an intermediary signs the message with `Via`, which is how it knows one that came round.
  const instance = `llm-gateway-${randomBytes(8).toString('hex')}`
  fastify.addHook('onRequest', (request, _reply, done) => {
    done(request.headers.via?.includes(instance) === true ? new GatewayError('request_loop') : undefined)
  })

  const upstream: Upstream = {
    health: new Health(),
    timeouts: (own) => own === undefined ? usual : timeoutsOf(fastify.config, own),
    send (request, handler, timeouts = usual) {
      request.headers['via'] = `1.1 ${instance}`
      const call = new UpstreamCall(request, handler, timeouts)
      call.dispatch(pool(request.url.origin), () => open(request.url.origin))
      return call
    },
    fetch (request) {
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
        })
      })
    },
    stats: () => [...pools].map(([origin, { stats: { connected, free, running, pending, queued } }]) => ({ origin, connected, free, running, pending, queued }))
  }
  fastify.decorate('upstream', upstream)
  fastify.addHook('onClose', async () => {
    await Promise.all([...pools.values()].map((pool) => pool.destroy()))
  })
}, { name: 'upstream', fastify: '5.x', dependencies: ['config', 'errors'] })
