import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Bound, Call, Dialect } from '../../providers/dialects/dialect.ts'
import { widest } from '../../providers/dialects/bound.ts'
import { GatewayError } from '../../plugins/errors.ts'
import { Exchange } from '../../plugins/logging/exchange.ts'
import { newRequestId } from '../../plugins/http/request-id.ts'
import { redactorFor } from '../../plugins/logging/redact.ts'
import type { Hold, Spend } from '../../plugins/quota/index.ts'
import type { Kept } from './admitted.ts'
import type { Body } from './body.ts'
import { Drains } from './drains.ts'
import { Relay } from './relay.ts'
import { Underway } from './underway.ts'
import type { Way, Ways } from './ways.ts'

/** A request that was judged, and may go out. */
export interface Asked {
  dialect: Dialect
  call: Call
  /** Absent where the request has none. */
  body?: Body
  ways: Ways
  /** How many of the key's requests it costs. Default: one. */
  amount?: number
  kept?: Kept
}

export type Launch = (request: FastifyRequest, reply: FastifyReply, asked: Asked) => void

/**
 * The one way out for whatever a key pays for: it reserves the key's quota, opens the request's row and record, and sets a
 * `Relay` on its way. Also what waits for them at the end.
 */
export function launcher (fastify: FastifyInstance): Launch {
  const underway = new Underway()
  const drains = new Drains(fastify.config.drainTimeout)
  fastify.addHook('preClose', async () => {
    await underway.stop(fastify.config.shutdownTimeout)
    // What is open then is an upload whose request would be refused, or a reply that nobody reads.
    setTimeout(() => fastify.server.closeAllConnections(), LINGER).unref()
  })

  return (request, reply, asked) => {
    // One that was still being sent as the gateway began to stop: nobody is left to look after it.
    if (underway.stopped) throw new GatewayError('shutting_down', { headers: { connection: 'close', 'retry-after': '1' } })
    const { key } = request
    const { dialect, ways, amount = 1 } = asked
    // It is counted in the windows of its arrival, as its row is.
    const start = performance.now() - reply.elapsedTime
    const rowId = request.headers['x-request-id'] === request.id ? newRequestId() : request.id
    let relay: Relay | undefined
    const reserved = fastify.quota.reserve({
      id: rowId,
      key,
      dialect,
      requests: amount,
      time: Math.round(Date.now() - reply.elapsedTime),
      ...fastify.quota.weighs(key) && { spend: spendOf(asked) },
      alive: () => relay?.over !== true
    })
    underway.starting.add(rowId)
    if (reserved instanceof Promise) {
      reserved.then(open).catch((error: unknown) => {
        underway.starting.delete(rowId)
        reply.send(error)
      })
    } else {
      open(reserved)
    }

    function open (hold: Hold): void {
      try {
        enter(hold)
      } catch (error) {
        underway.starting.delete(rowId)
        if (relay === undefined) hold.release()
        throw error
      }
    }

    function enter (hold: Hold): void {
      // Behind the limits: who has used one up is told of that.
      if (fastify.load.excessive() !== undefined) throw new GatewayError('overloaded', { headers: { 'retry-after': '1' } })
      const { call, body, kept = {} } = asked
      const [{ target, outgoing }] = ways
      const exchange = new Exchange({
        id: request.id,
        rowId,
        key,
        method: request.method,
        path: request.url,
        provider: target.provider.name,
        model: call.model,
        sentModel: target.model,
        clientDialect: dialect.id,
        upstreamDialect: target.dialect.id,
        stream: call.stream,
        start
      })
      exchange.bytesIn = body?.bytes.length ?? 0
      exchange.lossy = outgoing.lossy
      exchange.target = target.of?.name
      exchange.trace = fastify.tracing.join(exchange, request.headers)
      request.exchange = exchange
      const capped = hold.cap === undefined ? [] : ways.filter((way) => cap(hold.cap ?? 0, way))
      const { explanation } = hold
      exchange.booking = {
        requests: amount,
        tokens: hold.tokens,
        money: hold.money,
        budgeted: hold.budgeted,
        limits: explanation === '[]' ? null : `{"seen":${explanation}${capped.length > 0 ? `,"cap":${hold.cap}` : ''}}`
      }
      fastify.ledger.open(exchange, (refusal) => {
        underway.starting.delete(rowId)
        if (refusal !== undefined) {
          hold.release()
          request.exchange = null
          reply.send(refusal)
          return
        }
        const recorder = fastify.exchanges.begin(exchange, body?.record ?? NOTHING)
        const redact = redactorFor(key)
        relay = new Relay(fastify, request, reply, { dialect, call, request: body?.fields ?? {}, target, outgoing, ways, hold, exchange, recorder, redact, kept, drains })
        relay.start(underway.add(relay, reply.raw))
      })
    }
  }

  /** What a request may spend beside itself. */
  function spendOf (asked: Asked): Spend {
    const { ways } = asked
    const [{ target, outgoing }] = ways
    return {
      targets: ways.map(({ target: { provider, model, facts } }) => ({ provider: provider.name, model, maxOutputTokens: facts.maxOutputTokens })),
      bytes: Math.max(...ways.map(({ outgoing: { request } }) => request.body?.length ?? 0)),
      bound: () => widest(ways.map((way) => boundOf(asked, way))),
      // Tokenizers differ, so that of several targets only the bytes hold for all.
      ...ways.length === 1 && { count: () => fastify.tokens.atMost(target.model, target.provider.name, outgoing.request.body?.toString() ?? '') },
      capable: ways.every(({ target }) => target.dialect.cap !== undefined)
    }
  }
}

/** How much it can cost, by what goes out. A cap on the output that the translation put in is not one of the client's. */
function boundOf ({ dialect, body }: Asked, { target, outgoing: { sent } }: Way): Bound | undefined {
  const bound = target.dialect.bound?.(sent?.fields ?? {})
  if (bound === undefined || target.translation === undefined || dialect.bound?.(body?.fields ?? {}).output !== undefined) return bound
  const { output: _, ...uncapped } = bound
  return uncapped
}

/** Tells the provider what each answer was held for, in its own dialect. @returns whether the request did not say so */
function cap (tokens: number, { target, outgoing: { request, sent } }: Way): boolean {
  const edits = sent === undefined ? {} : target.dialect.cap?.(tokens, sent.fields, target.facts) ?? {}
  if (sent === undefined || Object.keys(edits).length === 0) return false
  request.body = sent.edit(edits)
  return true
}

const NOTHING = Buffer.from('null')

/** ms that other connections may go on behind the last stream, once the gateway stops. */
const LINGER = 3000
