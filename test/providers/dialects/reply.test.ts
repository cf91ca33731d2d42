import t from 'tap'
import { anthropicMessages } from '../../../providers/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../providers/dialects/dialect.ts'
import { openaiChat } from '../../../providers/dialects/openai-chat/index.ts'
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
