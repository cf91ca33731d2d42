import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { REAL_KEY, post, startGateway, startProvider } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const ask = { model: 'm1', messages: [{ role: 'user', content: 'hi' }] }
const chunk = (delta: unknown, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm1', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })

t.test('a connection that is never made is given up in time', async (t) => {
  // It takes the connection, and never answers the TLS hello.
  const server = createServer((socket) => { socket.on('error', () => {}) })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const gateway = await startGateway(t, `https://127.0.0.1:${(server.address() as AddressInfo).port}`, {
    env: { CONNECT_TIMEOUT: '300ms', MAX_REQUESTS_PER_HOUR: '5' },
    keys: { vk_hasty_0123456789: { provider: 'openai', api_key: REAL_KEY, timeouts: { connect: '100ms' } } }
  })
  for (const [key, least] of [['vk_test_chat_0123456789', 295], ['vk_hasty_0123456789', 95]] as const) {
    const begun = performance.now()
    const reply = await post(gateway.url + CHAT, ask, bearer(key))
    const took = performance.now() - begun
    t.equal(reply.status, 504)
    t.match(await reply.json(), { error: { code: 'upstream_timeout' } })
    t.ok(took >= least && took < least + 1500, `${took} ms`)
    t.equal(reply.headers.get('x-ratelimit-remaining-requests'), '5', 'it never reached a provider')
  }
})

t.test('silence between two pieces has a time of its own, which a key may set', async (t) => {
  const provider = await startProvider(t, async (_request, response) => {
    response.on('error', () => {})
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunk({ content: 'a' }))
    await sleep(600)
    response.end(chunk({}, 'stop') + 'data: [DONE]\n\n')
  })
  const gateway = await startGateway(t, provider.url, {
    env: { REQUEST_TIMEOUT: '200ms', IDLE_TIMEOUT: '5s' },
    keys: {
      vk_idle_0123456789: { provider: 'openai', api_key: REAL_KEY, timeouts: { idle: '200ms' } },
      vk_request_0123456789: { provider: 'openai', api_key: REAL_KEY, timeouts: { request: '250ms' } }
    }
  })
  t.match(await (await post(gateway.url + CHAT, { ...ask, stream: true })).text(), /\[DONE\]/)
  for (const key of ['vk_idle_0123456789', 'vk_request_0123456789']) {
    t.match(await (await post(gateway.url + CHAT, { ...ask, stream: true }, bearer(key))).text(), /"content":"a".*upstream_timeout/s, key)
  }
})

t.test('comments for ever are no stream; one that brings tokens is never cut', async (t) => {
  const words: Record<string, string> = { comments: ': still here\n\n', pings: 'event: ping\ndata: {"type": "ping"}\n\n', tokens: chunk({ content: 'a' }) }
  const provider = await startProvider(t, async (request, response) => {
    response.on('error', () => {})
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const word = words[JSON.parse(request.body).model as string] ?? ''
    for (let i = 0; i < 20 && !response.destroyed; i++) {
      response.write(word)
      await sleep(50)
    }
    response.end(chunk({}, 'stop') + 'data: [DONE]\n\n')
  })
  const gateway = await startGateway(t, provider.url, { env: { NO_TOKEN_TIMEOUT: '300ms' } })
  for (const model of ['comments', 'pings']) {
    const text = await (await post(gateway.url + CHAT, { ...ask, model, stream: true })).text()
    t.match(text, /upstream_timeout[^\n]*\n\n$/, model)
    t.notMatch(text, /\[DONE\]/)
  }
  await Promise.all(provider.requests.map(({ aborted }) => aborted))
  const text = await (await post(gateway.url + CHAT, { ...ask, model: 'tokens', stream: true })).text()
  t.equal(text.match(/"content":"a"/g)?.length, 20)
  t.ok(text.endsWith('data: [DONE]\n\n'))
})

t.test('a whole reply has a largest size', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(`{"id":"${'x'.repeat(3000)}"}`)
  })
  const gateway = await startGateway(t, provider.url, { env: { MAX_REPLY_SIZE: '2KB' } })
  const reply = await post(gateway.url + CHAT, ask)
  t.equal(reply.status, 502)
  t.match(await reply.json(), { error: { code: 'upstream_bad_reply' } })
})
