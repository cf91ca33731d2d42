import type { FastifyInstance } from 'fastify'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import type { VirtualKey } from '../../plugins/keys/index.ts'
import type { Exchange } from '../../plugins/logging/exchange.ts'
import { redactorFor } from '../../plugins/logging/redact.ts'
import type { Hold } from '../../plugins/quota/index.ts'

/** A provider's reply headers, as undici gives them: lower-case names. */
export type Headers = Record<string, string | string[] | undefined>

/** On every reply to an admitted request. @param of whose standing it tells: the key's as it is now, or as the request got its hold */
export function commonHeaders ({ quota }: FastifyInstance, { key, upstreamRequestId, lossy, target }: Exchange, dialect: Dialect, of: VirtualKey | Hold): Record<string, string> {
  const headers = { ...quota.headers(of, dialect), 'cache-control': 'private, no-store' } as Record<string, string>
  if (upstreamRequestId !== undefined) headers['x-gateway-upstream-request-id'] = upstreamRequestId
  if (target !== undefined) headers['x-gateway-target'] = target
  // A client's own names.
  if (lossy.length > 0) headers['x-gateway-lossy'] = redactorFor(key)(named(lossy))
  return headers
}

/** Puts headers into a head as Node takes it quickest: names and values in turn. */
export function put (head: string[], headers: Record<string, string>): void {
  for (const name in headers) head.push(name, headers[name] as string)
}

/** Names for a header: a body may hold any number of unknown fields, and clients take only so much of a header. */
export function named (names: string[]): string {
  const rest = names.length - MAX_NAMES
  return rest > 0 ? [...names.slice(0, MAX_NAMES), `and ${rest} more`].join(', ') : names.join(', ')
}

const MAX_NAMES = 40

export function isEventStream (headers: Headers): boolean {
  return String(headers['content-type']).toLowerCase().startsWith('text/event-stream')
}

/** The provider's own id of the request, where a header and a log line can hold it. One that echoes a key is none. */
export function requestId (headers: Headers, redact: (text: string) => string): string | undefined {
  const id = headers['x-request-id'] ?? headers['request-id']
  return typeof id === 'string' && /^[\w.:/+=-]{1,128}$/.test(id) && redact(id) === id ? id : undefined
}

/** Those of a provider's headers that cross to the client: none that echoes a key. */
export function carried (names: readonly string[], headers: Headers, redact: (text: string) => string): Record<string, string> {
  const kept: Record<string, string> = {}
  for (const name of names) {
    const value = headers[name]
    if (typeof value === 'string' && redact(value) === value) kept[name] = value
  }
  return kept
}
