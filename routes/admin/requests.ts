import type { FastifyInstance } from 'fastify'
import { Type, type Static } from 'typebox'
import { GatewayError } from '../../plugins/errors.ts'
import { ExplainedSchema, explain, outcomes } from './explain.ts'
import { momentOf, strictQuery } from './query.ts'
import { RequestSchema, tellRequest } from './request.ts'

const OUTCOMES = ['open', ...Object.keys(outcomes)]

const Query = Type.Object({
  limit: Type.Integer({ minimum: 1, maximum: 200, default: 50, description: 'Rows of a page.', errorMessage: 'must be a whole number from 1 to 200' }),
  before: Type.Optional(Type.String({ pattern: '^[0-9a-f-]{1,36}$', description: '`next` of the page before.', errorMessage: 'must be "next" of the page before' })),
  key: Type.Optional(Type.String({ description: 'Only this key: its id or name.' })),
  provider: Type.Optional(Type.String({ description: 'Only this provider.' })),
  model: Type.Optional(Type.String({ description: 'Only this model, as it was asked for or as the provider named it.' })),
  outcome: Type.Optional(Type.Enum(OUTCOMES, { description: 'Only those that ended so; `open` for those under way.', errorMessage: `must be one of ${OUTCOMES.join(', ')}` })),
  since: Type.Optional(Type.String({ description: 'Only those that arrived then or later: a date (UTC), or date, time and zone.' })),
  until: Type.Optional(Type.String({ description: 'Only those that arrived before.' }))
}, { additionalProperties: false })

const Page = Type.Object({
  data: Type.Array(RequestSchema, { description: 'Newest first.' }),
  next: Type.Union([Type.String(), Type.Null()], { description: '`before` of the next page. A page ends after 20,000 rows that were looked at, however few of them were asked for: `null` alone says that there are no more.' })
})

const Found = Type.Object({ data: Type.Array(ExplainedSchema, { description: 'Newest first: clients may use an id again.' }) })

/** `GET /admin/requests`: the ledger, row by row, and why each request was let through and cost what it did. */
export default function requestRoutes (fastify: FastifyInstance): void {
  const schema = { tags: ['admin'], security: [{ admin: [] }] }
  const serializerCompiler = () => JSON.stringify

  fastify.get<{ Querystring: Static<typeof Query> }>('/admin/requests', {
    schema: { ...schema, summary: 'Requests, newest first', querystring: Query, response: { 200: Page } },
    validatorCompiler: strictQuery,
    serializerCompiler
  }, async ({ query: { since, until, ...query } }, reply) => {
    const { rows, next = null } = await fastify.reports.requests({
      ...query,
      ...since !== undefined && { since: momentOf('since', since) },
      ...until !== undefined && { until: momentOf('until', until) }
    })
    return reply.header('cache-control', 'private, no-store').send({ data: rows.map(tellRequest), next })
  })

  fastify.get<{ Params: { id: string } }>('/admin/requests/:id', {
    schema: {
      ...schema,
      summary: 'One request, with the decision explained',
      params: Type.Object({ id: Type.String({ description: 'A row\'s id, or an `x-request-id`.' }) }),
      querystring: Type.Object({}, { additionalProperties: false }),
      response: { 200: Found }
    },
    validatorCompiler: strictQuery,
    serializerCompiler
  }, async ({ params: { id } }, reply) => {
    const rows = await fastify.reports.request(id)
    if (rows.length === 0) throw new GatewayError('not_found', { message: 'The ledger has no request of that id. What was refused before it went out is only in the log.' })
    return reply.header('cache-control', 'private, no-store').send({ data: rows.map(explain) })
  })
}
