import type { IncomingHttpHeaders } from 'node:http'
import type { Call, Dialect } from '../../providers/dialects/dialect.ts'
import { withLargeIntegers } from '../../providers/dialects/json.ts'
import { withEdits } from '../../providers/dialects/splice.ts'
import type { Target } from '../../plugins/providers.ts'
import type { UpstreamRequest } from '../../plugins/upstream/index.ts'
import { ownBody, type Body } from './body.ts'

/** What goes to the provider, and what of the client's request it does not say. */
export interface Outgoing {
  request: UpstreamRequest
  lossy: string[]
  /** What the request's body says, where it has one. */
  sent?: Body
}

/** What may cross of a request beside its body. */
export interface Sent {
  headers: IncomingHttpHeaders
  query: Record<string, unknown>
}

/**
 * The three grades, chosen by data: *verbatim* where nothing changes, *patched* where a few top-level fields do,
 * *translated* where the dialects differ.
 */
export function plan (
  client: Dialect, target: Target, call: Call, body: Body, { headers, query }: Sent
): Outgoing {
  if (target.translation !== undefined) {
    const { from, to } = target.translation
    const conversation = { ...from.decodeRequest(withLargeIntegers(body.bytes, body.fields)), model: target.model }
    const encoded = to.encodeRequest(conversation, target.facts)
    const translated = ownBody(encoded.body)
    return { request: outgoing(target.dialect, target, call, 'POST', translated), lossy: encoded.lossy, sent: translated }
  }
  const edits = client.patch?.(body.fields, call) ?? {}
  if (target.model !== call.model) edits['model'] = target.model
  const patched = Object.keys(edits).length === 0 ? body : edited(body, edits)
  const request = outgoing(client, target, call, 'POST', patched, headers)
  for (const name of client.query ?? []) {
    const value = query[name]
    if (typeof value === 'string') (request.url = new URL(request.url)).searchParams.set(name, value)
  }
  return { request, lossy: [], sent: patched }
}

function edited (body: Body, edits: Record<string, unknown>): Body {
  return { ...body, bytes: body.edit(edits), fields: withEdits(body.fields, edits), edit: (more) => body.edit({ ...edits, ...more }) }
}

/** @param headers the client's, of which those cross that the dialect names */
export function outgoing (
  dialect: Dialect, { url, headers: own }: Target, call: Call, method: UpstreamRequest['method'], body?: Body, headers: IncomingHttpHeaders = {}
): UpstreamRequest {
  const request: UpstreamRequest = {
    method,
    url,
    headers: {
      ...own,
      ...body !== undefined && { 'content-type': body.type },
      accept: acceptOf(dialect, call),
      'accept-encoding': 'identity',
      'user-agent': 'llm-gateway'
    },
    ...body !== undefined && { body: body.bytes }
  }
  for (const name of dialect.requestHeaders) {
    const value = headers[name]
    if (typeof value === 'string') request.headers[name] = value
  }
  return request
}

function acceptOf ({ media, operations }: Dialect, { stream }: Call): string {
  if (stream) return 'text/event-stream'
  return media === undefined && operations === undefined ? 'application/json' : '*/*'
}
