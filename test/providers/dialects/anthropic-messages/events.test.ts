import t from 'tap'
import { anthropicMessages } from '../../../../providers/dialects/anthropic-messages/index.ts'
import type { Translation } from '../../../../providers/dialects/dialect.ts'
import type { Event } from '../../../../providers/dialects/events.ts'

const { decodeEvents, encodeEvents } = anthropicMessages.translation as Translation

type Wire = { type: string } & Record<string, unknown>

function decode (...events: Wire[]): Event[] {
  const decoder = decodeEvents()
  return [...events.flatMap((event) => decoder.push({ event: event.type, data: JSON.stringify(event) })), ...decoder.end()]
}

function encode (...events: Event[]): { wire: Wire[], lossy: string[] } {
  const encoder = encodeEvents({ now: 5, usage: true })
  const written = events.flatMap((event) => encoder.push(event))
  for (const { event, data } of written) t.equal(event, JSON.parse(data).type)
  return { wire: written.map(({ data }) => JSON.parse(data)), lossy: [...encoder.lossy] }
}

const start = { type: 'message_start', message: { id: 'm1', model: 'c', usage: { input_tokens: 10, cache_creation_input_tokens: 7, cache_read_input_tokens: 2, cache_creation: { ephemeral_5m_input_tokens: 3, ephemeral_1h_input_tokens: 4 }, output_tokens: 1 } } }
const stop = { type: 'message_stop' }
const block = (content: unknown, ...deltas: unknown[]): Wire[] => [
  { type: 'content_block_start', index: 0, content_block: content },
  ...deltas.map((delta) => ({ type: 'content_block_delta', index: 0, delta })),
  { type: 'content_block_stop', index: 0 }
]
const inside = (...events: Wire[]): Event[] => decode(start, ...events).slice(1)

t.test('usage is complete from the start and merged at the end', async (t) => {
  const events = decode(start, { type: 'ping' }, { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { input_tokens: 12, cache_creation_input_tokens: 6, output_tokens: 9, output_tokens_details: { thinking_tokens: 4 } } }, stop)
  t.same(events, [
    { type: 'reply-start', id: 'm1', model: 'c', usage: { input: 10, cacheRead: 2, cacheWrite5m: 3, cacheWrite1h: 4, output: 1 } },
    { type: 'usage', usage: { input: 12, cacheRead: 2, cacheWrite5m: 2, cacheWrite1h: 4, output: 5, reasoning: 4 } },
    { type: 'reply-end', finish: { reason: 'stop', raw: 'end_turn' } }
  ])
})

t.test('blocks of every kind', async (t) => {
  const text = (text: string) => ({ type: 'block-delta', index: 0, delta: { type: 'text', text } })
  const end = { type: 'block-end', index: 0 }
  t.same(inside(...block({ type: 'text', text: 'a', citations: [] }, { type: 'text_delta', text: 'b' })), [{ type: 'block-start', index: 0, block: { type: 'text' } }, text('a'), text('b'), end])
  t.same(inside(...block({ type: 'thinking', thinking: '', signature: '' }, { type: 'thinking_delta', thinking: 'a' }, { type: 'signature_delta', signature: 's' })),
    [{ type: 'block-start', index: 0, block: { type: 'reasoning' } }, text('a'), { type: 'block-delta', index: 0, delta: { type: 'signature', signature: 's' } }, end])
  t.match(inside(...block({ type: 'thinking', thinking: '', signature: 's0' })), [{}, { delta: { type: 'signature', signature: 's0' } }, end], 'a proof that its start holds')
  t.match(inside(...block({ type: 'redacted_thinking', data: 'd' })), [{ block: { type: 'reasoning' } }, { delta: { type: 'redacted', data: 'd' } }, end])
  const call = { type: 'block-start', index: 0, block: { type: 'tool-call', id: 't1', name: 'f' } }
  const json = (json: string) => ({ type: 'block-delta', index: 0, delta: { type: 'arguments', json } })
  t.same(inside(...block({ type: 'tool_use', id: 't1', name: 'f', input: {} }, { type: 'input_json_delta', partial_json: '' }, { type: 'input_json_delta', partial_json: '{}' })), [call, json('{}'), end])
  t.same(inside(...block({ type: 'tool_use', id: 't1', name: 'f', input: {} })), [call, end])
  t.same(inside(...block({ type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } })), [call, json('{"a":1}'), end], 'input that its start holds')
  t.match(inside(...block({ type: 'server_tool_use', id: 's', input: {} }, { type: 'input_json_delta', partial_json: '{}' })), [{ block: { type: 'foreign', dialect: 'anthropic-messages', value: { type: 'server_tool_use', id: 's' } } }, json('{}'), end])
  t.match(inside(...block({ type: 'text', text: '' }, { type: 'citations_delta', citation: { type: 'web_search_result_location', url: 'https://a.example', title: 'A', cited_text: 'so' } })),
    [{}, { delta: { type: 'citation', citation: { url: 'https://a.example', title: 'A', quote: 'so' } } }, end])
})

t.test('why a reply ended', async (t) => {
  const finish = (delta: object, ...more: Wire[]) => decode(start, { type: 'message_delta', delta, usage: {} }, ...more).find(({ type }) => type === 'reply-end')
  for (const [word, reason] of Object.entries({ end_turn: 'stop', stop_sequence: 'stop', max_tokens: 'length', model_context_window_exceeded: 'length', tool_use: 'tool-calls', refusal: 'refusal', pause_turn: 'pause', novel: 'stop' })) {
    t.same(finish({ stop_reason: word }, stop), { type: 'reply-end', finish: { reason, raw: word } })
  }
  t.match(finish({ stop_reason: 'stop_sequence', stop_sequence: '#' }), { finish: { stopSequence: '#' } }, 'also without message_stop')
  t.match(finish({ stop_reason: 'refusal', stop_details: { type: 'refusal', explanation: 'Not this.' } }, stop), { finish: { explanation: 'Not this.' } })
  t.equal(finish({}, stop), undefined, 'an end that nobody gave a reason for is none')
})

t.test('errors inside a stream', async (t) => {
  for (const [type, status] of Object.entries({ overloaded_error: 529, rate_limit_error: 429, api_error: 500, invalid_request_error: 400, authentication_error: 401, permission_error: 403, not_found_error: 404, request_too_large: 413, timeout_error: 504, billing_error: 402, novel_error: 502 })) {
    t.same(inside({ type: 'error', error: { type, message: 'Oh.' } }, stop), [{ type: 'error', error: { status, code: type, message: 'Oh.' } }])
  }
})

t.test('one block is open at a time', async (t) => {
  const piece = (index: number, json: string): Event => ({ type: 'block-delta', index, delta: { type: 'arguments', json } })
  const call = (index: number): Event => ({ type: 'block-start', index, block: { type: 'tool-call', id: `t${index}`, name: 'f' } })
  const { wire } = encode(
    { type: 'reply-start', id: 'a', model: 'm', usage: { input: 4, cacheRead: 1 } },
    call(0), call(5), piece(5, '{"b"'), piece(0, '{}'), { type: 'block-end', index: 0 }, piece(5, ':1}'), { type: 'block-end', index: 5 },
    { type: 'reply-end', finish: { reason: 'tool-calls' } }
  )
  t.same(wire, [
    { type: 'message_start', message: { id: 'a', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 4, cache_read_input_tokens: 1, output_tokens: 0 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'tool_use', id: 't0', name: 'f', input: {} } },
    { type: 'content_block_delta', index: 0, delta: { type: 'input_json_delta', partial_json: '{}' } },
    { type: 'content_block_stop', index: 0 },
    { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 't5', name: 'f', input: {} } },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"b"' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: ':1}' } },
    { type: 'content_block_stop', index: 1 },
    { type: 'message_delta', delta: { stop_reason: 'tool_use', stop_sequence: null }, usage: { input_tokens: 4, cache_read_input_tokens: 1, output_tokens: 0 } },
    { type: 'message_stop' }
  ])
})

t.test('reasoning is named by what comes first in it', async (t) => {
  const starts = (...deltas: Array<Extract<Event, { type: 'block-delta' }>['delta']>) => encode(
    { type: 'block-start', index: 0, block: { type: 'reasoning' } },
    ...deltas.map((delta): Event => ({ type: 'block-delta', index: 0, delta })),
    { type: 'block-end', index: 0 }
  ).wire.filter(({ type }) => type === 'content_block_start').map(({ content_block: block }) => block)
  const thinking = { type: 'thinking', thinking: '', signature: '' }
  t.same(starts({ type: 'text', text: 'Hm' }, { type: 'signature', signature: 's' }), [thinking])
  t.same(starts({ type: 'redacted', data: 'd' }), [{ type: 'redacted_thinking', data: 'd' }])
  t.same(starts({ type: 'text', text: 'Hm' }, { type: 'redacted', data: 'd' }), [thinking, { type: 'redacted_thinking', data: 'd' }])
  t.same(starts(), [thinking])
})

t.test('its own foreign things are said, others named', async (t) => {
  const { wire, lossy } = encode(
    { type: 'reply-start', id: 'a', model: 'm' },
    { type: 'block-start', index: 0, block: { type: 'foreign', dialect: 'anthropic-messages', value: { type: 'compaction', content: null } } as never },
    { type: 'block-delta', index: 0, delta: { type: 'foreign', dialect: 'anthropic-messages', value: { type: 'compaction_delta', content: 'x' } as never } },
    { type: 'block-end', index: 0 },
    { type: 'block-start', index: 1, block: { type: 'foreign', dialect: 'x', value: { type: 'hologram' } } },
    { type: 'block-end', index: 1 },
    { type: 'foreign', dialect: 'anthropic-messages', value: { type: 'container', value: { id: 'c' } } },
    { type: 'foreign', dialect: 'x', value: { type: 'logprobs' } },
    { type: 'block-start', index: 2, block: { type: 'text' } },
    { type: 'block-delta', index: 2, delta: { type: 'citation', citation: { url: 'https://a.example' } } },
    { type: 'block-end', index: 2 },
    { type: 'reply-end', finish: { reason: 'refusal', explanation: 'No.' } }
  )
  t.same(lossy, ['content[].hologram', 'logprobs'])
  t.match(wire.slice(1), [
    { type: 'content_block_start', index: 0, content_block: { type: 'compaction' } }, { delta: { type: 'compaction_delta', content: 'x' } }, { type: 'content_block_stop' },
    { index: 1, content_block: { type: 'text' } }, { delta: { type: 'citations_delta', citation: { url: 'https://a.example', cited_text: '' } } }, {},
    { type: 'message_delta', delta: { stop_reason: 'refusal', stop_details: { explanation: 'No.' }, container: { id: 'c' } } }, stop
  ])
})

t.test('a call cut off by the cap is whole JSON in a whole reply', async (t) => {
  const cut = (json: string) => {
    const fold = anthropicMessages.stream.fold()
    for (const event of [start, ...block({ type: 'tool_use', id: 't', name: 'f', input: {} }, { type: 'input_json_delta', partial_json: json })]) fold.push({ data: JSON.stringify(event) })
    return (fold.body()['content'] as Array<{ input: unknown }>)[0]?.input
  }
  t.same(cut('{"a":1,"b":{"c":[1,2,'), { a: 1, b: { c: [1, 2] } })
  t.same(cut('{"a":"x\\"y","b":"cut'), { a: 'x"y' })
  t.same(cut('{"a":true,"long'), { a: true })
  t.same(cut('{"a":tr'), {})
  t.same(cut(''), {})
  t.equal(JSON.stringify(cut('{"a":12345678901234567890,"b":1.0}')), '{"a":12345678901234567890,"b":1.0}', 'numbers stay as they were written')
})

t.test('the start tells the estimated prompt, the end what was counted', async (t) => {
  const usages = (...events: Event[]) => {
    const encoder = encodeEvents({ now: 5, usage: true, inputEstimate: () => 40 })
    const wire = events.flatMap((event) => encoder.push(event)).map(({ data }) => JSON.parse(data))
    return [wire[0].message.usage, wire.find(({ type }) => type === 'message_delta').usage]
  }
  const end: Event = { type: 'reply-end', finish: { reason: 'stop' } }
  t.same(usages({ type: 'reply-start', id: 'm', model: 'c' }, { type: 'usage', usage: { input: 7, cacheRead: 3, output: 2, reasoning: 1 } }, end),
    [{ input_tokens: 40, output_tokens: 0 }, { input_tokens: 7, cache_read_input_tokens: 3, output_tokens: 3, output_tokens_details: { thinking_tokens: 1 } }])
  t.same(usages({ type: 'reply-start', id: 'm', model: 'c', usage: { input: 7 } }, end), [{ input_tokens: 7, output_tokens: 0 }, { input_tokens: 7, output_tokens: 0 }], 'what the provider says early')
  t.same(usages({ type: 'reply-start', id: 'm', model: 'c' }, end), [{ input_tokens: 40, output_tokens: 0 }, { output_tokens: 0 }], 'nobody counted')
})

t.test('a source without an address is named', async (t) => {
  const { wire, lossy } = encode({ type: 'block-start', index: 0, block: { type: 'text' } }, { type: 'block-delta', index: 0, delta: { type: 'citation', citation: { title: 'A book' } } })
  t.same([wire.length, lossy], [1, ['content[].citations']])
})
