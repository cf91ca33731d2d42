import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
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

const usage = `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 } })}\n\n`
const FULL = 'vk_full_0123456789'

t.test('a request\'s body is freed once nobody reads it any more', async (t) => {
  let status = 200
  let once = false
  /** How a stream ends: in one piece with its last word, or later. */
  let late = false
  const provider = await startProvider(t, ({ url, body }, response) => {
    const failed = status !== 200
    if (failed) response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":{"message":"no","code":"no"}}')
    if (once) status = 200
    if (failed) return
    if (url === '/v1/messages') return response.writeHead(200, { 'content-type': 'application/json' }).end(message)
    if (url.includes('transcriptions')) return response.writeHead(200, { 'content-type': 'application/json' }).end('{"text":"a"}')
    if (!body.includes('"stream":true')) return response.writeHead(200, { 'content-type': 'application/json' }).end(whole)
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(streamed.replace('data: [DONE]', `${usage}data: [DONE]`))
    if (late) setTimeout(() => response.end(), 30)
    else response.end()
  })
  const gateway = await startGateway(t, provider.url, { env: { LOG_BODIES: 'metadata' }, keys: { [FULL]: { provider: 'openai', api_key: 'sk-real-0123456789', log: 'full' } } })
  const freed = watch(t, 100_000)
  /** @returns how large what was freed is, once as much was as is expected, or a moment later */
  const settled = async (expected: number): Promise<number[]> => {
    const seen: number[] = []
    await over(gateway)
    await until(() => seen.push(...freed()) >= expected)
    await new Promise((resolve) => setTimeout(resolve, 50))
    return [...seen, ...freed()]
  }
  const ask = async (body: Record<string, unknown>, expected: number, key = CHAT_KEY, answer = 200): Promise<number[]> => {
    const reply = await post(gateway.url + CHAT, body, { authorization: `Bearer ${key}` })
    t.equal(reply.status, answer)
    await reply.text()
    return settled(expected)
  }
  const size = (body: unknown): number => JSON.stringify(body).length
  const sent = (): number => provider.requests.at(-1)?.body.length ?? 0

  const plain = prompt(100_000)
  t.same(await ask(plain, 1), [size(plain)])
  t.equal(provider.requests.at(-1)?.body, JSON.stringify(plain))
  const stream = prompt(100_000, { stream: true })
  for (late of [false, true]) t.same(await ask(stream, 2), [size(stream), sent()], 'the client\'s, and the one with a field more that went out')
  t.same(await ask(plain, 2, MESSAGES_KEY), [size(plain), sent()], 'the client\'s, and its translation')
  t.same(await ask(plain, 1, FULL), [size(plain)], 'once it is captured')
  const captured = (): string | undefined => readdirSync(join(gateway.folder, 'logs')).map((name) => readFileSync(join(gateway.folder, 'logs', name), 'utf8')).join('').split('\n').find((line) => line.includes('"request":'))
  await until(() => captured() !== undefined)
  t.same((JSON.parse(captured() ?? '') as Record<string, unknown>)['request'], plain)

  const form = new FormData()
  form.set('model', 'm')
  form.set('file', new Blob(['s'.repeat(100_000)]), 'a.mp3')
  t.equal((await (await fetch(`${gateway.url}/v1/audio/transcriptions`, { method: 'POST', headers: { authorization: `Bearer ${CHAT_KEY}` }, body: form })).text()), '{"text":"a"}')
  t.same(await settled(1), [sent()], 'a form')

  status = 400
  t.same(await ask(plain, 1, CHAT_KEY, 400), [size(plain)], 'refused')
  ;[status, once] = [503, true]
  t.same(await ask(plain, 0), [], 'who asked twice may still be sending')
  t.same(await ask(prompt(1000), 0), [], 'a small one is the collector\'s')
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
