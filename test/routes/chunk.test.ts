import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, get, request, type IncomingMessage } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import { buffer, text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { chunk, LAST_CHUNK } from '../../routes/relay/chunk.ts'
import { CHAT_KEY, startGateway, startProvider } from '../helper.ts'

t.test('chunks of any size are read back as they were', async (t) => {
  const sizes = [1, 9, 10, 15, 16, 17, 255, 256, 4095, 4096, 65_535, 65_536, 1_048_577, ...Array.from({ length: 50 }, () => 1 + Math.floor(Math.random() * 3000))]
  const pieces = sizes.map((size) => randomBytes(size))
  const server = createServer((socket) => {
    socket.resume()
    socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
    for (const piece of pieces) socket.write(chunk(piece))
    socket.end(LAST_CHUNK)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const [response] = await once(get({ host: '127.0.0.1', port: (server.address() as AddressInfo).port }), 'response') as [IncomingMessage]
  t.ok((await buffer(response)).equals(Buffer.concat(pieces)))
})

const event = (content: string): string => `data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}]}\n\n`
const END = 'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\ndata: [DONE]\n\n'

t.test('a stream ends with its last chunk, whatever it came in, and its connection goes on', async (t) => {
  const provider = await startProvider(t, async ({ body }, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const stream = event('é'.repeat(500)) + event('b') + END
    // All at once, piece by piece, and with a pause in which the gateway says a word of its own.
    if (body.includes('at once')) return response.end(stream)
    const cut = body.includes('quiet') ? event('é'.repeat(500)).length : 300
    response.write(stream.slice(0, cut))
    await sleep(body.includes('quiet') ? 500 : 5)
    response.write(stream.slice(cut, cut + 1))
    await sleep(5)
    response.end(stream.slice(cut + 1))
  })
  const gateway = await startGateway(t, provider.url, { env: { HEARTBEAT_INTERVAL: '50ms' } })
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const ports = new Set<number | undefined>()
  const whole = event('é'.repeat(500)) + event('b')
  for (const ask of ['at once', 'in pieces', 'quiet', 'at once', 'told', 'in pieces']) {
    const asked = request(`${gateway.url}/v1/chat/completions`, {
      agent,
      method: 'POST',
      headers: { authorization: `Bearer ${CHAT_KEY}`, 'content-type': 'application/json', ...ask === 'told' && { 'x-gateway-usage': '1' } }
    })
    asked.end(JSON.stringify({ model: 'm', stream: true, stream_options: { include_usage: true }, messages: [{ role: 'user', content: ask }] }))
    const [response] = await once(asked, 'response') as [IncomingMessage]
    ports.add(response.socket.localPort)
    t.equal(response.headers['transfer-encoding'], 'chunked')
    const reply = await text(response)
    t.ok(response.complete, ask)
    t.equal(reply.replace(/^:.*\n+/gm, '').slice(0, whole.length), whole, ask)
    if (ask === 'quiet') t.match(reply, /^: heartbeat$/m)
    t.match(reply, ask === 'told' ? /data: \[DONE\]\n\n: x-gateway-.*\n\n$/s : /data: \[DONE\]\n\n$/, ask)
  }
  t.equal(ports.size, 1)
})
