import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { mock } from 'node:test'
import t from 'tap'
import { receive } from '../../../plugins/http/receive.ts'
import { until, type Teardown } from '../../helper.ts'

type Received = { error: Error | null, body: Buffer | undefined }

const LIMIT = 3_000_000

/** A server that receives what a client sends byte by byte, as it likes. */
async function receiver (t: Teardown): Promise<{ client: Socket, pieces: Buffer[], received: Received[] }> {
  const received: Received[] = []
  const pieces: Buffer[] = []
  const server = createServer((request: IncomingMessage) => {
    receive(request, LIMIT, (error, body) => { received.push({ error, body }) })
    request.on('data', (piece: Buffer) => pieces.push(piece))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('error', () => {})
  t.teardown(() => {
    client.destroy()
    server.closeAllConnections()
    server.close()
  })
  return { client, pieces, received }
}

const head = (framing: string): string => `POST / HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`

/** No two parts of it are alike. */
const bytes = (length: number): Buffer => Buffer.from(Uint32Array.from({ length: Math.ceil(length / 4) }, (_, i) => i * 2654435761).buffer, 0, length)

async function send (client: Socket, data: Buffer | string): Promise<void> {
  await new Promise<void>((resolve) => client.write(data, () => resolve()))
}

t.test('a body is received whole, however it comes, and its pieces are freed', async (t) => {
  for (const length of [0, 1, 20_000, 65_536, 65_537, 1_048_576, LIMIT]) {
    for (const chunked of [false, true]) {
      const { client, pieces, received } = await receiver(t)
      const body = bytes(length)
      await send(client, head(chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${length}`))
      for (let at = 0, step = 1; at < length; at += step, step = Math.min(step * 7, 400_000)) {
        const piece = body.subarray(at, at + step)
        await send(client, chunked ? Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]) : piece)
      }
      if (chunked) await send(client, '0\r\n\r\n')
      await until(() => received.length > 0)
      t.equal(received[0]?.error, null)
      t.ok(received[0]?.body?.equals(body), `${length} bytes`)
      t.equal(received.length, 1)
      if (pieces.length > 1) t.ok(pieces.every((piece) => piece.length < 16 * 1024), 'large ones are empty now')
      if (length > 4096) t.equal(received[0]?.body?.buffer.byteLength, length, 'it has no more memory than it needs')
      client.destroy()
    }
  }
})

/** How large what is taken up from now on is, piece by piece. */
function watch (t: Teardown): number[] {
  const { allocUnsafeSlow } = Buffer
  const sizes: number[] = []
  mock.method(Buffer, 'allocUnsafeSlow', (size: number) => {
    sizes.push(size)
    return allocUnsafeSlow(size)
  })
  t.teardown(() => mock.restoreAll())
  return sizes
}

t.test('its memory follows what has come, not what was announced', async (t) => {
  const { client, pieces, received } = await receiver(t)
  const sizes = watch(t)
  await send(client, head(`Content-Length: ${LIMIT}`))
  let come = 0
  for (let i = 0; i < 10; i++) {
    await send(client, bytes(30_000))
    come += 30_000
    await until(() => pieces.length > i)
    t.ok((sizes.at(-1) ?? 0) <= 2 * come, `${sizes.at(-1)} of ${come}`)
  }
  t.equal(sizes.length, 2, 'it is not enlarged for each piece')
  t.same(received, [])
})

t.test('without memory it is an error of that request', async (t) => {
  const { client, pieces, received } = await receiver(t)
  mock.method(Buffer, 'allocUnsafeSlow', () => { throw new RangeError('no memory') })
  t.teardown(() => mock.restoreAll())
  await send(client, head('Content-Length: 60000'))
  await send(client, bytes(30_000))
  await until(() => pieces.length > 0)
  await send(client, bytes(30_000))
  await until(() => received.length > 0)
  t.match(received, [{ error: { code: 'overloaded', headers: { 'retry-after': '1' } } }])
})

t.test('more than the limit is refused, once', async (t) => {
  const { client, received } = await receiver(t)
  await send(client, head('Transfer-Encoding: chunked'))
  for (let i = 0; i < 4; i++) await send(client, `${(1_000_000).toString(16)}\r\n${'x'.repeat(1_000_000)}\r\n`)
  await until(() => received.length > 0)
  t.match(received, [{ error: { code: 'request_too_large' } }])
})

t.test('a client that leaves within', async (t) => {
  const { client, pieces, received } = await receiver(t)
  await send(client, head('Content-Length: 100000'))
  await send(client, bytes(70_000))
  await until(() => pieces.length > 0)
  client.destroy()
  await until(() => received.length > 0)
  t.match(received, [{ error: { code: 'ECONNRESET' } }])
})

t.test('whoever leaves while its prompt waits for its turn is not served', async (t) => {
  const ends: Array<string | undefined> = []
  const clients: Socket[] = []
  const pieces = new Map<string, number>()
  const server = createServer((request: IncomingMessage) => {
    const url = String(request.url)
    // Ahead of the receiver, which frees them.
    request.on('data', (piece: Buffer) => pieces.set(url, (pieces.get(url) ?? 0) + piece.length))
    receive(request, LIMIT, (error) => {
      ends.push(`${url} ${error?.message ?? 'served'}`)
      const until = performance.now() + (url === '/first' ? 400 : 0)
      while (performance.now() < until);
    })
    if (url === '/second') request.on('end', () => clients[1]?.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  for (const path of ['/first', '/second']) {
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
    client.write(`POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 600000\r\n\r\n`)
    client.write(bytes(599_999))
    clients.push(client)
    await until(() => pieces.get(path) === 599_999)
  }
  for (const client of clients) client.write('.')
  t.teardown(() => {
    clients[0]?.destroy()
    server.close()
  })
  await until(() => ends.length === 2)
  t.same(ends, ['/first served', '/second The client left while it was sending.'])
})
