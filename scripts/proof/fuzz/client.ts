/** A client of raw bytes. */
import { connect } from 'node:net'
import { anyRequest, form, type Sent } from './requests.ts'
import { pick, pieces, spoilBytes, spoilJson, written, type Random } from './mutate.ts'

export interface Heard {
  bytes: Buffer
  /** Whether the gateway ended the connection itself. */
  ended: boolean
  /** Whether it broke the connection off. */
  broken: boolean
}

/** What a client sends, and how. */
export interface Script {
  path: string
  pieces: Buffer[]
  /** What it does behind the last piece. */
  then: 'wait' | 'finish' | 'leave'
}

/**
 * @param done tells whether a reply is there
 * @param more ms that more may follow then
 */
export async function send (url: string, { pieces, then }: Script, patience: number, done: (bytes: Buffer) => boolean, more = 0): Promise<Heard> {
  const { hostname, port } = new URL(url)
  return await new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
    const parts: Buffer[] = []
    let over = false
    const end = (how: { ended: boolean, broken: boolean }): void => {
      if (over) return
      over = true
      clearTimeout(timer)
      socket.destroy()
      resolve({ bytes: Buffer.concat(parts), ...how })
    }
    const stop = (): void => end({ ended: false, broken: false })
    let timer = setTimeout(stop, patience)
    socket.on('data', (data) => {
      parts.push(data)
      if (!done(Buffer.concat(parts))) return
      clearTimeout(timer)
      timer = setTimeout(stop, more)
    })
    socket.on('end', () => end({ ended: true, broken: false }))
    socket.on('error', () => end({ ended: true, broken: true }))
    socket.on('connect', () => {
      void (async () => {
        for (const [i, piece] of pieces.entries()) {
          if (i > 0) await new Promise((resolve) => setTimeout(resolve, 2))
          if (!over) socket.write(piece)
        }
        if (then === 'finish') socket.end()
        if (then !== 'leave') return
        await new Promise((resolve) => setTimeout(resolve, 5))
        if (!over) socket.resetAndDestroy()
        stop()
      })()
    })
  })
}

/** The request as any client would send it. */
export function plain ({ path, body }: Sent, key: string, id: string): Script {
  return { path, pieces: [request(path, key, id, 'application/json', Buffer.from(JSON.stringify(body)))], then: 'wait' }
}

function request (path: string, key: string, id: string, type: string, body: Buffer, more: string[] = []): Buffer {
  const head = [`POST ${path} HTTP/1.1`, 'host: gateway', `authorization: Bearer ${key}`, `content-type: ${type}`, `x-request-id: ${id}`, ...more, `content-length: ${body.length}`]
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body])
}

const HEADERS = [
  'transfer-encoding: chunked', 'content-length: 5', 'content-length: -1', 'expect: 100-continue', 'expect: x', 'connection: upgrade\r\nupgrade: websocket', 'content-encoding: gzip', 'x-forwarded-for: 1.2.3.4:5, [::1]:9, _hidden',
  '__proto__: x', 'constructor: x', 'x: \x01', 'x:', 'host: other', 'authorization: Basic eDp5', 'x-api-key: ', 'accept-encoding: gzip', 'anthropic-beta: a,b', 'anthropic-version: 1', 'x-gateway-usage: 1', 'idempotency-key: x', 'cookie: a=b', 'range: bytes=0-1',
  'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01', `x-long: ${'z'.repeat(20_000)}`, 'content-type: application/json; charset=utf-16', 'via: 1.1 x', 'if-none-match: *', 'openai-organization: o'
]

const PATHS = ['/v1/models', '/v1/models/%00', '/usage', '/health', '/v1/files', '/v1/files/file-x/content', '/v1/responses/resp_x', '/v1/batches?limit=x&after=%ff', '/admin/usage', '/admin/keys', '/openapi.json', '/v1/chat/completions?x=1', '//', '/%', '/v1/../v1/models', '*', 'http://a/v1/models', '/ready', '/metrics']

/** One case: what is sent is mostly a request still. */
export function spoiltRequest (random: Random, key: string, id: string): Script {
  const kind = random(8)
  if (kind === 0) {
    const { path, type, body } = form(random, 'Hello')
    const spoilt = random(4) === 0 ? body : spoilBytes(random, body, [body])
    return script(random, path, request(path, key, id, type, spoilt))
  }
  const sent = anyRequest(random, 'Hello')
  const json = Buffer.from(JSON.stringify(sent.body))
  if (kind <= 4) {
    const other = anyRequest(random, 'Hello').body
    const body = written(random, spoilJson(random, sent.body, [other]))
    return script(random, sent.path, request(sent.path, key, id, 'application/json', random(6) === 0 ? spoilBytes(random, body, [json]) : body), 1)
  }
  if (kind === 5) return script(random, sent.path, request(sent.path, key, id, 'application/json', spoilBytes(random, json, [json])))
  if (kind === 6) {
    const path = random(2) === 0 ? pick(random, PATHS) : sent.path
    const method = pick(random, ['GET', 'POST', 'DELETE', 'PUT', 'OPTIONS', 'post', 'PRI'])
    const more = Array.from({ length: 1 + random(3) }, () => pick(random, HEADERS))
    const bytes = request(path, key, id, 'application/json', json, more)
    return script(random, path, Buffer.from(bytes.toString('latin1').replace('POST', method), 'latin1'))
  }
  const bytes = request(sent.path, key, id, 'application/json', json)
  return script(random, sent.path, spoilBytes(random, random(3) === 0 ? Buffer.concat([bytes, bytes]) : bytes, [bytes, chunked(json)]))
}

function chunked (body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${body.length.toString(16)};x=y\r\n`), body, Buffer.from('\r\n0\r\nx-trailer: y\r\n\r\n')])
}

function script (random: Random, path: string, bytes: Buffer, calm = 0): Script {
  return { path, pieces: pieces(random, bytes), then: calm > 0 ? 'wait' : pick(random, ['wait', 'wait', 'finish', 'leave']) }
}
