import { hash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { GatewayError } from '../../plugins/errors.ts'
import { credentialOf } from '../../plugins/keys/authenticate.ts'

const FAILURES_PER_MINUTE = 600

/** The hook that lets only ADMIN_KEY through. Guesses are counted by address, as those of virtual keys are. */
export function administrator (fastify: FastifyInstance, adminKey: string): (request: FastifyRequest) => Promise<void> {
  const expected = hash('sha256', adminKey, 'buffer')
  const countFailure = fastify.createRateLimit({ max: FAILURES_PER_MINUTE, timeWindow: 60_000 })
  return async function authenticateAdmin (request) {
    const token = credentialOf(request.raw.rawHeaders)
    if (token !== undefined && timingSafeEqual(hash('sha256', token, 'buffer'), expected)) return
    const failures = await countFailure(request)
    if (!failures.isAllowed && failures.isExceeded) {
      throw new GatewayError('too_many_failed_lookups', {
        message: 'Too many requests with a wrong admin key from this address. Wait, then use ADMIN_KEY.',
        headers: { 'retry-after': String(Math.max(1, failures.ttlInSeconds)) }
      })
    }
    throw new GatewayError('invalid_api_key', { message: 'Missing or wrong admin key. Send the gateway\'s ADMIN_KEY as "Authorization: Bearer KEY" or "x-api-key: KEY".' })
  }
}
