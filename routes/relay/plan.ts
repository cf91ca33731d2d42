import type { IncomingHttpHeaders } from 'node:http'
import type { Call, Dialect } from '../../providers/dialects/dialect.ts'
import { withLargeIntegers } from '../../providers/dialects/json.ts'
import { splice } from '../../providers/dialects/splice.ts'
import type { Target } from '../../plugins/providers.ts'
import type { UpstreamRequest } from '../../plugins/upstream/index.ts'

/** What goes to the provider, and what of the client's request it does not say. */
export interface Outgoing {
  request: UpstreamRequest
  lossy: string[]
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
  client: Dialect, target: Target, call: Call, json: Record<string, unknown>, body: Buffer, { headers, query }: Sent
): Outgoing {
  if (target.translation !== undefined) {
    const { from, to } = target.translation
    const conversation = { ...from.decodeRequest(withLargeIntegers(body, json)), model: target.model }
    const encoded = to.encodeRequest(conversation, target.facts)
    return { request: outgoing(target, call, Buffer.from(JSON.stringify(encoded.body))), lossy: encoded.lossy }
  }
  const edits = client.patch?.(json, call) ?? {}
  if (target.model !== call.model) edits['model'] = target.model
  const request = outgoing(target, call, Object.keys(edits).length === 0 ? body : splice(body, edits))
  for (const name of client.requestHeaders) {
    const value = headers[name]
    if (typeof value === 'string') request.headers[name] = value
  }
  for (const name of client.query ?? []) {
    const value = query[name]
    if (typeof value === 'string') request.url.searchParams.set(name, value)
  }
  return { request, lossy: [] }
}

function outgoing ({ url, headers }: Target, call: Call, body: Buffer): UpstreamRequest {
  return {
    method: 'POST',
    url,
    headers: {
      ...headers,
      'content-type': 'application/json',
      accept: call.stream ? 'text/event-stream' : 'application/json',
      'accept-encoding': 'identity',
      'user-agent': 'llm-gateway'
    },
    body
  }
}
