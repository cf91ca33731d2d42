import t from 'tap'
import { anthropicMessages } from '../../../providers/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../providers/dialects/dialect.ts'
import { dialects } from '../../../providers/dialects/index.ts'
import { openaiChat } from '../../../providers/dialects/openai-chat/index.ts'
import { openaiResponses } from '../../../providers/dialects/openai-responses/index.ts'
import { replyStream, wholeReply, type Ending } from '../../../providers/dialects/reply.ts'
import { Sample } from '../../../providers/dialects/sample.ts'
import { formatEvent } from '../../../providers/dialects/sse.ts'

const completions = dialects.get('openai-completions') as Dialect

function cut (text: string | Buffer, upstream: Dialect, client = upstream): Ending {
  const call = { model: 'm', stream: true, choices: 1, wantsUsage: true }
  const stream = replyStream({ client, upstream, call, redact: (text) => text, now: 1 })
  stream.push(Buffer.from(text))
  return stream.end()
}

const sse = (events: Array<Record<string, unknown>>): string => events.map((data) => formatEvent({ ...typeof data.type === 'string' && { event: data.type }, data: JSON.stringify(data) })).join('')
const chunk = (delta: Record<string, unknown>, rest: Record<string, unknown> = {}): Record<string, unknown> => ({ id: 'c', object: 'chat.completion.chunk', model: 'm', choices: [{ index: 0, delta, finish_reason: null }], ...rest })

const streams: Array<{ dialect: Dialect, said: { text: string, reasoning: string, calls: number }, events: Array<Record<string, unknown>> }> = [
  {
    dialect: openaiChat,
    said: { text: 'Grüße, Wörld f{"a":1}', reasoning: 'Hm so', calls: 1 },
    events: [
      chunk({ role: 'assistant', content: '' }), chunk({ reasoning_content: 'Hm' }), chunk({ reasoning_content: ' so' }), chunk({ content: 'Grüße,' }), chunk({ content: ' Wörld ' }),
      chunk({ tool_calls: [{ index: 0, id: 't', type: 'function', function: { name: 'f', arguments: '{"a"' } }] }), chunk({ tool_calls: [{ index: 0, function: { arguments: ':1}' } }] })
    ]
  },
  {
    dialect: anthropicMessages,
    said: { text: 'Grüße, Wörld f{"a":1}', reasoning: 'Hm so', calls: 1 },
    events: [
      { type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], usage: { input_tokens: 9, output_tokens: 1 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'Hm' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: ' so' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'AAAA' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: 'Grüße,' } },
      { type: 'content_block_delta', index: 1, delta: { type: 'text_delta', text: ' Wörld ' } },
      { type: 'content_block_stop', index: 1 },
      { type: 'content_block_start', index: 2, content_block: { type: 'tool_use', id: 't', name: 'f', input: {} } },
      { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: '{"a"' } },
      { type: 'content_block_delta', index: 2, delta: { type: 'input_json_delta', partial_json: ':1}' } }
    ]
  },
  {
    dialect: openaiResponses,
    said: { text: 'Grüße, Wörld f{"a":1}', reasoning: 'Hm so', calls: 1 },
    events: [
      { type: 'response.created', response: { id: 'r', model: 'm', status: 'in_progress', output: [], usage: null, instructions: 'Long. '.repeat(9000) } },
      { type: 'response.output_item.added', output_index: 0, item: { type: 'reasoning', id: 'rs', summary: [], content: [] } },
      { type: 'response.content_part.added', output_index: 0, item_id: 'rs', content_index: 0, part: { type: 'reasoning_text', text: '' } },
      { type: 'response.reasoning_text.delta', output_index: 0, item_id: 'rs', content_index: 0, delta: 'Hm' },
      { type: 'response.reasoning_text.delta', output_index: 0, item_id: 'rs', content_index: 0, delta: ' so' },
      { type: 'response.reasoning_text.done', output_index: 0, item_id: 'rs', content_index: 0, text: 'Hm so' },
      { type: 'response.output_item.done', output_index: 0, item: { type: 'reasoning', id: 'rs', summary: [], content: [{ type: 'reasoning_text', text: 'Hm so' }], encrypted_content: 'A'.repeat(600) } },
      { type: 'response.output_item.added', output_index: 1, item: { type: 'message', id: 'msg', role: 'assistant', status: 'in_progress', content: [] } },
      { type: 'response.content_part.added', output_index: 1, item_id: 'msg', content_index: 0, part: { type: 'output_text', text: '', annotations: [] } },
      { type: 'response.output_text.delta', output_index: 1, item_id: 'msg', content_index: 0, delta: 'Grüße,' },
      { type: 'response.output_text.delta', output_index: 1, item_id: 'msg', content_index: 0, delta: ' Wörld ' },
      { type: 'response.output_text.done', output_index: 1, item_id: 'msg', content_index: 0, text: 'Grüße, Wörld ' },
      { type: 'response.output_item.added', output_index: 2, item: { type: 'function_call', id: 'fc', call_id: 't', name: 'f', arguments: '', status: 'in_progress' } },
      { type: 'response.function_call_arguments.delta', output_index: 2, item_id: 'fc', delta: '{"a"' },
      { type: 'response.function_call_arguments.delta', output_index: 2, item_id: 'fc', delta: ':1}' }
    ]
  }
]

for (const { dialect, said, events } of streams) {
  t.test(`${dialect.id}: what was written of a stream that is cut`, async (t) => {
    const clients = [openaiChat, anthropicMessages, openaiResponses]
    for (const client of clients) {
      const ending = cut(sse(events), dialect, client)
      t.match(ending, { truncated: true, behind: true })
      t.same(ending.generated?.(), { ...said, factor: 1 }, `to ${client.id}`)
    }
    const bytes = Buffer.from(sse(events))
    for (let at = 0; at < bytes.length; at += at < 200 || at > bytes.length - 3000 ? 1 : 977) {
      const { text = '', reasoning = '', factor } = cut(bytes.subarray(0, at), dialect).generated?.() ?? {}
      if (!(said.reasoning.startsWith(reasoning) && factor === 1 && (said.text.startsWith(text) || text.startsWith('Grüße, Wörld f')))) t.fail(`cut at ${at}: ${text} ${reasoning} ${factor}`)
    }
  })
}

t.test('several answers, and texts without a chat', async (t) => {
  const two = (index: number, content: string): Record<string, unknown> => ({ id: 'c', model: 'm', choices: [{ index, delta: { content }, finish_reason: null }] })
  t.match(cut(sse([two(0, 'a'), two(1, 'b'), two(0, 'c')]), openaiChat).generated?.(), { text: 'acb' })
  t.match(cut(sse([{ model: 'm', choices: [{ index: 0, text: 'On' }] }, { model: 'm', choices: [{ index: 0, text: 'ce' }] }]), completions).generated?.(), { text: 'Once', reasoning: '', factor: 1 })
  t.equal(cut(sse([{ type: 'image_generation.partial_image', b64_json: 'AAAA' }]), dialects.get('openai-images') as Dialect).generated?.(), undefined)
})

t.test('of a long stream the beginning is kept, and how much came behind it', async (t) => {
  for (const { dialect, text } of [{ dialect: openaiChat, text: chunk({ content: 'word ' }) }, { dialect: anthropicMessages, text: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word ' } } }]) {
    const start = dialect === openaiChat ? [] : (streams[1]?.events.slice(0, 1).concat({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) ?? [])
    const { text: said = '', factor = 0 } = cut(sse([...start, ...Array.from({ length: 5000 }, () => text)]), dialect).generated?.() ?? {}
    t.ok(said.length < 25_000)
    t.ok(Math.abs(said.length * factor / 25_000 - 1) < 0.05, `${said.length} × ${factor}`)
  }
  const { text: said = '', factor = 0 } = cut(sse(Array.from({ length: 20_000 }, () => chunk({ content: 'word ' }))), openaiChat, anthropicMessages).generated?.() ?? {}
  t.equal(Math.round(said.length * factor), 100_000, 'translated')
})

t.test('a sample holds large pieces, and reckons by the others', async (t) => {
  const sample = new Sample()
  for (let i = 0; i < 500; i++) sample.push(Buffer.from('0123456789'))
  sample.push(Buffer.alloc(2000, '+'))
  t.same(sample.lengths, { kept: 5000, missed: 0 })
  for (let i = 0; i < 1000; i++) sample.push(Buffer.from('0123456789'))
  t.same(sample.lengths, { kept: 8200, missed: 6800 })
  t.equal(String(sample), '0123456789'.repeat(500) + '+'.repeat(2000) + '0123456789'.repeat(320))
  sample.push(Buffer.alloc(2000))
  t.same(sample.lengths, { kept: 8200, missed: 6800 })
  const large = new Sample()
  for (const length of [70_000, 40_000, 30_000, 20_000]) large.push(Buffer.alloc(length, 'a'))
  t.equal(String(large).length, 60_000)
  t.same(large.lengths, { kept: 0, missed: 0 })
})

t.test('whether usage is all that was used', async (t) => {
  const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 }
  const running = chunk({ content: 'b' }, { usage })
  const end = { ...chunk({}), choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
  const told = { ...chunk({}), choices: [], usage }
  t.match(cut(sse([chunk({ content: 'a' }), running]), openaiChat), { behind: false, truncated: true, usage: { input: 5, output: 2 } }, 'told with every piece')
  t.match(cut(sse([running, chunk({ content: 'a' })]), openaiChat), { behind: true }, 'and once more written')
  t.match(cut(sse([chunk({ content: 'a' }), end, told]), openaiChat), { behind: false, truncated: false })
  t.match(cut(sse([chunk({ content: 'a' }), end, told, chunk({}), { model: 'm', choices: [] }]), openaiChat), { behind: false }, 'nothing is behind the last report')
  t.match(cut(sse([running, end]), openaiChat), { behind: false }, 'an end is not written')
  t.match(cut(sse([chunk({ content: 'a' }), end, told]), openaiChat, anthropicMessages), { behind: false, truncated: false }, 'translated')
  const [start, ...rest] = streams[1]?.events ?? []
  t.match(cut(sse([start ?? {}]), anthropicMessages), { behind: false, usage: { input: 9, output: 1 } }, 'the prompt, at the start')
  t.match(cut(sse([start ?? {}, ...rest, { type: 'message_delta', delta: { stop_reason: 'end_turn' } }, { type: 'message_stop' }]), anthropicMessages), { behind: true, truncated: false }, 'never told again')
})

t.test('whole replies', async (t) => {
  const options = { client: openaiChat, upstream: openaiChat, call: { model: 'm', stream: false, choices: 1, wantsUsage: true }, redact: (text: string) => text, now: 1 }
  const body = { id: 'c', model: 'm', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] }, { type: 'text', text: 'Yes' }], refusal: null } }] }
  t.same(wholeReply(Buffer.from(JSON.stringify(body)), { ...options, sse: false }).generated?.(), { text: 'Yes', reasoning: 'Hm', calls: 0, factor: 1 })
  t.same(wholeReply(Buffer.from(JSON.stringify(body)), { ...options, client: anthropicMessages, sse: false }).generated?.(), { text: 'Yes', reasoning: 'Hm', calls: 0, factor: 1 })
  t.match(wholeReply(Buffer.from(sse([chunk({ content: 'No' })])), { ...options, sse: true }).generated?.(), { text: 'No' })
  t.match(wholeReply(Buffer.from(JSON.stringify({ ...body, usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 3, completion_tokens_details: { reasoning_tokens: 4 } } })), { ...options, client: openaiResponses, sse: false }), { mismatch: 'reasoning 4, buckets 1' })
})
