import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider } from '../helper.ts'

t.setTimeout(60_000)

/** About 2,300 tokens, and four times as many bytes. */
const TEXT = 'The quick brown fox jumps over the lazy dog, and nobody minds. '.repeat(150)
const ask = { model: 'gpt-5.4-mini', max_tokens: 10, messages: [{ role: 'user', content: TEXT }] }

t.test('a text is counted before it is refused for its bytes, where a tokenizer fits', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ id: 'c', object: 'chat.completion', created: 1, model: 'gpt-5.4-mini', choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }], usage: { prompt_tokens: 2100, completion_tokens: 1, total_tokens: 2101 } })))
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { tokens_per_day: 6000 }, [MESSAGES_KEY]: { tokens_per_day: 6000 } } })
  const { quota } = gateway.app
  t.equal((await post(`${gateway.url}/v1/chat/completions`, ask)).status, 200)
  t.match(quota.bounds, { spared: 1, falseRefusals: 0 })
  t.equal(quota.held, 0)

  t.equal((await post(`${gateway.url}/v1/chat/completions`, ask)).status, 200)
  const third = await post(`${gateway.url}/v1/chat/completions`, ask)
  t.equal(third.status, 429, 'counted, and still too much')
  t.match(await third.json(), { error: { type: 'tokens', code: 'rate_limit_exceeded' } })
  t.match(quota.bounds, { spared: 2, falseRefusals: 0 })
  t.equal(provider.requests.length, 2)

  const messages = await post(`${gateway.url}/v1/messages`, { ...ask, model: 'claude-haiku-4-5' }, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.equal(messages.status, 429, 'no tokenizer fits this model')
  t.match(quota.bounds, { falseRefusals: 1 })
  t.ok(gateway.lines().some(({ msg, false_refusals: count }) => count === 1 && /tokenizer would tell/.test(String(msg))))
  await post(`${gateway.url}/v1/messages`, { ...ask, max_tokens: 6000, model: 'claude-haiku-4-5' }, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.match(quota.bounds, { falseRefusals: 1 }, 'that one would not have fitted anyhow')
})

t.test('nor is a text let through that is fewer tokens as JSON writes it than it is', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.end())
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { tokens_per_day: 5500 } } })
  // Some 6,000 tokens, and 4,000 as it is written.
  const content = ' \frac'.repeat(2000)
  t.equal((await post(`${gateway.url}/v1/chat/completions`, { ...ask, messages: [{ role: 'user', content }] })).status, 429)
  t.equal(provider.requests.length, 0)
})
