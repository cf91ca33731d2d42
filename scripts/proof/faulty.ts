/** A provider with everything that can be wrong with one, as the request asks for it. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** What it does to a request whose `metadata.kind` says so. The first two are well. */
export const KINDS = ['whole', 'stream', 'fault', 'refuse', 'busy', 'reset', 'hang', 'html', 'cut', 'short', 'break', 'silent', 'garbage', 'unfinished', 'failing', 'giant'] as const
export type Kind = typeof KINDS[number]

export interface FaultyProvider {
  url: string
  close (): void
}

const JSON_HEAD = { 'content-type': 'application/json' }
const WORDS = ' the'.repeat(20)

/** @param onCall told of every request that came whole, by the body's field `user`, as often as it comes */
export async function startFaulty (onCall: (id: string) => void): Promise<FaultyProvider> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { user, metadata: { kind } } = JSON.parse(Buffer.concat(chunks).toString()) as { user: string, metadata: { kind: Kind } }
      onCall(user)
      response.on('error', () => {})
      answer(response, user, kind).catch((error: unknown) => { console.error(error) })
    })
  })
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    close () {
      server.closeAllConnections()
      server.close()
    }
  }
}

async function answer (response: ServerResponse, id: string, kind: Kind): Promise<void> {
  const usage = { prompt_tokens: 12, completion_tokens: 20, total_tokens: 32 }
  const whole = JSON.stringify({ id, object: 'chat.completion', created: 1, model: 'gpt-5.4-mini', choices: [{ index: 0, message: { role: 'assistant', content: WORDS }, finish_reason: 'stop' }], usage })
  switch (kind) {
    case 'whole': return void response.writeHead(200, JSON_HEAD).end(whole)
    case 'fault': return void response.writeHead(500, JSON_HEAD).end('{"error":{"message":"the provider failed","type":"server_error"}}')
    case 'refuse': return void response.writeHead(400, JSON_HEAD).end('{"error":{"message":"no","type":"invalid_request_error"}}')
    case 'busy': return void response.writeHead(429, { ...JSON_HEAD, 'retry-after': '0' }).end('{"error":{"message":"later","type":"rate_limit_error"}}')
    case 'reset': return void response.socket?.resetAndDestroy()
    case 'hang': return
    case 'html': return void response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>hello</body></html>')
    case 'cut': return void response.writeHead(200, JSON_HEAD).end(whole.slice(0, whole.length / 2))
    case 'short':
      response.writeHead(200, { ...JSON_HEAD, 'content-length': whole.length + 10 }).write(whole)
      return void response.destroy()
  }
  const send = (text: string): boolean => response.write(`data: ${text}\n\n`)
  const token = (delta: object, finish: string | null = null): boolean => send(JSON.stringify({ id, object: 'chat.completion.chunk', created: 1, model: 'gpt-5.4-mini', choices: [{ index: 0, delta, finish_reason: finish }] }))
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let count = 0; count < 20; count++) {
    if (response.destroyed) return
    token({ content: ' the' })
    if (count % 5 === 4) await wait(3)
    if (count < 10) continue
    if (kind === 'break') return void response.destroy()
    if (kind === 'silent') return
    if (kind === 'garbage') send('this is no JSON')
    if (kind === 'failing') return void response.end('data: {"error":{"message":"overloaded","type":"server_error","code":null,"param":null}}\n\n')
    if (kind === 'giant') token({ content: 'x'.repeat(200_000) })
  }
  if (kind === 'unfinished') return void response.end()
  token({}, 'stop')
  send(JSON.stringify({ id, object: 'chat.completion.chunk', created: 1, model: 'gpt-5.4-mini', choices: [], usage }))
  response.end('data: [DONE]\n\n')
}
