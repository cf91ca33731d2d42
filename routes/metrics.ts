import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { administrator } from './admin/authenticate.ts'

/** What Prometheus is told, for whoever has ADMIN_KEY. Where that is not set, or METRICS_PORT is, there is nothing here. */
export default async function metricsRoute (fastify: FastifyInstance): Promise<void> {
  const { config: { adminKey, metricsPort }, metrics } = fastify
  if (adminKey === undefined || metricsPort !== undefined || metrics === null) return
  fastify.get('/metrics', {
    onRequest: administrator(fastify, adminKey),
    schema: {
      summary: 'Metrics for Prometheus',
      tags: ['operations'],
      security: [{ admin: [] }],
      response: { 200: Type.String({ description: 'Prometheus\' text format' }) }
    }
  }, async (_request, reply) => {
    reply.type(metrics.contentType).header('cache-control', 'no-store')
    return await metrics.render()
  })
}
