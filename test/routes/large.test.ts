/** Requests and replies of more pieces than a call of a function takes as arguments: some 120,000 overflow the stack. */
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider } from '../helper.ts'
import { chat, messages, spokenAt } from '../faults/speak.ts'

const PIECES = 150_000
const many = <T>(piece: (i: number) => T): T[] => Array.from({ length: PIECES }, (_, i) => piece(i))
const text = { type: 'text', text: 'a' }
const call = { type: 'function', function: { name: 'f', arguments: '{}' } }
const picture = { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }
const source = { type: 'web_search_result_location', url: 'https://example.com', title: 'A', cited_text: 'a', encrypted_index: '' }
/** A key of the provider of the chat dialect alone. */
const CHAT_ALONE = 'vk_test_alone_0123456789'
const keys = { [CHAT_ALONE]: { provider: 'openai', api_key: 'sk-real-0123456789', upstream_dialects: ['openai-chat'] } }

t.test('a request of so many parts is translated', async (t) => {
  const seen: Array<{ system?: unknown[], messages: Array<{ content: unknown[], tool_calls?: unknown[] }> }> = []
  const provider = await startProvider(t, ({ url, body }, reply) => {
    seen.push(JSON.parse(body))
    reply.writeHead(200, { 'content-type': 'application/json' }).end(spokenAt(url).whole)
  })
  const { url } = await startGateway(t, provider.url, { keys, env: { LOG_LEVEL: 'error' } })
  const ask = async (path: string, key: string, body: object): Promise<(typeof seen)[number]> => {
    const reply = await post(url + path, { model: 'm', max_tokens: 50, ...body }, { authorization: `Bearer ${key}` })
    t.equal(reply.status, 200, (await reply.text()).slice(0, 300))
    return seen.pop()!
  }
  const parts = await ask(chat.path, MESSAGES_KEY, { messages: [{ role: 'user', content: 'a' }, { role: 'user', content: many(() => text) }] })
  t.equal(parts.messages[0]?.content.length, PIECES + 1)
  const system = await ask(chat.path, MESSAGES_KEY, { messages: [{ role: 'system', content: many(() => text) }, { role: 'user', content: 'a' }] })
  t.equal(system.system?.length, PIECES)
  const calls = await ask(chat.path, MESSAGES_KEY, { messages: [{ role: 'user', content: 'a' }, { role: 'assistant', tool_calls: many((i) => ({ id: `t${i}`, ...call })) }, { role: 'user', content: 'a' }] })
  t.equal(calls.messages[1]?.content.length, PIECES)
  const pictures = await ask(messages.path, CHAT_ALONE, {
    messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: many(() => picture) }] }]
  })
  t.equal(pictures.messages.at(-1)?.content.length, PIECES)
  const said = await ask('/v1/responses', CHAT_ALONE, { max_tokens: undefined, input: [{ role: 'assistant', content: 'a' }, { role: 'assistant', content: many(() => ({ type: 'output_text', text: 'a' })) }, { role: 'user', content: 'a' }] })
  t.equal(said.messages[0]?.content.length, PIECES + 1)
})

t.test('a reply of so many pieces is translated, whole and as a stream', async (t) => {
  const whole = JSON.parse(chat.whole) as { choices: [{ message: object }] }
  const [choice] = whole.choices
  const replies: Record<string, object> = {
    logprobs: { ...whole, choices: [{ ...choice, logprobs: { content: many(() => ({ token: 'a', logprob: -1, bytes: [97], top_logprobs: [] })), refusal: null } }] },
    calls: { ...whole, choices: [{ ...choice, message: { role: 'assistant', content: null, tool_calls: many((i) => ({ id: `t${i}`, ...call })) }, finish_reason: 'tool_calls' }] },
    thoughts: { ...whole, usage: undefined, choices: [{ ...choice, message: { role: 'assistant', content: [{ type: 'thinking', thinking: many(() => text) }, text] } }] },
    sources: { ...JSON.parse(messages.whole) as object, content: [{ ...text, citations: many(() => source) }] }
  }
  const provider = await startProvider(t, ({ body }, reply) => {
    const { model } = JSON.parse(body) as { model: string }
    reply.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(replies[model]))
  })
  const { url } = await startGateway(t, provider.url, { keys, env: { LOG_LEVEL: 'error' } })
  const asked = { messages: [{ role: 'user', content: 'a' }], max_tokens: 50 }
  const cases: Array<[model: string, path: string, key: string, body: object, piece: RegExp]> = [
    ['logprobs', '/v1/responses', CHAT_ALONE, { input: 'a' }, /"logprob":-1,"bytes":\[97\]/g],
    ['calls', messages.path, CHAT_ALONE, asked, /"type":"tool_use"/g],
    ['thoughts', chat.path, CHAT_KEY, asked, /"thinking"/g],
    ['sources', chat.path, MESSAGES_KEY, asked, /"url_citation":/g]
  ]
  for (const [model, path, key, body, piece] of cases) {
    for (const stream of [false, true]) {
      const reply = await post(url + path, { model, stream, ...body }, { authorization: `Bearer ${key}` })
      const answer = await reply.text()
      t.equal(reply.status, 200, `${model}: ${answer.slice(0, 300)}`)
      t.ok((answer.match(piece) ?? []).length >= (model === 'thoughts' ? 1 : PIECES), `${model}, ${stream ? 'a stream' : 'whole'}`)
    }
  }
})
