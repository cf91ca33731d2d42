import type { FastifyInstance, FastifyRequest } from 'fastify'
import { credentialHeaders } from '../../providers/dialects/index.ts'
import { GatewayError } from '../errors.ts'
import { isWithin } from '../networks.ts'
import { barOf } from './bar.ts'
import { learn } from './hashed.ts'
import { MAX_KEY_LENGTH } from './schema.ts'

const FAILED_LOOKUPS_PER_MINUTE = 600

const headers: ReadonlySet<string> = new Set(credentialHeaders)

/**
 * The virtual key that a request carries. `undefined` where there is none, one that is badly given, or several that
 * differ: every credential given must be the same one. Reads the raw headers, because Node drops the second of two
 * `Authorization` headers or joins them, as the server is configured.
 */
export function credentialOf (rawHeaders: readonly string[]): string | undefined {
  const seen = new Set<string>()
  let token: string | undefined
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (!headers.has(name)) continue
    const value = name === 'authorization' ? bearer(rawHeaders[index + 1]) : rawHeaders[index + 1]
    if (seen.has(name) || value === undefined || value.length > MAX_KEY_LENGTH) return undefined
    if (token !== undefined && token !== value) return undefined
    seen.add(name)
    token = value
  }
  return token
}

/** RFC 6750 §2.1; the scheme in any case, RFC 9110 §11.1. */
function bearer (value = ''): string | undefined {
  return /^bearer +([^ ]+)$/i.exec(value)?.[1]
}

/**
 * The hook that lets only good keys through and sets `request.key`. What is wrong with a key is not told: the answer
 * to every bad one is the same to the byte, and only the log has whose it was. Guesses are counted by address; a good key is
 * never refused for them.
 */
export function authenticator (fastify: FastifyInstance): (request: FastifyRequest) => Promise<void> {
  const countFailure = fastify.createRateLimit({ max: FAILED_LOOKUPS_PER_MINUTE, timeWindow: 60_000 })
  return async function authenticate (request) {
    const token = credentialOf(request.raw.rawHeaders)
    const key = token === undefined ? undefined : fastify.keys.known(token)
    const reason = key === undefined ? undefined : barOf(key)
    if (token !== undefined && key !== undefined && reason === undefined) {
      learn(key, token)
      request.key = key
      if (key.allowIps !== undefined && !isWithin(key.allowIps, request.ip)) throw new GatewayError('ip_not_allowed')
      return
    }
    const failures = await countFailure(request)
    // All bad ones go the same way, so that none takes another time.
    const whose = { key: key?.label, reason }
    if (!failures.isAllowed && failures.isExceeded) {
      throw new GatewayError('too_many_failed_lookups', { ...whose, headers: { 'retry-after': String(Math.max(1, failures.ttlInSeconds)) } })
    }
    throw new GatewayError('invalid_api_key', whose)
  }
}
