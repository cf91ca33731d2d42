import { Agent, request } from 'undici'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, startGateway, startProvider, until } from '../helper.ts'

t.test('while it stops: what runs goes on, what comes is told so in its dialect, and probes are answered', async (t) => {
  let finish = (): void => {}
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n')
    finish = () => response.end('data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
  })
  const gateway = await startGateway(t, provider.url)
  // Connections that are open already: the listener is about to close.
  const agents = Array.from({ length: 3 }, () => new Agent({ connections: 1 }))
  t.teardown(() => Promise.all(agents.map((agent) => agent.close())))
  for (const dispatcher of agents) await (await request(`${gateway.url}/health`, { dispatcher })).body.dump()
  const ask = (path: string, key: string, dispatcher: Agent | undefined, stream = false): ReturnType<typeof request> => request(gateway.url + path, {
    method: 'POST', ...dispatcher !== undefined && { dispatcher }, headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', max_tokens: 9, stream, messages: [] })
  })
  const running = await ask('/v1/chat/completions', CHAT_KEY, undefined, true)
  const closing = gateway.app.close()
  const ready = async (): Promise<unknown> => (await request(`${gateway.url}/ready`, { dispatcher: agents[0]! })).body.json()
  await until(() => gateway.lines().length > 0)
  t.same(await ready(), { status: 'stopping' })
  const chat = await ask('/v1/chat/completions', CHAT_KEY, agents[1])
  t.equal(chat.statusCode, 503)
  t.match(chat.headers, { connection: 'close', 'retry-after': '1' })
  t.match(await chat.body.json(), { error: { code: 'shutting_down', type: 'server_error' } })
  const messages = await ask('/v1/messages', MESSAGES_KEY, agents[2])
  t.equal(messages.statusCode, 503)
  t.match(await messages.body.json(), { type: 'error', error: { type: 'api_error' } })
  finish()
  t.match(await running.body.text(), /\[DONE\]\n\n$/)
  await closing
  t.equal(provider.requests.length, 1)
})
