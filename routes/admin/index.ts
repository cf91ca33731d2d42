import type { FastifyInstance } from 'fastify'
import { administrator } from './authenticate.ts'
import keyRoutes from './keys.ts'
import requestRoutes from './requests.ts'
import usageRoute from './usage.ts'

/** What the ledger says, and the keys, for whoever has ADMIN_KEY. Where that is not set, there is nothing here. */
export default async function adminRoutes (fastify: FastifyInstance): Promise<void> {
  const { adminKey } = fastify.config
  if (adminKey === undefined) return
  fastify.addHook('onRequest', administrator(fastify, adminKey))
  usageRoute(fastify)
  keyRoutes(fastify)
  requestRoutes(fastify)
}
