import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Call, Dialect, TokenCounter } from '../providers/dialects/dialect.ts'
import { estimateTokens } from '../providers/dialects/estimate.ts'
import { admit } from '../providers/dialects/judge.ts'
import { objectOf, parseExact, parseOrNothing } from '../providers/dialects/json.ts'
import { redactorFor } from '../plugins/logging/redact.ts'
import { GatewayError } from '../plugins/errors.ts'
import type { Target } from '../plugins/providers.ts'
import type { UpstreamRequest } from '../plugins/upstream/index.ts'
import { failure } from './relay/failure.ts'
import { readBody, type Body } from './relay/body.ts'
import { plan } from './relay/plan.ts'
import { refuseForeign } from './relay/refers.ts'

/**
 * How many tokens a prompt has: the provider's own count where it gives one, else an estimate that says so. Nothing is
 * generated, so it costs no quota.
 */
export default async function countTokenRoutes (fastify: FastifyInstance): Promise<void> {
  for (const dialect of fastify.providers.dialects.values()) {
    const { counter } = dialect
    if (counter === undefined) continue
    for (const url of counter.paths) {
      fastify.post(url, {
        config: { dialect: dialect.id },
        bodyLimit: fastify.config.maxBodySize,
        schema: { summary: counter.summary, tags: [dialect.id], hide: url !== counter.paths[0], consumes: ['application/json'], body: Type.Partial(dialect.request) },
        validatorCompiler: () => () => true
      }, (request, reply) => count(dialect, counter, request, reply))
    }
  }

  async function count (client: Dialect, counter: TokenCounter, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const body = readBody(request, client)
    const json = body.fields
    const call = { ...admit(client, body), stream: false }
    const target = fastify.providers.resolve(request.key, client, call)
    if (target.translation === undefined) refuseForeign(fastify.stored, request.key, call, fastify.providers.keeps(request.key))
    const question = ask(client, target, call, { ...body, fields: { ...counter.required, ...json } }, request)
    reply.header('cache-control', 'private, no-store').type('application/json; charset=utf-8').serializer(JSON.stringify)
    if (question !== undefined) {
      Object.assign(question.headers, fastify.tracing.carry(request.headers))
      const { status, headers, body: answer } = await fastify.upstream.fetch(question, fastify.upstream.timeouts(target.provider.name, request.key.timeouts))
      if (status === 200) return reply.send(read(client, counter, target, answer))
      // A server that has the dialect need not have its counter.
      if (status !== 404 && status !== 405) {
        const failed = failure(status, headers, answer, target.dialect, client, redactorFor(request.key))
        return reply.code(failed.status).headers(failed.headers).serializer(String).send(failed.body)
      }
    }
    return reply.header('x-gateway-usage-source', 'estimated').send({ ...counter.encode(estimateTokens(json)), estimated: true })
  }
}

/** The question as the provider takes it; `undefined` where it counts nothing. */
function ask (client: Dialect, target: Target, call: Call, body: Body, { headers, query }: FastifyRequest): UpstreamRequest | undefined {
  const theirs = target.dialect.counter
  if (target.counter === undefined || theirs === undefined) return undefined
  const sent = { headers, query: query as Record<string, unknown> }
  const { request } = plan(client, { ...target, url: target.counter }, call, body, sent)
  if (target.translation === undefined || request.body === undefined) return request
  const whole = objectOf(parseExact(request.body.toString('utf8')))
  const asked = Object.fromEntries(Object.entries(whole).filter(([name]) => theirs.fields.includes(name)))
  return { ...request, body: Buffer.from(JSON.stringify(asked)) }
}

/** The provider's count: as it came, or in the client's words. */
function read (client: Dialect, counter: TokenCounter, target: Target, answer: Buffer): unknown {
  const body = parseOrNothing(answer.toString('utf8'))
  const tokens = target.dialect.counter?.decode(body)
  if (tokens === undefined) throw new GatewayError('upstream_bad_reply')
  return client.id === target.dialect.id ? body : counter.encode(tokens)
}
