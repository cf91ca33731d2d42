import Anthropic from '@anthropic-ai/sdk'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider } from '../helper.ts'

const message = '{"id":"msg_1","type":"message","role":"assistant","model":"m1","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}'
const ask = { model: 'm1', max_tokens: 9, messages: [{ role: 'user' as const, content: 'hi' }] }

t.test('a key\'s standing and a request\'s id are in the headers that the dialect\'s clients read', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end(message))
  const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '1' } })
  const client = new Anthropic({ baseURL: gateway.url, apiKey: MESSAGES_KEY, maxRetries: 0 })
  const { response, request_id: id } = await client.messages.create(ask).withResponse()
  t.equal(id, response.headers.get('x-request-id'))
  t.equal(response.headers.get('anthropic-ratelimit-requests-limit'), '1')
  t.equal(response.headers.get('anthropic-ratelimit-requests-remaining'), '0')
  t.match(response.headers.get('anthropic-ratelimit-requests-reset'), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  t.equal(response.headers.get('x-ratelimit-limit-requests'), null)
  const refused = await client.messages.create(ask).catch((error: unknown) => error)
  t.ok(refused instanceof Anthropic.RateLimitError)
  t.ok(refused instanceof Anthropic.RateLimitError && refused.requestID !== undefined)
  t.equal(refused instanceof Anthropic.RateLimitError && refused.headers.get('anthropic-ratelimit-requests-remaining'), '0')
})

t.test('the list of models is in the shape that the client\'s header asks for, errors too', async (t) => {
  const provider = await startProvider(t, ({ url }, response) => {
    response.writeHead(url === '/v1/models' ? 200 : 404, { 'content-type': 'application/json' })
    response.end(url === '/v1/models' ? '{"object":"list","data":[{"id":"m1","created":1767225600,"owned_by":"maker"}]}' : '{"error":{"message":"no"}}')
  })
  const gateway = await startGateway(t, provider.url)
  const client = new Anthropic({ baseURL: gateway.url, authToken: CHAT_KEY, apiKey: null })
  const page = await client.models.list()
  t.match(page.data, [{ type: 'model', id: 'm1', display_name: 'm1', created_at: '2026-01-01T00:00:00.000Z' }])
  t.equal(page.hasNextPage(), false)
  t.match(await client.models.retrieve('m1'), { type: 'model', id: 'm1' })
  const missing = await client.models.retrieve('m2').catch((error: unknown) => error)
  t.ok(missing instanceof Anthropic.NotFoundError)
  t.match(missing, { error: { type: 'error', error: { type: 'not_found_error' } } })
  t.match(await (await fetch(`${gateway.url}/v1/models`, { headers: { 'x-api-key': CHAT_KEY } })).json(), { object: 'list' })
})

t.test('whoever only asks whether anyone is there is answered', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9')
  const reply = await fetch(gateway.url, { method: 'HEAD' })
  t.equal(reply.status, 200)
  t.equal(await reply.text(), '')
  t.match(await (await fetch(gateway.url)).json(), { name: 'llm-gateway' })
})

t.test('a lossy request is refused where the key or the gateway says so, and costs nothing', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end(message))
  const body = { ...ask, seed: 7, logit_bias: { 5: 1 } }
  const on = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })
  const strict = await startGateway(t, provider.url, {
    env: { LOSSY: 'reject', MAX_REQUESTS_PER_HOUR: '5' }, keys: { vk_lenient_0123456789: { provider: 'anthropic', api_key: 'sk-real', lossy: 'report' } }
  })
  const refused = await post(`${strict.url}/v1/chat/completions`, body, on(MESSAGES_KEY))
  t.equal(refused.status, 400)
  t.match(await refused.json(), { error: { type: 'invalid_request_error', code: 'unsupported_parameter', param: 'seed', message: /seed, logit_bias/ } })
  t.equal(provider.requests.length, 0)
  t.equal(strict.app.quota.headers(strict.app.keys.find(MESSAGES_KEY)!)['x-ratelimit-remaining-requests'], '5')
  t.equal((await post(`${strict.url}/v1/chat/completions`, ask, on(MESSAGES_KEY))).status, 200, 'what can be said is')
  t.equal((await post(`${strict.url}/v1/chat/completions`, body, on('vk_lenient_0123456789'))).headers.get('x-gateway-lossy'), 'seed, logit_bias')

  const lenient = await startGateway(t, provider.url, { keys: { [MESSAGES_KEY]: { lossy: 'reject' } } })
  t.equal((await post(`${lenient.url}/v1/chat/completions`, body, on(MESSAGES_KEY))).status, 400)
})
