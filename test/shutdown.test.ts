/** In a file of its own, because it waits ten seconds: other files run meanwhile. */
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { CHAT_KEY, post, startProvider, until } from './helper.ts'
import { start } from './process.ts'

const first = 'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
const last = 'data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

t.test('SIGTERM: what is silent ends with an error after ten seconds, what talks may go on (S3, S5)', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    const { model } = JSON.parse(request.body)
    response.on('error', () => {})
    if (model === 'silent') return
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
    if (model === 'hangs') return
    const beat = setInterval(() => response.write(': still there\n\n'), 500)
    setTimeout(() => {
      clearInterval(beat)
      response.end(last)
    }, 12_000)
  })
  const gateway = await start(t, provider.url)
  const asked = ['silent', 'hangs', 'talks'].map((model) =>
    post(`${gateway.url}/v1/chat/completions`, { model, messages: [], stream: true }).then(async (reply) => [reply.status, await reply.text()] as const))
  await until(() => provider.requests.length === 3)
  gateway.child.kill('SIGTERM')
  const [silent, hangs, talks] = await Promise.all(asked)
  t.match(silent, [503, /shutting_down/])
  t.match(hangs, [200, /"content":"a"[^]*\n\ndata: \{"error":\{.*shutting_down.*\}\}\n\n$/])
  t.equal(talks?.[0], 200)
  t.ok(talks?.[1].startsWith(first) && talks[1].endsWith(last), 'whole')
  t.equal(await gateway.ended, 0)
})

t.test('SIGTERM while a request is being sent: nothing of it goes out any more, and nobody waits for it', async (t) => {
  const provider = await startProvider(t, () => {})
  const gateway = await start(t, provider.url)
  const body = JSON.stringify({ model: 'm', messages: [] })
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  let reply = ''
  socket.on('data', (data) => { reply += data })
  socket.write(`POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${CHAT_KEY}\r\ncontent-type: application/json\r\nexpect: 100-continue\r\ncontent-length: ${body.length}\r\n\r\n`)
  await until(() => reply.includes('100 Continue'))
  gateway.child.kill('SIGTERM')
  await until(() => gateway.output().includes('stopping on SIGTERM'))
  await new Promise((resolve) => setTimeout(resolve, 100))
  const sent = performance.now()
  socket.write(body)
  t.equal(await gateway.ended, 0)
  t.ok(performance.now() - sent < 5000)
  t.match(reply, /HTTP\/1\.1 503 [^]*connection: close[^]*"code":"shutting_down"/i)
  t.equal(provider.requests.length, 0)
})

t.test('SHUTDOWN_TIMEOUT is how long what talks may go on; replies that begin meanwhile say that the connection closes', async (t) => {
  const provider = await startProvider(t, async (request, response) => {
    response.on('error', () => {})
    if (JSON.parse(request.body).model === 'late') await new Promise((resolve) => setTimeout(resolve, 1500))
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
    const beat = setInterval(() => response.write(': still there\n\n'), 200)
    response.on('close', () => clearInterval(beat))
  })
  const gateway = await start(t, provider.url, { SHUTDOWN_TIMEOUT: '3s' })
  const asked = ['talks', 'late'].map((model) => post(`${gateway.url}/v1/chat/completions`, { model, messages: [], stream: true }))
  await until(() => provider.requests.length === 2)
  await asked[0]
  const told = performance.now()
  gateway.child.kill('SIGTERM')
  const replies = await Promise.all(asked)
  t.same(replies.map((reply) => reply.headers.get('connection')), ['keep-alive', 'close'])
  for (const reply of replies) t.match(await reply.text(), /shutting_down.*\}\}\n\n$/)
  const waited = performance.now() - told
  t.ok(waited > 2900 && waited < 5500, `${waited} ms`)
  t.equal(await gateway.ended, 0)
  t.match(gateway.output(), /"outcome":"shutdown"/)
})

t.test('a client that does not read, and an upload that does not end, hold up no end', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.on('error', () => {})
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
    const pump = (): void => { while (response.write(`: ${'x'.repeat(65536)}\n\n`) && !response.destroyed); }
    response.on('drain', pump)
    pump()
  })
  const gateway = await start(t, provider.url, { SHUTDOWN_TIMEOUT: '2s' })
  const open = (head: string): ReturnType<typeof connect> => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    socket.on('error', () => {}).write(`POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${CHAT_KEY}\r\ncontent-type: application/json\r\n${head}`)
    return socket
  }
  const body = JSON.stringify({ model: 'm', messages: [], stream: true })
  const deaf = open(`content-length: ${body.length}\r\n\r\n${body}`).pause()
  const slow = open('content-length: 100\r\n\r\n{')
  await until(() => provider.requests.length === 1)
  await new Promise((resolve) => setTimeout(resolve, 500))
  const told = performance.now()
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.ended, 0)
  t.ok(performance.now() - told < 8000, `${performance.now() - told} ms`)
  t.match(gateway.output(), /"outcome":"shutdown"/)
  for (const socket of [deaf, slow]) {
    socket.resume()
    if (!socket.destroyed) await once(socket, 'close')
  }
})
