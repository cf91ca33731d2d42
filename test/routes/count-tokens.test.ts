import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, startGateway, startProvider } from '../helper.ts'

const question = { model: 'claude-x', system: 'Be brief.', messages: [{ role: 'user' as const, content: 'How many tokens are in this sentence, about?' }] }

t.test('the provider\'s own count, asked in its own words and free of charge', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end('{"input_tokens":21}'))
  const gateway = await startGateway(t, provider.url, {
    env: { MAX_REQUESTS_PER_HOUR: '1' }, keys: { [MESSAGES_KEY]: { model_aliases: { mine: 'claude-x' } } }
  })
  const client = new Anthropic({ baseURL: gateway.url, apiKey: MESSAGES_KEY })
  t.same(await client.messages.countTokens(question), { input_tokens: 21 })
  t.equal(provider.requests[0]?.url, '/v1/messages/count_tokens')
  t.equal(provider.requests[0]?.headers['x-api-key'], REAL_KEY)
  t.same(JSON.parse(provider.requests[0]?.body ?? ''), question)

  const options = { query: { beta: true, unknown: 'no' }, headers: { 'anthropic-beta': 'some-beta' } }
  t.same(await client.messages.countTokens({ ...question, model: 'mine' }, options), { input_tokens: 21 })
  t.equal(provider.requests[1]?.url, '/v1/messages/count_tokens?beta=true')
  t.equal(provider.requests[1]?.headers['anthropic-beta'], 'some-beta')
  t.equal(JSON.parse(provider.requests[1]?.body ?? '').model, 'claude-x')
})

t.test('elsewhere an estimate that says it is one', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(404).end())
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { upstream_dialects: ['openai-chat'] } } })
  const client = new Anthropic({ baseURL: gateway.url, authToken: CHAT_KEY, apiKey: null })
  const { data, response } = await client.messages.countTokens(question).withResponse()
  t.match(data, { input_tokens: Number, estimated: true })
  t.ok(data.input_tokens > 8 && data.input_tokens < 40, String(data.input_tokens))
  t.equal(response.headers.get('x-gateway-usage-source'), 'estimated')
  t.equal(provider.requests.length, 0)

  const own = new Anthropic({ baseURL: gateway.url, apiKey: MESSAGES_KEY })
  t.match(await own.messages.countTokens(question), { estimated: true }, 'a server of the dialect that lacks the endpoint')
})

t.test('asked in the words of a provider that counts in another dialect', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end('{"object":"response.input_tokens","input_tokens":17}'))
  const gateway = await startGateway(t, provider.url)
  const client = new Anthropic({ baseURL: gateway.url, authToken: CHAT_KEY, apiKey: null })
  t.same(await client.messages.countTokens({ ...question, model: 'gpt-5.5' }), { input_tokens: 17 })
  t.equal(provider.requests[0]?.url, '/v1/responses/input_tokens')
  t.same(Object.keys(JSON.parse(provider.requests[0]?.body ?? '')).sort(), ['input', 'model'], 'no field that only an answer has')

  const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: CHAT_KEY })
  t.equal((await openai.responses.inputTokens.count({ model: 'm', input: 'Hi' })).input_tokens, 17)
  t.equal(provider.requests[1]?.body, '{"model":"m","input":"Hi"}')
  const other = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: MESSAGES_KEY })
  t.match(await other.responses.inputTokens.count({ model: 'm', input: 'Hi' }), { object: 'response.input_tokens', input_tokens: 17 })
  t.equal(provider.requests[2]?.url, '/v1/messages/count_tokens')
})

t.test('errors are in the dialect', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(429, { 'content-type': 'application/json', 'retry-after': '7' }).end(`{"type":"error","error":{"type":"rate_limit_error","message":"slow down, ${REAL_KEY}"}}`))
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { models: ['other'] } } })
  const count = (apiKey: string, body: unknown): Promise<Response> => fetch(`${gateway.url}/v1/messages/count_tokens`, {
    method: 'POST', headers: { 'x-api-key': apiKey, 'content-type': 'application/json' }, body: JSON.stringify(body)
  })
  const limited = await count(MESSAGES_KEY, question)
  t.equal(limited.status, 429)
  t.equal(limited.headers.get('retry-after'), '7')
  t.same(await limited.json(), { type: 'error', error: { type: 'rate_limit_error', message: 'slow down, [redacted]' } })
  for (const [key, body, status, type] of [
    ['vk_unknown', question, 401, 'authentication_error'],
    [CHAT_KEY, question, 403, 'permission_error'],
    [MESSAGES_KEY, { messages: [] }, 400, 'invalid_request_error']
  ] as const) {
    const reply = await count(key, body)
    t.equal(reply.status, status)
    t.match(await reply.json(), { type: 'error', error: { type } })
  }
})
