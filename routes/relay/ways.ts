import { hash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Call, Dialect } from '../../providers/dialects/dialect.ts'
import { openingOf } from '../../providers/dialects/opening.ts'
import { GatewayError, toGatewayError } from '../../plugins/errors.ts'
import type { KeyTarget } from '../../plugins/keys/index.ts'
import type { Target } from '../../plugins/providers.ts'
import type { Body } from './body.ts'
import { named } from './headers.ts'
import { plan, type Outgoing } from './plan.ts'

/** One way that a request can go: to whom, and how it is put there. */
export interface Way {
  target: Target
  outgoing: Outgoing
}

export type Ways = readonly [Way, ...Way[]]

/**
 * Every way that the request can go, in the order in which they are to be tried: as the key lists its targets, or by
 * their weights, those that are at rest last. A target that cannot be told what the request asks for is none of them.
 *
 * @param only set where the request leans on what one target's provider keeps
 * @throws {GatewayError} what is wrong with the first of them, where there is none
 */
export function waysOf (fastify: FastifyInstance, request: FastifyRequest, dialect: Dialect, call: Call, body: Body, only?: KeyTarget): Ways {
  const { key } = request
  const sent = { headers: request.headers, query: request.query as Record<string, unknown> }
  const way = (to?: KeyTarget): Way => {
    const target = fastify.providers.resolve(key, dialect, call, to)
    const outgoing = plan(dialect, target, call, body, sent)
    refuseLossy(target, outgoing.lossy, key.lossy ?? fastify.config.lossy)
    return { target, outgoing }
  }
  if (key.targets === undefined || only !== undefined) return [way(only)]

  const ways: Way[] = []
  let refusal: unknown
  for (const to of ordered(fastify, key.targets, body)) {
    try {
      ways.push(way(to))
    } catch (error) {
      if (toGatewayError(error) === undefined) throw error
      refusal ??= error
    }
  }
  const [first, ...others] = ways
  if (first === undefined) throw refusal
  return [first, ...others]
}

function ordered ({ upstream }: FastifyInstance, targets: readonly KeyTarget[], body: Body): KeyTarget[] {
  const listed = targets.some(({ weight }) => weight !== undefined) ? drawn(targets, openingOf(body.fields)) : targets
  return upstream.health.order(listed, ({ healthId }) => healthId)
}

/**
 * Drawn by weight, and for the same conversation always the same: its prompt is in the cache of the one that had it
 * before. (Rendezvous hashing: where one is away its conversations go to the others, and no other moves.)
 */
function drawn (targets: readonly KeyTarget[], opening: string): KeyTarget[] {
  const scores = new Map(targets.map((target) => {
    const drawn = (parseInt(hash('sha256', `${target.healthId} ${opening}`).slice(0, 12), 16) + 1) / 2 ** 48
    return [target, -Math.log(drawn) / (target.weight ?? 1)]
  }))
  return [...targets].sort((a, b) => (scores.get(a) ?? 0) - (scores.get(b) ?? 0))
}

function refuseLossy ({ provider }: Target, lossy: string[], policy: 'report' | 'reject'): void {
  if (lossy.length === 0 || policy === 'report') return
  throw new GatewayError('unsupported_parameter', {
    message: `The provider of this key (${provider.name}) cannot be told: ${named(lossy)}. Leave it out, or use a key of a provider that knows it.`,
    param: lossy[0] ?? ''
  })
}
