/** A provider of raw bytes, which answers as the request's text says: rightly, or with the spoilt reply of a case. */
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { startSimulator } from '../../../providers/simulator/server.ts'
import { randomFrom } from '../random.ts'
import { pick, pieces, spoilBytes, spoilJson, written, type Random } from './mutate.ts'
import { requests } from './requests.ts'

/** A right reply. */
interface Recorded { path: string, stream: boolean, body: Buffer }

export interface RawProvider { url: string, calls: () => number, close (): void }

export interface RawProviderOptions {
  seedOf (number: number): number
  /** Quoted in errors. */
  realKey: string
}

export async function startRawProvider ({ seedOf, realKey }: RawProviderOptions): Promise<RawProvider> {
  const corpus = await record()
  let calls = 0
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let waiting = Buffer.alloc(0)
    socket.on('data', (data) => {
      waiting = Buffer.concat([waiting, data])
      const end = waiting.indexOf('\r\n\r\n')
      if (end === -1) return
      const head = waiting.toString('latin1', 0, end)
      const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      if (waiting.length < end + 4 + length) return
      const body = waiting.toString('utf8', end + 4, end + 4 + length)
      waiting = waiting.subarray(end + 4 + length)
      calls++
      // A provider may have a dialect under a prefix of its own.
      const path = /^\w+ (?:\S*\/anthropic)?([^ ?]+)/.exec(head)?.[1]?.replace(/^(?!\/v1)/, '/v1') ?? ''
      const stream = /"stream" *: *true/.test(body)
      const number = Number(/spoil-(\d+)-/.exec(body)?.[1] ?? -1)
      if (number === -1) socket.write(right(corpus, path, stream))
      else void answer(socket, spoiltReply(randomFrom(seedOf(number)), corpus, path, stream, realKey))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: () => calls,
    close () {
      for (const socket of sockets) socket.destroy()
      server.close()
    }
  }
}

/** What the simulator answers to right requests, as bytes. */
async function record (): Promise<Recorded[]> {
  const simulator = await startSimulator({ pace: 0 })
  const found: Recorded[] = []
  for (const [path, bodies] of Object.entries(requests)) {
    for (const make of bodies) {
      for (const text of ['Hello', 'call the weather tool']) {
        for (const stream of [false, true]) {
          const reply = await fetch(simulator.url + path, {
            method: 'POST',
            headers: { 'content-type': 'application/json', authorization: 'Bearer sim-x', 'x-api-key': 'sim-x', 'anthropic-version': '2023-06-01' },
            body: JSON.stringify({ ...make(text), stream })
          })
          const bytes = Buffer.from(await reply.arrayBuffer())
          if (reply.status === 200) found.push({ path, stream, body: bytes })
        }
      }
    }
  }
  await simulator.close()
  for (const path of Object.keys(requests)) {
    if (found.filter((one) => one.path === path).length < 2) throw new Error(`the simulator answered nothing on ${path}`)
  }
  return found
}

function right (corpus: readonly Recorded[], path: string, stream: boolean): Buffer {
  const found = corpus.find((one) => one.path === path && one.stream === stream)
  if (found === undefined) return framed(200, 'application/json', Buffer.from('{"object":"list","data":[],"input_tokens":3,"id":"x","usage":{"prompt_tokens":3,"total_tokens":3}}'))
  return framed(200, stream ? 'text/event-stream' : 'application/json', found.body)
}

function framed (status: number, type: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} X\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n`), body])
}

interface Spoilt { bytes: Buffer[], end: 'keep' | 'fin' | 'reset', pause: number }

function spoiltReply (random: Random, corpus: readonly Recorded[], path: string, stream: boolean, realKey: string): Spoilt {
  const own = corpus.filter((one) => one.path === path && one.stream === stream)
  const { body } = random(12) === 0 || own.length === 0 ? pick(random, corpus) : pick(random, own)
  const bodies = corpus.map((one) => one.body)
  const status = random(6) === 0 ? pick(random, [400, 401, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529, 204, 301, 418, 599]) : 200
  const spoilt = status >= 400
    ? failureBody(random, realKey)
    : random(2) === 0 ? spoilEvents(random, body, corpus) : random(8) === 0 ? body : spoilBytes(random, body, bodies)
  const bytes = frame(random, status, spoilt, stream ? 'text/event-stream' : 'application/json')
  return {
    bytes: pieces(random, random(8) === 0 ? spoilBytes(random, bytes, bodies, 1) : bytes),
    end: pick(random, ['fin', 'fin', 'keep', 'reset']),
    pause: random(4)
  }
}

/** Spoils what single events, or the one object, say. */
function spoilEvents (random: Random, body: Buffer, corpus: readonly Recorded[]): Buffer {
  const others = values(pick(random, corpus).body)
  const text = body.toString()
  if (!text.includes('data: ')) return written(random, spoilJson(random, JSON.parse(text), others))
  const events = text.split('\n\n')
  for (let i = 1 + random(3); i > 0; i--) {
    const at = random(events.length)
    events[at] = (events[at] ?? '').replace(/^data: (\{.*\})$/m, (line, json: string) => /\[{6}|(\{"a":){6}/.test(line) ? line : `data: ${written(random, spoilJson(random, JSON.parse(json), others)).toString()}`)
  }
  return Buffer.from(events.join('\n\n'))
}

function values (body: Buffer): unknown[] {
  const text = body.toString()
  if (!text.includes('data: ')) return [JSON.parse(text)]
  return [...text.matchAll(/^data: (\{.*\})$/gm)].map(([, json = '']) => JSON.parse(json) as unknown)
}

function failureBody (random: Random, realKey: string): Buffer {
  const message = pick(random, ['no', '', `Incorrect API key provided: ${realKey}`, 'x'.repeat(random(400_000)), `\0\uFFFD ${realKey} <b>`, 'é'])
  const body = pick<unknown>(random, [
    { error: { message, type: 'server_error', code: 'x', param: null } }, { type: 'error', error: { type: 'api_error', message } }, { error: message }, { message }, { error: { message: { a: message } } }, [], null, 7, `<html>${message}</html>`, { error: null }
  ])
  const text = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
  return random(3) === 0 ? text.subarray(0, random(text.length + 1)) : text
}

/** Mostly as it should be. */
function frame (random: Random, status: number, body: Buffer, type: string): Buffer {
  const encoding = random(16) === 0 ? pick(random, ['gzip', 'br', 'identity', 'deflate', 'gzip, gzip', 'x']) : undefined
  const content = encoding === 'gzip' ? spoilSome(random, gzipSync(body)) : body
  const headers = [
    `content-type: ${random(10) === 0 ? pick(random, ['text/html', 'application/json', 'text/event-stream; charset=utf-8', '', 'TEXT/EVENT-STREAM', 'application/octet-stream']) : type}`,
    ...encoding === undefined ? [] : [`content-encoding: ${encoding}`],
    ...random(6) === 0 ? [pick(random, ['retry-after: 0', 'retry-after: soon', 'set-cookie: a=b', 'x-request-id: \u00e9', 'x-long: ' + 'y'.repeat(9000), 'connection: close', 'openai-organization: org', 'retry-after: Wed, 21 Oct 2099 07:28:00 GMT'])] : []
  ]
  const first = random(20) === 0 ? 'HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n' : ''
  const start = `${first}HTTP/1.${random(20) === 0 ? 0 : 1} ${status} X\r\n${headers.join('\r\n')}\r\n`
  switch (random(8)) {
    case 0: return Buffer.concat([Buffer.from(`${start}content-length: ${content.length + pick(random, [-1, 1, 40, 0])}\r\n\r\n`), content])
    case 1: return Buffer.concat([Buffer.from(`${start}connection: close\r\n\r\n`), content])
    case 2: case 3: case 4: return Buffer.concat([Buffer.from(`${start}transfer-encoding: chunked\r\n\r\n`), ...chunks(random, content)])
    default: return Buffer.concat([Buffer.from(`${start}content-length: ${content.length}\r\n\r\n`), content])
  }
}

function spoilSome (random: Random, bytes: Buffer): Buffer {
  return random(2) === 0 ? bytes : spoilBytes(random, bytes, [bytes], 1)
}

function chunks (random: Random, body: Buffer): Buffer[] {
  const size = 1 + random(Math.max(1, body.length))
  const made: Buffer[] = []
  for (let at = 0; at < body.length; at += size) {
    const piece = body.subarray(at, at + size)
    made.push(Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n'))
  }
  return [...made, Buffer.from(random(8) === 0 ? '' : random(8) === 0 ? '0\r\nx-trailer: 1\r\n\r\n' : '0\r\n\r\n')]
}

async function answer (socket: Socket, { bytes, end, pause }: Spoilt): Promise<void> {
  for (const piece of bytes) {
    socket.write(piece)
    if (bytes.length > 1) await new Promise((resolve) => setTimeout(resolve, pause))
  }
  if (end === 'fin') socket.end()
  if (end === 'reset') socket.resetAndDestroy()
}
