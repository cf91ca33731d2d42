import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import { gateway, serverOptions, type GatewayOptions } from '../app.ts'

/** What a test must be able to clean up through. */
export interface Teardown { teardown (fn: () => unknown): void }

export interface SeenRequest {
  method: string
  url: string
  headers: IncomingMessage['headers']
  body: string
  /** Settles when the gateway lets go of the connection before the reply is complete. */
  aborted: Promise<void>
}

export interface FakeProvider {
  url: string
  requests: SeenRequest[]
}

export type Respond = (request: SeenRequest, response: ServerResponse) => unknown

/** A provider on a real socket that answers as the test says. */
export async function startProvider (t: Teardown, respond: Respond): Promise<FakeProvider> {
  const requests: SeenRequest[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const aborted = new Promise<void>((resolve) => response.on('close', () => { if (!response.writableFinished) resolve() }))
      const seen = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: Buffer.concat(chunks).toString(), aborted }
      requests.push(seen)
      respond(seen, response)
    })
  })
  return { url: await listen(t, server), requests }
}

/** A provider that speaks raw bytes: called with each connection once the request's head and body have arrived. */
export async function startRawProvider (t: Teardown, respond: (socket: Socket, connection: number) => unknown): Promise<{ url: string, connections: () => number }> {
  let connections = 0
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    const number = ++connections
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (end === -1 || text.length < end + 4 + length) return
      text = ''
      respond(socket, number)
    })
  })
  t.teardown(() => { for (const socket of sockets) socket.destroy() })
  return { url: await listen(t, server), connections: () => connections }
}

async function listen (t: Teardown, server: Server | ReturnType<typeof createTcpServer>): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    if ('closeAllConnections' in server) server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export const CHAT_KEY = 'vk_test_chat_0123456789'
export const MESSAGES_KEY = 'vk_test_messages_0123456789'
export const REAL_KEY = 'sk-real-0123456789-abcdefghij'

export interface TestGateway {
  app: FastifyInstance
  url: string
  /** Lines of the log so far, parsed. */
  lines: () => Array<Record<string, unknown>>
  folder: string
}

export interface TestGatewayOptions {
  /** Fields of the two test keys, or more keys. */
  keys?: Record<string, Record<string, unknown>>
  groups?: Record<string, unknown>
  env?: Record<string, string>
  providers?: GatewayOptions['providers']
}

/** A gateway on a real socket, in front of one fake provider that speaks every dialect under the name `openai` or `anthropic`. */
export async function startGateway (t: Teardown, provider: string, { keys = {}, groups = {}, env = {}, providers }: TestGatewayOptions = {}): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-test-'))
  const keysFile = join(folder, 'keys.json')
  writeFileSync(keysFile, JSON.stringify({
    groups,
    virtual_keys: {
      [CHAT_KEY]: { provider: 'openai', api_key: REAL_KEY, ...keys[CHAT_KEY] },
      [MESSAGES_KEY]: { provider: 'anthropic', api_key: REAL_KEY, ...keys[MESSAGES_KEY] },
      ...Object.fromEntries(Object.entries(keys).filter(([key]) => key !== CHAT_KEY && key !== MESSAGES_KEY))
    }
  }), { mode: 0o600 })
  const written: string[] = []
  const app = Fastify({ ...serverOptions({}), logger: { level: 'trace', stream: { write: (line: string) => { written.push(line) } } } })
  t.teardown(async () => {
    await app.close()
    rmSync(folder, { recursive: true, force: true })
  })
  await app.register(gateway, {
    env: {
      KEYS_FILE: keysFile,
      GATEWAY_PORT: '0',
      LOG_DIR: join(folder, 'logs'),
      DATA_DIR: join(folder, 'data'),
      OPENAI_BASE_URL: `${provider}/v1`,
      ANTHROPIC_BASE_URL: provider,
      DEEPSEEK_BASE_URL: provider,
      MAX_REQUESTS_PER_HOUR: 'unlimited',
      LOG_LEVEL: 'trace',
      ...env
    },
    ...(providers === undefined ? {} : { providers })
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })
  return { app, url, folder, lines: () => written.map((line) => JSON.parse(line) as Record<string, unknown>) }
}

/** Posts JSON as an app would. */
export function post (url: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${CHAT_KEY}`, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body)
  })
}

/** Waits until something holds, for at most twenty seconds: the machine may be busy. */
export async function until (holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`never held: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
