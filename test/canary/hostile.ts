import { createServer } from 'node:net'
import type { ServerResponse } from 'node:http'
import { startProvider, type FakeProvider, type SeenRequest, type Teardown } from '../helper.ts'

/** The real key that came with a request. */
export function keyOf ({ headers }: SeenRequest): string {
  return String(headers['x-api-key'] ?? headers.authorization?.replace('Bearer ', ''))
}

/** As providers, and what stands before them, quote a key. */
export function quoted (key: string): string {
  return [key, encodeURIComponent(key), Buffer.from(`user:${key}`).toString('base64'), Buffer.from(`x${key}`).toString('base64url'), JSON.stringify(JSON.stringify({ key }))].join(' ')
}

type Wire = 'chat' | 'messages' | 'responses'

const wireOf = (url: string): Wire => url.endsWith('/messages') ? 'messages' : url.endsWith('/responses') ? 'responses' : 'chat'

function errorOf (wire: Wire, key: string): object {
  return wire === 'messages'
    ? { type: 'error', error: { type: key, message: quoted(key) }, request_id: key }
    : { error: { message: quoted(key), type: key, param: key, code: key } }
}

function whole (wire: Wire, text: string): object {
  if (wire === 'messages') return { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text }], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } }
  if (wire === 'responses') return { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'm', output: [{ id: 'm_1', type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text, annotations: [] }] }], usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } }
  return { id: 'c1', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: text }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }
}

const event = (data: Record<string, unknown>): string => `${typeof data['type'] === 'string' ? `event: ${data['type']}\n` : ''}data: ${JSON.stringify(data)}\n\n`

function opening (wire: Wire, parts: string[]): string {
  const chunk = (delta: object): string => event({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: null }] })
  if (wire === 'chat') return parts.map((content) => chunk({ content })).join('')
  if (wire === 'messages') {
    return event({ type: 'message_start', message: { ...whole(wire, ''), content: [], stop_reason: null } }) + event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
      parts.map((text) => event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } })).join('')
  }
  const response = { id: 'resp_1', object: 'response', created_at: 1, status: 'in_progress', model: 'm', output: [] }
  const item = { id: 'm_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] }
  return event({ type: 'response.created', response }) + event({ type: 'response.output_item.added', output_index: 0, item }) + event({ type: 'response.content_part.added', item_id: 'm_1', output_index: 0, content_index: 0, part: { type: 'output_text', text: '', annotations: [] } }) +
    parts.map((delta) => event({ type: 'response.output_text.delta', item_id: 'm_1', output_index: 0, content_index: 0, delta })).join('')
}

function closing (wire: Wire, text: string): string {
  if (wire === 'chat') return event({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) + 'data: [DONE]\n\n'
  if (wire === 'messages') return event({ type: 'content_block_stop', index: 0 }) + event({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 1 } }) + event({ type: 'message_stop' })
  return event({ type: 'response.completed', response: whole(wire, text) })
}

function failing (wire: Wire, key: string): string {
  if (wire === 'responses') return event({ type: 'response.failed', response: { id: 'resp_1', object: 'response', status: 'failed', error: { code: key, message: quoted(key) } } })
  return event(errorOf(wire, key) as Record<string, unknown>)
}

/** Headers in which a key may come back. */
function echoes (key: string): Record<string, string> {
  const names = ['x-request-id', 'request-id', 'retry-after', 'x-should-retry', 'openai-processing-ms', 'openai-version', 'openai-organization', 'anthropic-organization-id', 'x-ratelimit-limit-requests', 'server', 'set-cookie', 'via', 'x-echo', 'www-authenticate', 'link']
  return Object.fromEntries(names.map((name) => [name, key]))
}

/** The same JSON, with every letter of the key as its number. */
function escaped (text: string, key: string): string {
  return text.replaceAll(key, [...key].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join(''))
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** In pieces that cut the key, and nothing else that matters. */
async function inPieces (response: ServerResponse, text: string, key: string): Promise<void> {
  const at = text.indexOf(key) + (key.length >> 1)
  for (const piece of [text.slice(0, at), text.slice(at, at + 3), text.slice(at + 3)]) {
    response.write(piece)
    await wait(20)
  }
}

/** What each model does. */
const manners: Record<string, (key: string, wire: Wire, response: ServerResponse) => unknown> = {
  html (key, _wire, response) { response.writeHead(502, { ...echoes(key), 'content-type': 'text/html' }).end(`<html>${quoted(key)}</html>`) },
  escaped (key, wire, response) { response.writeHead(400, { 'content-type': 'application/json' }).end(escaped(JSON.stringify(errorOf(wire, key)), key)) },
  redirect (key, _wire, response) { response.writeHead(302, { location: `http://127.0.0.1:1/${key}` }).end() },
  headers (key, wire, response) {
    response.writeHead(200, { ...echoes(key), 'content-type': `application/json; key="${encodeURIComponent(key)}"`, trailer: 'x-key' })
    response.write(JSON.stringify(whole(wire, 'hello')))
    response.addTrailers({ 'x-key': key })
    response.end()
  },
  failed (key, wire, response) { response.writeHead(200, { ...echoes(key), 'content-type': 'application/json' }).end(JSON.stringify(errorOf(wire, key))) },
  garbage (key, _wire, response) { response.writeHead(200, { 'content-type': 'application/json' }).end(`{"key":"${key}`) },
  content (key, wire, response) { response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ ...whole(wire, `${quoted(key)}`), model: key })) },
  reset (key, _wire, response) {
    response.writeHead(200, { ...echoes(key), 'content-type': 'application/json', 'content-length': '5000' }).write(key)
    setTimeout(() => response.destroy(), 20)
  },
  'sse-first': async (key, wire, response) => {
    response.writeHead(200, { ...echoes(key), 'content-type': 'text/event-stream' })
    await inPieces(response, failing(wire, key), key)
    response.end()
  },
  'sse-escaped': async (key, wire, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(opening(wire, ['hello']))
    await wait(20)
    response.end(escaped(failing(wire, key), key))
  },
  'sse-later': async (key, wire, response) => {
    response.writeHead(200, { ...echoes(key), 'content-type': 'text/event-stream' })
    await inPieces(response, opening(wire, ['hello']) + failing(wire, key), key)
    response.end()
  },
  'sse-cut': async (key, wire, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(opening(wire, ['hello']))
    await wait(20)
    response.end(failing(wire, key).slice(0, -6))
  },
  'sse-content': async (key, wire, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    await inPieces(response, opening(wire, ['it is ', key, ' ', key.slice(0, 9), key.slice(9)]) + closing(wire, `it is ${key} ${key}`), key)
    response.end()
  },
  silent () {}
}

export const contentModels: ReadonlySet<string> = new Set(['content', 'sse-content'])
export const models = Object.keys(manners).filter((name) => name !== 'silent')

/** A provider that gives away the key it was asked with, in every way that a model's name asks for. */
export async function startHostile (t: Teardown, loop: () => string): Promise<FakeProvider> {
  return await startProvider(t, async (request, response) => {
    response.on('error', () => {})
    const key = keyOf(request)
    if (request.method !== 'POST') return response.writeHead(request.url.endsWith('/models/forbidden') ? 403 : 500, { ...echoes(key), 'content-type': 'application/json' }).end(JSON.stringify(errorOf('chat', key)))
    if (request.url.startsWith('/loop')) {
      const { via = '', authorization = '' } = request.headers
      const reply = await fetch(loop(), { method: 'POST', body: request.body, headers: { 'content-type': 'application/json', via: String(via), authorization } })
      return response.writeHead(reply.status, { 'content-type': 'application/json' }).end(await reply.text())
    }
    const { model } = JSON.parse(request.body) as { model: string }
    const wire = wireOf(request.url)
    const [, status] = /^status-(\d+)/.exec(model) ?? []
    if (status !== undefined) return response.writeHead(Number(status), { ...echoes(key), 'content-type': 'application/json' }).end(JSON.stringify(errorOf(wire, key)))
    await manners[model]?.(key, wire, response)
  })
}

/** A proxy that says no, and quotes what it was asked with. */
export async function startProxy (t: Teardown): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', (data) => socket.end(`HTTP/1.1 407 ${data.toString('latin1').replace(/[\r\n]+/g, ' ')}\r\nx-echo: ${data.toString('latin1').replace(/[\r\n]+/g, ' ')}\r\n\r\n${data}`))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.close() })
  return (server.address() as { port: number }).port
}
