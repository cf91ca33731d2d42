import { once } from 'node:events'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { mock } from 'node:test'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider, until, type Teardown, type TestGateway } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const whole = JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'a' }, finish_reason: 'stop' }], usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 } })
const streamed = `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content: 'a' }, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`
const message = JSON.stringify({ id: 'm1', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text: 'a' }], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 7, output_tokens: 5 } })

/** How large what was freed is, from what a body of this test is on. */
function watch (t: Teardown, from: number): () => number[] {
  const { transfer } = ArrayBuffer.prototype
  const freed: number[] = []
  mock.method(ArrayBuffer.prototype, 'transfer', function (this: ArrayBuffer, length?: number) {
    if (this.byteLength >= from) freed.push(this.byteLength)
    return transfer.call(this, length)
  })
  t.teardown(() => mock.restoreAll())
  return () => freed.splice(0)
}

const prompt = (length: number, fields: object = {}): Record<string, unknown> => ({ model: 'm', max_tokens: 9, ...fields, messages: [{ role: 'user', content: 'p'.repeat(length) }] })

async function over ({ app }: TestGateway): Promise<void> {
  await until(() => app.exchanges.open === 0)
}

t.test('a request\'s body is freed once nobody reads it any more', async (t) => {
  let failures = 0
  const provider = await startProvider(t, ({ url, body }, response) => {
    if (failures-- > 0) return response.writeHead(503).end()
    if (url === '/v1/messages') return response.writeHead(200, { 'content-type': 'application/json' }).end(message)
    const stream = body.includes('"stream":true')
    response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' }).end(stream ? streamed : whole)
  })
  const gateway = await startGateway(t, provider.url, { env: { LOG_BODIES: 'metadata' }, keys: { vk_full_0123456789: { provider: 'openai', api_key: 'sk-real-0123456789', log: 'full' } } })
  const freed = watch(t, 100_000)
  const ask = async (body: Record<string, unknown>, key = CHAT_KEY): Promise<number[]> => {
    const reply = await post(gateway.url + CHAT, body, { authorization: `Bearer ${key}` })
    t.equal(reply.status, 200)
    await reply.text()
    await over(gateway)
    return freed()
  }
  const size = (body: unknown): number => JSON.stringify(body).length

  const plain = prompt(100_000)
  t.same(await ask(plain), [size(plain)])
  t.equal(provider.requests.at(-1)?.body, JSON.stringify(plain))
  const stream = prompt(100_000, { stream: true })
  const patched = await ask(stream)
  t.same(patched, [size(stream), provider.requests.at(-1)?.body.length], 'the client\'s, and the one with a field more that went out')
  const translated = await ask(plain, MESSAGES_KEY)
  t.same(translated, [size(plain), provider.requests.at(-1)?.body.length])
  t.same(await ask(plain, 'vk_full_0123456789'), [], 'it is yet to be captured')
  failures = 1
  t.same(await ask(plain), [], 'who asked twice may still be sending')
  t.same(await ask(prompt(1000)), [], 'a small one is the collector\'s')
})

t.test('a body that is still being sent is not', async (t) => {
  const sockets = new Set<Socket>()
  // It answers the head, and takes no more than the connection does by itself.
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.pause()
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${whole.length}\r\n\r\n${whole}`)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const gateway = await startGateway(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, { env: { LOG_BODIES: 'metadata' } })
  const freed = watch(t, 20_000_000)
  const reply = await post(gateway.url + CHAT, prompt(20_000_000), { authorization: `Bearer ${CHAT_KEY}` })
  t.equal(await reply.text(), whole)
  await over(gateway)
  t.same(freed(), [])
})
