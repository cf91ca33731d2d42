import t, { type Test } from 'tap'
import { anthropicMessages } from '../../../providers/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../providers/dialects/dialect.ts'
import { openaiChat } from '../../../providers/dialects/openai-chat/index.ts'
import { openaiResponses } from '../../../providers/dialects/openai-responses/index.ts'
import { replyStream, wholeReply } from '../../../providers/dialects/reply.ts'
import type { Ending, ReplyStream } from '../../../providers/dialects/reply.ts'
import { formatEvent } from '../../../providers/dialects/sse.ts'

const completion = {
  id: 'c1',
  object: 'chat.completion',
  created: 1,
  model: 'm1',
  choices: [{ index: 0, message: { role: 'assistant', content: null, refusal: null, tool_calls: [{ id: 't1', type: 'function', function: { name: 'f', arguments: '{"n":12345678901234567890}' } }] }, logprobs: null, finish_reason: 'tool_calls' }],
  usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }
}
const message = {
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'c1',
  content: [{ type: 'thinking', thinking: 'Hm.', signature: 's' }, { type: 'text', text: 'Yes' }, { type: 'tool_use', id: 't1', name: 'f', input: { n: 0 } }],
  stop_reason: 'tool_use',
  stop_sequence: null,
  usage: { input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 2 }
}
const messageText = JSON.stringify(message).replace('"n":0', '"n":12345678901234567890')
const stream = anthropicMessages.stream.unfold(message).map(formatEvent).join('')
const chunks = openaiChat.stream.unfold(completion).map(formatEvent).join('')

interface Case { client: Dialect, upstream: Dialect, stream: boolean, sse?: boolean }

function options ({ client, upstream, stream, sse = false }: Case) {
  return { client, upstream, sse, call: { model: 'm', stream, choices: 1, wantsUsage: true }, redact: (text: string) => text.replace('sk-real', '[key]'), now: 9 }
}

function whole (body: string, kind: Case): Ending & { text: string } {
  const ending = wholeReply(Buffer.from(body), options(kind))
  return { ...ending, text: ending.bytes?.toString() ?? '' }
}

function through (text: string, kind: Case): { out: string, ending: Ending, stream: ReplyStream } {
  const reply = replyStream(options(kind))
  const out = [...text.matchAll(/[^]{1,40}/g)].map(([piece]) => reply.push(Buffer.from(piece))?.toString() ?? '').join('')
  const ending = reply.end()
  return { out: out + (ending.bytes?.toString() ?? ''), ending, stream: reply }
}

const chat = openaiChat
const messages = anthropicMessages
const responses = openaiResponses

t.test('JSON to a client of the same dialect passes byte for byte', async (t) => {
  const text = `\n ${JSON.stringify(completion, null, 1)}`
  const reply = whole(text, { client: chat, upstream: chat, stream: false })
  t.equal(reply.text, text)
  t.match(reply, { model: 'm1', finish: 'tool_calls', usage: { input: 3, output: 2 }, truncated: false })
})

t.test('JSON is translated', async (t) => {
  const { text, ...reply } = whole(messageText, { client: chat, upstream: messages, stream: false })
  t.same(JSON.parse(text), {
    id: 'msg_1',
    object: 'chat.completion',
    created: 9,
    model: 'c1',
    choices: [{
      index: 0,
      logprobs: null,
      finish_reason: 'tool_calls',
      message: {
        role: 'assistant',
        content: 'Yes',
        refusal: null,
        reasoning_content: 'Hm.',
        reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', signature: 's', format: 'anthropic-claude-v1', index: 0 }],
        tool_calls: [{ id: 't1', type: 'function', function: { name: 'f', arguments: '{"n":12345678901234567890}' } }]
      }
    }],
    usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9, prompt_tokens_details: { cached_tokens: 4 } }
  })
  t.match(reply, { model: 'c1', finish: 'tool_use', usage: { input: 3, cacheRead: 4, output: 2 }, lossy: [] })
  const back = whole(JSON.stringify(completion), { client: messages, upstream: chat, stream: false }).text
  t.ok(back.includes('"input":{"n":12345678901234567890}'))
  t.match(JSON.parse(back), { type: 'message', id: 'c1', stop_reason: 'tool_use', usage: { input_tokens: 3, output_tokens: 2 } })
  t.equal(JSON.parse(whole(JSON.stringify({ ...message, content: [message.content[2]] }), { client: chat, upstream: messages, stream: false }).text).choices[0].message.content, null)
})

t.test('JSON to a client that asked for a stream becomes one', async (t) => {
  const same = whole(JSON.stringify(completion), { client: chat, upstream: chat, stream: true })
  t.equal(same.text, chunks)
  t.match(same, { finish: 'tool_calls', truncated: false })
  const translated = whole(messageText, { client: chat, upstream: messages, stream: true })
  t.ok(translated.text.endsWith('data: [DONE]\n\n'))
  t.match(translated.text, '"reasoning_content":"Hm."')
})

t.test('a stream to a client that did not ask for one becomes JSON', async (t) => {
  const same = whole(chunks, { client: chat, upstream: chat, stream: false, sse: true })
  t.same(JSON.parse(same.text), completion)
  t.match(same, { finish: 'tool_calls', truncated: false, usage: { input: 3 } })
  const translated = whole(stream, { client: chat, upstream: messages, stream: false, sse: true })
  t.match(JSON.parse(translated.text), { choices: [{ message: { content: 'Yes' }, finish_reason: 'tool_calls' }] })
  t.equal(whole(stream.slice(0, 600), { client: chat, upstream: messages, stream: false, sse: true }).truncated, true)
  t.equal(whole(chunks.slice(0, 60), { client: chat, upstream: chat, stream: false, sse: true }).truncated, true)
})

t.test('a reply that is no reply', async (t) => {
  for (const upstream of [chat, messages]) {
    for (const body of ['', '<html>', '[]', '7', '{"a":']) t.throws(() => whole(body, { client: chat, upstream, stream: false }), { name: 'SyntaxError' })
  }
  t.match(whole('{"error":{"message":"Oh"}}', { client: chat, upstream: chat, stream: false }), { error: { message: 'Oh' } })
  t.match(whole('{"type":"error","error":{"type":"api_error","message":"Oh"}}', { client: chat, upstream: messages, stream: true }), { error: { message: 'Oh', status: 500 } })
  for (const upstream of [chat, messages]) {
    t.match(whole('{}', { client: messages, upstream, stream: false }), { error: { code: 'upstream_bad_reply' }, usage: undefined })
    t.match(whole('{"error":{"code":"overloaded"}}', { client: upstream, upstream, stream: false }), { error: { code: 'upstream_error' } })
    t.match(whole('{"detail":"Oh"}', { client: upstream, upstream, stream: false }), { error: { message: 'Oh' } })
  }
})

t.test('streams', async (t) => {
  const same = through(chunks, { client: chat, upstream: chat, stream: true })
  t.equal(same.out, chunks)
  t.match(same.ending, { truncated: false, finish: 'tool_calls', model: 'm1' })
  const translated = through(stream, { client: chat, upstream: messages, stream: true })
  t.ok(translated.out.endsWith('data: [DONE]\n\n'))
  t.match(translated.ending, { truncated: false, finish: 'tool_use', model: 'c1', usage: { input: 3, cacheRead: 4, output: 2 }, lossy: [] })
  t.ok(translated.stream.done && translated.stream.ended)
})

t.test('a translated stream that is cut has no end', async (t) => {
  const { out, ending, stream: reply } = through(stream.slice(0, stream.indexOf('message_delta') - 10), { client: chat, upstream: messages, stream: true })
  t.equal(ending.truncated, true)
  t.notOk(reply.ended)
  t.notOk(/\[DONE\]|"finish_reason":"/.test(out))
  t.match(ending.model, 'c1')
})

t.test('an error in a translated stream is told in the client\'s dialect, redacted', async (t) => {
  const { out, ending } = through('event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"sk-real is busy"}}\n\n' + stream, { client: chat, upstream: messages, stream: true })
  t.equal(out, 'data: {"error":{"message":"[key] is busy","type":"server_error","param":null,"code":"overloaded_error"}}\n\n')
  t.match(ending, { truncated: false, error: { status: 529, message: '[key] is busy' } })
})

t.test('an event too large to translate is an error', async (t) => {
  const reply = replyStream(options({ client: chat, upstream: messages, stream: true }))
  const piece = Buffer.alloc(1024 * 1024, 'x')
  let out = ''
  for (let i = 0; i < 10 && !reply.done; i++) out += reply.push(piece)?.toString() ?? ''
  t.match(out, '"code":"upstream_bad_reply"')
  t.match(reply.end(), { error: { status: 502 } })
})

/** Replies of so many pieces. */
function ofMany (pieces: number) {
  const many = (piece: (i: number) => unknown): unknown[] => Array.from({ length: pieces }, (_, i) => piece(i))
  const [choice] = completion.choices
  const said = (fields: object, beside: object = {}) => ({ upstream: chat, body: { ...completion, choices: [{ ...choice, message: { role: 'assistant', content: 'Yes', ...fields }, ...beside }] } })
  const told = (content: unknown[]) => ({ upstream: messages, body: { ...message, content } })
  const given = (output: unknown[]) => ({ upstream: responses, body: { id: 'resp_1', object: 'response', created_at: 1, model: 'm1', status: 'completed', output, usage: { input_tokens: 3, output_tokens: 2, total_tokens: 5 } } })
  const part = { type: 'output_text', text: 'a', annotations: [] }
  const item = { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [part] }
  const source = { url: 'https://example.com', title: 'A' }
  return {
    chatParts: said({ content: many((i) => i % 2 === 0 ? { type: 'text', text: 'a' } : { type: 'refusal', refusal: 'b' }) }),
    chatCalls: said({ tool_calls: many((i) => ({ id: `t${i}`, type: 'function', function: { name: 'f', arguments: '{}' } })) }),
    chatSources: said({ annotations: many(() => ({ type: 'url_citation', url_citation: source })) }),
    chatThoughts: said({ content: [{ type: 'thinking', thinking: many(() => ({ type: 'text', text: 'a' })) }] }),
    chatLogprobs: said({}, { logprobs: { content: many(() => ({ token: 'a', logprob: -1, bytes: [97], top_logprobs: [] })), refusal: null } }),
    messageTexts: told(many(() => ({ type: 'text', text: 'a' }))),
    messageCalls: told(many((i) => ({ type: 'tool_use', id: `t${i}`, name: 'f', input: { a: 1 } }))),
    messageSources: told([{ type: 'text', text: 'Yes', citations: many(() => ({ ...source, type: 'web_search_result_location', cited_text: 'a', encrypted_index: '' })) }]),
    responseMessages: given(many((i) => ({ ...item, id: `msg_${i}` }))),
    responseParts: given([{ ...item, content: many(() => part) }]),
    responseCalls: given(many((i) => ({ type: 'function_call', id: `fc_${i}`, call_id: `t${i}`, name: 'f', arguments: '{}' })))
  }
}

type Many = keyof ReturnType<typeof ofMany>

function readMany (t: Test, pieces: number, most: number, cases: ReadonlyArray<[name: Many, client: Dialect]>): void {
  const replies = ofMany(pieces)
  for (const [name, client] of cases) {
    const { upstream, body } = replies[name]
    // Of its own dialect JSON would pass as it is.
    const sse = upstream === client && name !== 'chatThoughts'
    const text = sse ? upstream.stream.unfold(body).map(formatEvent).join('') : JSON.stringify(body)
    const began = performance.now()
    const reply = wholeReply(Buffer.from(text), options({ client, upstream, stream: false, sse }))
    reply.generated?.()
    const took = Math.round(performance.now() - began)
    t.match(reply, { truncated: false, error: undefined }, name)
    t.ok(took < most, `${name} for ${client.id}: ${took} ms`)
  }
}

t.test('a reply of many pieces takes time by its length alone', async (t) => {
  readMany(t, 30_000, 5000, [
    ['chatParts', responses], ['chatCalls', chat], ['chatCalls', responses], ['chatCalls', messages], ['chatSources', messages],
    ['messageTexts', responses], ['messageCalls', chat], ['messageSources', messages],
    ['responseMessages', chat], ['responseParts', responses], ['responseCalls', chat]
  ])
})

t.test('a reply has more pieces than a call takes as arguments', async (t) => {
  readMany(t, 150_000, 60_000, [['chatCalls', messages], ['chatLogprobs', responses], ['chatThoughts', chat], ['messageSources', chat], ['responseParts', chat]])
})
