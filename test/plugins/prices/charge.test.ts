import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider, until, type TestGateway } from '../../helper.ts'

const CHAT = '/v1/chat/completions'
const question = { model: 'gpt-5.4-mini', messages: [{ role: 'user', content: 'hi' }] }
const ask = { model: 'claude-opus-4-7', max_tokens: 10, messages: [{ role: 'user', content: 'hi' }] }
const usage = { prompt_tokens: 1_003_000, completion_tokens: 2000, total_tokens: 1_005_000, prompt_tokens_details: { cached_tokens: 1_000_000 } }

/** The `request` line of the last request, once it is there. */
async function lineOf (gateway: TestGateway, id: string | null): Promise<Record<string, unknown> | undefined> {
  const find = () => gateway.lines().find((line) => line['msg'] === 'request' && line['id'] === id)
  await until(() => find() !== undefined)
  return find()
}

t.test('the cost of a request is in its log line and in its record', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ id: 'c1', model: 'gpt-5.4-mini-2026-03-17', choices: [{ index: 0, message: { role: 'assistant', content: 'a' }, finish_reason: 'stop' }], usage }))
  })
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { model_aliases: { fast: 'gpt-5.4-mini' } } } })
  for (const model of ['gpt-5.4-mini', 'fast']) {
    const reply = await post(gateway.url + CHAT, { ...question, model })
    t.match(await lineOf(gateway, reply.headers.get('x-request-id')), { model, cost: '0.08625' })
  }
  await gateway.app.close()
  const logs = join(gateway.folder, 'logs')
  const [record] = readdirSync(logs).flatMap((name) => readFileSync(join(logs, name), 'utf8').trim().split('\n')).map((line) => JSON.parse(line) as Record<string, unknown>)
  t.match(record, { cost: '0.08625', priceVersion: gateway.app.prices.version, usage: { input: 3000, cacheRead: 1_000_000, output: 2000 } })
})

t.test('a stream of Messages, cache writes and all: 1.06376125 dollars', async (t) => {
  const event = (type: string, fields: object): string => `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`
  const provider = await startProvider(t, (_request, response) => {
    response.setHeader('content-type', 'text/event-stream')
    response.end([
      event('message_start', { message: { id: 'm1', type: 'message', role: 'assistant', model: 'claude-opus-4-7', content: [], stop_reason: null, usage: { input_tokens: 6, cache_creation_input_tokens: 159_217, cache_read_input_tokens: 0, output_tokens: 1 } } }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'a' } }),
      event('content_block_stop', { index: 0 }),
      event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { input_tokens: 6, cache_creation_input_tokens: 159_217, cache_read_input_tokens: 0, output_tokens: 2745 } }),
      event('message_stop', {})
    ].join(''))
  })
  const gateway = await startGateway(t, provider.url)
  for (const path of ['/v1/messages', CHAT]) {
    const reply = await post(gateway.url + path, { ...ask, stream: true }, { authorization: `Bearer ${MESSAGES_KEY}` })
    await reply.text()
    t.match(await lineOf(gateway, reply.headers.get('request-id') ?? reply.headers.get('x-request-id')), { cost: '1.06376125' }, path)
  }
})

t.test('no cost where the price or the usage is unknown, and PRICES_FILE gives one', async (t) => {
  let status = 200
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(status === 200 ? JSON.stringify({ id: 'c1', model: 'house', choices: [{ index: 0, message: { role: 'assistant', content: 'a' }, finish_reason: 'stop' }], usage }) : '{"error":{"message":"no"}}')
  })
  const gateway = await startGateway(t, provider.url)
  const unknown = await post(gateway.url + CHAT, { ...question, model: 'house' })
  t.notOk('cost' in (await lineOf(gateway, unknown.headers.get('x-request-id')) ?? {}))
  status = 400
  const refused = await post(gateway.url + CHAT, question)
  t.notOk('cost' in (await lineOf(gateway, refused.headers.get('x-request-id')) ?? {}))

  status = 200
  const file = join(gateway.folder, 'prices.json')
  writeFileSync(file, JSON.stringify({ providers: { openai: { models: [{ id: 'house', prices: [{ input: 1, output: 1, per_request: 0.5 }] }] } } }))
  const priced = await startGateway(t, provider.url, { env: { PRICES_FILE: file } })
  const reply = await post(priced.url + CHAT, { ...question, model: 'house' })
  t.match(await lineOf(priced, reply.headers.get('x-request-id')), { cost: '1.505' })
})
