import type { FastifyReply, FastifyRequest } from 'fastify'
import { conceal, decoded, REDACTED } from '../keys/conceal.ts'
import type { Keys, VirtualKey } from '../keys/index.ts'
import { ISSUED } from '../keys/token.ts'
import { unmapped } from '../networks.ts'
import { readContext } from '../tracing/context.ts'
import { bounded, CLIENT_GONE, OWN, tenths, withoutQuery, type RequestLine } from './line.ts'
import { redactorFor, type Redact } from './redact.ts'

/** Characters of a path, or an address, that are searched for keys: more than a line shows, so that its cut halves none. */
const SEARCHED = 1024

const nothingToHide: Redact = (text) => text

/** The line of a request that no provider was asked for: models, health, and all that was refused before. */
export function accessLine (request: FastifyRequest, reply: FastifyReply, keys: Pick<Keys, 'known'>, gone: boolean): RequestLine {
  // There only where the route asks for a key, whatever its type says.
  const key: VirtualKey | undefined = request.key
  const redact = key === undefined ? nothingToHide : redactorFor(key)
  const status = gone ? CLIENT_GONE : reply.statusCode
  const { key: refusedKey, model, code, reason } = request.failure ?? {}
  const outcome = gone ? 'client_gone' : status < 400 ? 'done' : status < 500 ? 'refused' : undefined
  return {
    [OWN]: true,
    id: bounded(request.id, redact),
    method: request.method,
    path: bounded(pathOf(request, keys), redact),
    key: key?.label ?? refusedKey,
    provider: key?.provider,
    model: model === undefined ? undefined : bounded(model, redact),
    servedModel: undefined,
    stream: undefined,
    status,
    outcome,
    error: code,
    reason,
    client: outcome === 'refused' && isNobodys(request) ? clientOf(request) : undefined,
    firstByteMs: undefined,
    ms: tenths(reply.elapsedTime),
    tokens: undefined,
    cost: undefined,
    bytesIn: size(request.headers['content-length']),
    // The length is that of a body that HEAD does not get.
    bytesOut: gone ? undefined : request.method === 'HEAD' ? 0 : size(reply.getHeader('content-length')),
    attempts: undefined,
    upstreamRequestId: undefined,
    trace: traceOf(request.headers, redact),
    lossy: undefined
  }
}

/** Whether no key says who sent a request: it has no good one, or comes from where that is not for. Else its address, personal data, is not logged. */
function isNobodys ({ key, failure }: { key?: VirtualKey, failure: FastifyRequest['failure'] }): boolean {
  return key === undefined || failure?.code === 'ip_not_allowed'
}

/** The address that a request came from, as `allow_ips` has addresses. What is trusted to tell it may have said anything. */
export function clientOf ({ ip }: { ip: string | undefined }): string | undefined {
  return ip === undefined ? undefined : bounded(unmapped(conceal(ip.slice(0, SEARCHED))), nothingToHide)
}

/** A path that is not literally a route's may hold anything, such as a key that someone took for a part of the URL. */
function pathOf (request: FastifyRequest, keys: Pick<Keys, 'known'>): string {
  const path = withoutQuery(request.url)
  if (path === request.routeOptions.url) return path
  return conceal(path.slice(0, SEARCHED)).split('/').map((part) => part !== '' && isKey(decoded(part), keys) ? REDACTED : part).join('/')
}

/** What looks like a key of ours may be one that is gone by now. */
function isKey (text: string, keys: Pick<Keys, 'known'>): boolean {
  return ISSUED.test(text) || keys.known(text) !== undefined
}

/** That of the client's, where it began one. */
function traceOf (headers: FastifyRequest['headers'], redact: Redact): string | undefined {
  const context = headers.traceparent === undefined ? undefined : readContext(headers)
  return context === undefined ? undefined : redact(context.traceId)
}

function size (header: unknown): number | undefined {
  const bytes = Number(header)
  return header !== undefined && Number.isSafeInteger(bytes) ? bytes : undefined
}
