import Fastify from 'fastify'
import t from 'tap'
import load from '../../plugins/load/index.ts'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider } from '../helper.ts'

function block (ms: number): void {
  const end = performance.now() + ms
  while (performance.now() < end);
}

t.test('a loop that lags for long is too much; one pause is not, and neither is the past (R5)', async (t) => {
  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(load)
  const turn = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
  t.equal(app.load.excessive(), undefined)
  await turn(300)
  block(1500)
  await turn(300)
  t.equal(app.load.excessive(), undefined, 'one pause')
  for (let i = 0; i < 4; i++) {
    block(1300)
    await turn(0)
  }
  t.equal(app.load.excessive(), 'event loop')
  t.ok(app.load.lag > 1000)
  await turn(500)
  t.equal(app.load.excessive(), undefined, 'it is over')
})

t.test('where there is too much: 503 in the dialect, which costs nothing, behind the limits; probes are answered (R2)', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}'))
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { max_requests_per_hour: 1 }, vk_none_left_0123456789: { provider: 'openai', api_key: 'sk-real-9876543210', max_requests_per_hour: 0 } } })
  const { excessive } = gateway.app.load
  gateway.app.load.excessive = () => 'heap'
  const chat = await post(`${gateway.url}/v1/chat/completions`, { model: 'm', messages: [] })
  t.equal(chat.status, 503)
  t.equal(chat.headers.get('retry-after'), '1')
  t.match(await chat.json(), { error: { code: 'overloaded', type: 'server_error' } })
  const messages = await post(`${gateway.url}/v1/messages`, { model: 'm', max_tokens: 9, messages: [] }, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.match([messages.status, await messages.json()], [503, { type: 'error', error: { type: /error$/ } }])
  t.equal((await post(`${gateway.url}/v1/chat/completions`, { model: 'm', messages: [] }, { authorization: 'Bearer vk_none_left_0123456789' })).status, 429)
  t.equal((await fetch(`${gateway.url}/health`)).status, 200)
  t.equal(provider.requests.length, 0)
  gateway.app.load.excessive = excessive
  t.equal((await post(`${gateway.url}/v1/chat/completions`, { model: 'm', messages: [] })).status, 200, 'its one request is still there')
  t.equal((await post(`${gateway.url}/v1/chat/completions`, { model: 'm', messages: [] })).status, 429)
})
