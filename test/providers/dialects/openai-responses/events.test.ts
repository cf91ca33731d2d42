import t from 'tap'
import type { Translation } from '../../../../providers/dialects/dialect.ts'
import type { Event } from '../../../../providers/dialects/events.ts'
import { formatEvent } from '../../../../providers/dialects/sse.ts'
import { openaiResponses } from '../../../../providers/dialects/openai-responses/index.ts'

/** Parsed JSON, whatever it is. */
type Json = ReturnType<typeof JSON.parse>
type Wire = { type: string } & Record<string, unknown>

const { decodeEvents, encodeEvents } = openaiResponses.translation as Translation

function decode (...events: Wire[]): Event[] {
  const decoder = decodeEvents()
  return [...events.flatMap((event) => decoder.push({ event: event.type, data: JSON.stringify(event) })), ...decoder.end()]
}

function encode (events: Event[], request?: Record<string, unknown>): { wire: Json[], lossy: string[] } {
  const encoder = encodeEvents({ now: 5, usage: true, ...request !== undefined && { request } })
  const written = events.flatMap((event) => encoder.push(event))
  for (const [i, { event, data }] of written.entries()) t.match(JSON.parse(data), { type: event, sequence_number: i })
  return { wire: written.map(({ data }) => JSON.parse(data)), lossy: [...encoder.lossy] }
}

const response = (more: object = {}) => ({ id: 'resp_1', object: 'response', model: 'm1', status: 'in_progress', output: [], usage: null, ...more })
const created: Wire = { type: 'response.created', response: response() }
const completed = (...output: object[]): Wire => ({ type: 'response.completed', response: response({ status: 'completed', output }) })
const added = (at: number, item: object): Wire => ({ type: 'response.output_item.added', output_index: at, item })
const done = (at: number, item: object): Wire => ({ type: 'response.output_item.done', output_index: at, item })
const on = (type: string, more: object, at = 0): Wire => ({ type: `response.${type}`, output_index: at, item_id: `i${at}`, ...more })
const inside = (...events: Wire[]): Event[] => decode(created, ...events).slice(1)

const start = (index: number, block: Extract<Event, { type: 'block-start' }>['block']): Event => ({ type: 'block-start', index, block })
const text = (index: number, text: string): Event => ({ type: 'block-delta', index, delta: { type: 'text', text } })
const json = (index: number, json: string): Event => ({ type: 'block-delta', index, delta: { type: 'arguments', json } })
const signature = (index: number, signature: string): Event => ({ type: 'block-delta', index, delta: { type: 'signature', signature } })
const end = (index: number): Event => ({ type: 'block-end', index })
const begin: Event = { type: 'reply-start', id: 'msg_1', model: 'm1' }
const over = (reason: Extract<Event, { type: 'reply-end' }>['finish']['reason'], more = {}): Event => ({ type: 'reply-end', finish: { reason, ...more } })

const message = (...content: object[]) => ({ type: 'message', id: 'i0', role: 'assistant', status: 'completed', content })
const said = (text: string, more: object = {}) => ({ type: 'output_text', text, annotations: [], logprobs: [], ...more })

t.test('text comes in pieces and again as a whole, and is told once', async (t) => {
  const told = [start(0, { type: 'text' }), text(0, 'Hé'), text(0, 'llo'), end(0), over('stop', { raw: 'completed' })]
  const pieces = [added(0, message()), on('content_part.added', { content_index: 0, part: said('') }), on('output_text.delta', { content_index: 0, delta: 'Hé', logprobs: [] }), on('output_text.delta', { content_index: 0, delta: 'llo' })]
  const wholes = [on('output_text.done', { content_index: 0, text: 'Héllo' }), on('content_part.done', { content_index: 0, part: said('Héllo') }), done(0, message(said('Héllo')))]
  t.same(inside(...pieces, ...wholes, completed(message(said('Héllo')))), told)
  t.same(inside(...pieces, completed(message(said('Héllo')))), told, 'no whole but the last')
  t.same(inside(...pieces.slice(2), ...wholes, completed()), told, 'no item and no part begun, and an empty output')
  const once = [start(0, { type: 'text' }), text(0, 'Héllo'), end(0), over('stop', { raw: 'completed' })]
  t.same(inside(...pieces.slice(0, 2), wholes[0] as Wire, completed()), once, 'no pieces')
  t.same(inside(done(0, message(said('Héllo'))), completed()), once)
  t.same(inside(completed(message(said('Héllo')))), once, 'nothing but the last event')
  t.same(inside(pieces[0] as Wire, pieces[2] as Wire, completed(message(said('Héllo')))), [start(0, { type: 'text' }), text(0, 'Hé'), text(0, 'llo'), end(0), over('stop', { raw: 'completed' })], 'the rest of it in the last event')
  t.same(inside(...pieces, ...wholes), told.slice(0, -1), 'a stream without its last event has not ended')
  t.same(decode({ type: 'keepalive' }, created, { type: 'response.in_progress', response: response() }), [{ type: 'reply-start', id: 'resp_1', model: 'm1' }])
})

t.test('the last event names items anew, and places them elsewhere', async (t) => {
  const item = message(said('a'))
  t.equal(inside(added(2, item), done(2, item), completed(item)).filter(({ type }) => type === 'block-start').length, 1, 'by its id')
  t.equal(inside(added(0, item), done(0, item), completed({ ...item, id: 'other' })).filter(({ type }) => type === 'block-start').length, 1, 'by its place')
})

t.test('what a message holds beside text', async (t) => {
  const refusal = { type: 'refusal', refusal: 'No.' }
  t.same(inside(added(0, message()), on('refusal.delta', { content_index: 0, delta: 'N' }), on('refusal.done', { content_index: 0, refusal: 'No.' }), completed(message(refusal))),
    [start(0, { type: 'refusal' }), text(0, 'N'), text(0, 'o.'), end(0), over('refusal', { raw: 'completed' })])
  const annotation = { type: 'url_citation', url: 'https://a.example', title: 'A', start_index: 0, end_index: 1 }
  const cited = { type: 'citation', citation: { url: 'https://a.example', title: 'A', raw: { dialect: 'openai-responses', value: annotation } } }
  const logprobs = [{ token: 'a', logprob: -1, top_logprobs: [] }]
  const whole = said('a', { annotations: [annotation], logprobs })
  t.same(inside(added(0, message()), on('output_text.delta', { content_index: 0, delta: 'a', logprobs }), on('output_text.annotation.added', { content_index: 0, annotation_index: 0, annotation }), on('output_text.done', { content_index: 0, text: 'a', logprobs }), completed(message(whole))).slice(1, -2),
    [text(0, 'a'), { type: 'block-delta', index: 0, delta: { type: 'logprobs', entries: logprobs } }, { type: 'block-delta', index: 0, delta: cited }])
  t.match(inside(done(0, message(whole))), [{}, text(0, 'a'), { delta: { type: 'logprobs' } }, { delta: cited }, end(0)], 'all at once')
  t.match(inside(done(0, message({ type: 'hologram' }))), [{ block: { type: 'foreign', value: { type: 'hologram' } } }, end(0)])
  t.match(inside(done(0, { ...message(said('a')), phase: 'commentary' })).at(-1), { type: 'foreign', value: { type: 'phase', value: 'commentary' } })
})

t.test('reasoning as summary, as text, and encrypted', async (t) => {
  const item = (more: object) => ({ type: 'reasoning', id: 'i0', summary: [], ...more })
  const summary = ['A', 'B'].map((text) => ({ type: 'summary_text', text }))
  const both = [start(0, { type: 'reasoning' }), text(0, 'A'), text(0, 'B'), signature(0, 's2'), end(0)]
  t.same(inside(added(0, item({ encrypted_content: 's1' })),
    on('reasoning_summary_part.added', { summary_index: 0, part: { type: 'summary_text', text: '' } }), on('reasoning_summary_text.delta', { summary_index: 0, delta: 'A' }), on('reasoning_summary_text.done', { summary_index: 0, text: 'A' }),
    on('reasoning_summary_part.done', { summary_index: 1, part: summary[1] }), done(0, item({ summary, encrypted_content: 's2' }))), both, 'the last proof')
  t.same(inside(done(0, item({ summary, encrypted_content: 's2' }))), both)
  const content = [{ type: 'reasoning_text', text: 'AB' }]
  t.same(inside(on('reasoning_text.delta', { content_index: 0, delta: 'A' }), on('reasoning_text.done', { content_index: 0, text: 'AB' }), done(0, item({ summary, content }))), [start(0, { type: 'reasoning' }), text(0, 'A'), text(0, 'B'), end(0)], 'the text and not its summary')
  t.same(inside(done(0, item({ content: [], encrypted_content: 's1' }))), [start(0, { type: 'reasoning' }), signature(0, 's1'), end(0)], 'a proof alone')
  t.same(inside(added(0, item({})), done(0, item({ encrypted_content: null })), completed()).map(({ type }) => type), ['reply-end'], 'one that says nothing')
})

t.test('calls', async (t) => {
  const call = (more: object = {}) => ({ type: 'function_call', id: 'i0', call_id: 'c1', name: 'f', arguments: '', ...more })
  const finish = over('tool-calls', { raw: 'completed' })
  const called = start(0, { type: 'tool-call', id: 'c1', name: 'f' })
  t.same(inside(added(0, call({ arguments: '{"a":1}' })), on('function_call_arguments.delta', { delta: '{"a"' }), on('function_call_arguments.delta', { delta: ':1}' }), on('function_call_arguments.done', { arguments: '{"a":1}' }), done(0, call({ arguments: '{"a":1}' })), completed()),
    [called, json(0, '{"a"'), json(0, ':1}'), end(0), finish])
  t.same(inside(added(0, call()), done(0, call({ arguments: '{"a":1}' })), completed()), [called, json(0, '{"a":1}'), end(0), finish], 'without pieces')
  t.same(inside(added(0, call()), added(1, call({ id: 'i1', call_id: 'c2' })), on('function_call_arguments.delta', { delta: '{}' }, 1), on('function_call_arguments.delta', { delta: '{}' }), done(1, call({ id: 'i1', arguments: '{}' })), done(0, call({ arguments: '{}' }))),
    [called, start(1, { type: 'tool-call', id: 'c2', name: 'f' }), json(1, '{}'), json(0, '{}'), end(1), end(0)], 'side by side')
  t.match(inside(added(0, call({ namespace: 'g' }))), [{ block: { name: 'g__f' } }])
  const custom = { type: 'custom_tool_call', id: 'i0', call_id: 'c1', name: 'f', input: '' }
  t.same(inside(added(0, custom), on('custom_tool_call_input.delta', { delta: 'a"' }), on('custom_tool_call_input.done', { input: 'a"b' }), done(0, { ...custom, input: 'a"b' }), completed()),
    [start(0, { type: 'tool-call', id: 'c1', name: 'f', custom: true }), json(0, '{"input":"a\\"'), json(0, 'b'), json(0, '"}'), end(0), finish])
})

t.test('what only this dialect knows is carried whole', async (t) => {
  const search = { type: 'web_search_call', id: 'i0', status: 'completed', action: { query: 'x' } }
  t.same(inside(added(0, { ...search, action: {} }), on('web_search_call.searching', {}), on('web_search_call.completed', {}), done(0, search)), [start(0, { type: 'foreign', dialect: 'openai-responses', value: search }), end(0)])
  t.same(inside({ type: 'response.audio.delta', delta: 'x' }), [{ type: 'foreign', dialect: 'openai-responses', value: { type: 'response.audio.delta', value: { type: 'response.audio.delta', delta: 'x' } } }])
  t.same(inside(on('novel.delta', {})), [], 'a piece of an item that nobody began')
})

t.test('how a response ends', async (t) => {
  const ends = (type: string, more: object) => inside({ type, response: response(more) })
  t.match(ends('response.incomplete', { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } }), [over('length', { raw: 'max_output_tokens' })])
  t.match(ends('response.incomplete', { status: 'incomplete', incomplete_details: { reason: 'content_filter' } }), [over('refusal', { raw: 'content_filter' })])
  t.match(ends('response.incomplete', { status: 'incomplete', incomplete_details: null }), [over('length', { raw: 'incomplete' })])
  t.match(ends('response.done', { status: 'completed' }), [over('stop')])
  t.match(ends('response.done', { status: 'failed', error: { code: 'server_error', message: 'Oh.' } }), [{ type: 'error' }])
  const usage = { input_tokens: 10, input_tokens_details: { cached_tokens: 4, cache_write_tokens: 1 }, output_tokens: 8, output_tokens_details: { reasoning_tokens: 5 }, total_tokens: 18 }
  const apart = { type: 'usage', usage: { input: 5, cacheRead: 4, cacheWrite5m: 1, output: 3, reasoning: 5 } }
  t.same(ends('response.incomplete', { status: 'incomplete', usage }).at(0), apart)
  t.match(ends('response.failed', { status: 'failed', usage, error: { code: 'rate_limit_exceeded', message: 'Slow.' } }), [apart, { type: 'error', error: { status: 429, code: 'rate_limit_exceeded', message: 'Slow.' } }])
  t.match(ends('response.cancelled', { status: 'cancelled' }), [{ type: 'error', error: { status: 502, code: 'upstream_error' } }])
  t.match(ends('response.completed', { usage: { input_tokens: 2, input_tokens_details: { cached_tokens: 9 }, output_tokens: 1, output_tokens_details: { reasoning_tokens: 4 } } }).at(0), { usage: { input: 0, cacheRead: 2, output: 0, reasoning: 1 } }, 'never more than the whole')
})

t.test('errors inside a stream', async (t) => {
  const flat = { type: 'error', code: 'rate_limit_exceeded', message: 'Slow.', param: null, sequence_number: 1 }
  const nested = { type: 'error', error: { type: 'insufficient_quota', code: 'insufficient_quota', message: 'Gone.', param: 'input' } }
  t.same(inside(flat), [{ type: 'error', error: { status: 429, code: 'rate_limit_exceeded', message: 'Slow.' } }])
  t.same(inside(nested, { type: 'response.failed', response: response({ status: 'failed', error: { code: 'x', message: 'Again.' } }) }), [{ type: 'error', error: { status: 429, code: 'insufficient_quota', message: 'Gone.', param: 'input' } }], 'told once')
  t.match(decode(flat), [{ type: 'error' }], 'and nothing before')
})

t.test('writing a message', async (t) => {
  const request = { model: 'alias', input: 'Hi', instructions: 'Be brief.', temperature: 0.5, max_output_tokens: null, tools: [{ type: 'function', name: 'f' }], reasoning: { effort: 'low' }, text: { format: { type: 'json_object' } }, store: true }
  const { wire, lossy } = encode([begin, start(0, { type: 'text' }), text(0, 'Hé'), text(0, '!'), end(0), { type: 'usage', usage: { input: 3, cacheRead: 2, cacheWrite1h: 1, output: 5, reasoning: 6 } }, over('stop')], request)
  const whole = {
    id: 'resp_msg_1',
    object: 'response',
    created_at: 5,
    status: 'in_progress',
    background: false,
    completed_at: null,
    error: null,
    incomplete_details: null,
    model: 'm1',
    output: [],
    previous_response_id: null,
    instructions: 'Be brief.',
    max_output_tokens: null,
    max_tool_calls: null,
    parallel_tool_calls: true,
    prompt_cache_key: null,
    prompt_cache_retention: null,
    safety_identifier: null,
    service_tier: 'auto',
    temperature: 0.5,
    tool_choice: 'auto',
    tools: [{ type: 'function', name: 'f' }],
    top_logprobs: 0,
    top_p: 1,
    truncation: 'disabled',
    user: null,
    metadata: {},
    reasoning: { effort: 'low', summary: null },
    store: false,
    text: { format: { type: 'json_object' }, verbosity: 'medium' },
    usage: null
  }
  const at = { item_id: 'msg_msg1_0', output_index: 0, content_index: 0 }
  const item = { id: 'msg_msg1_0', type: 'message', status: 'completed', role: 'assistant', content: [said('Hé!')] }
  const usage = { input_tokens: 6, input_tokens_details: { cached_tokens: 2, cache_write_tokens: 1 }, output_tokens: 11, output_tokens_details: { reasoning_tokens: 6 }, total_tokens: 17 }
  t.same(wire, [
    { type: 'response.created', response: whole },
    { type: 'response.in_progress', response: whole },
    { type: 'response.output_item.added', output_index: 0, item: { ...item, status: 'in_progress', content: [] } },
    { type: 'response.content_part.added', ...at, part: said('') },
    { type: 'response.output_text.delta', ...at, delta: 'Hé', logprobs: [] },
    { type: 'response.output_text.delta', ...at, delta: '!', logprobs: [] },
    { type: 'response.output_text.done', ...at, text: 'Hé!', logprobs: [] },
    { type: 'response.content_part.done', ...at, part: said('Hé!') },
    { type: 'response.output_item.done', output_index: 0, item },
    { type: 'response.completed', response: { ...whole, status: 'completed', completed_at: 5, output: [item], usage } }
  ].map((event, i) => ({ ...event, sequence_number: i })))
  t.same(lossy, [])
})

t.test('the bytes of an event', async (t) => {
  const encoder = encodeEvents({ now: 5, usage: true })
  encoder.push({ type: 'reply-start', id: 'resp_9', model: 'm' })
  encoder.push(start(0, { type: 'text' }))
  t.equal(encoder.push(text(0, 'a\n')).map(formatEvent).join(''),
    'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":4,"item_id":"msg_9_0","output_index":0,"content_index":0,"delta":"a\\n","logprobs":[]}\n\n')
})

t.test('writing reasoning, calls and what follows them', async (t) => {
  const items = (...events: Event[]): Json[] => encode([begin, ...events, over('stop')]).wire.at(-1).response.output
  const summary = (text: string) => [{ type: 'summary_text', text }]
  t.same(items(start(0, { type: 'reasoning' }), text(0, 'A'), text(0, 'B'), signature(0, 's'), end(0)), [{ id: 'rs_msg1_0', type: 'reasoning', summary: summary('AB'), encrypted_content: 's' }])
  t.same(items(start(0, { type: 'reasoning' }), signature(0, 's'), end(0)), [{ id: 'rs_msg1_0', type: 'reasoning', summary: summary(''), encrypted_content: 's' }], 'a proof alone')
  t.same(items(start(0, { type: 'reasoning' }), { type: 'block-delta', index: 0, delta: { type: 'redacted', data: 'd' } }, end(0)), [{ id: 'rs_msg1_0', type: 'reasoning', summary: [], encrypted_content: 'd' }])
  const parts = items(start(0, { type: 'text' }), text(0, 'a'), end(0), start(1, { type: 'refusal' }), text(1, 'b'), end(1), start(2, { type: 'tool-call', id: 'c1', name: 'f' }), end(2), start(3, { type: 'text' }), text(3, 'c'), end(3))
  t.match(parts, [
    { id: 'msg_msg1_0', content: [{ type: 'output_text', text: 'a' }, { type: 'refusal', refusal: 'b' }] },
    { id: 'fc_msg1_1', type: 'function_call', status: 'completed', arguments: '{}', call_id: 'c1', name: 'f' },
    { id: 'msg_msg1_2', content: [{ type: 'output_text', text: 'c' }] }
  ], 'texts in a row are one message')
  const side = encode([begin, start(0, { type: 'text' }), start(1, { type: 'tool-call', id: 'c1', name: 'f' }), text(0, 'a'), json(1, '{"x":1}'), end(0), end(1), over('tool-calls')]).wire
  t.same(side.filter(({ type }) => type.includes('output_item')).map(({ type, output_index: at }) => [type, at]), [['response.output_item.added', 0], ['response.output_item.added', 1], ['response.output_item.done', 0], ['response.output_item.done', 1]], 'open side by side')
  t.match(side.at(-1).response.output, [{ content: [{ text: 'a' }] }, { arguments: '{"x":1}' }])
})

t.test('the client\'s own tools are called by its own names', async (t) => {
  const request = { tools: [{ type: 'custom', name: 'sql' }, { type: 'function', name: 'f' }, { type: 'namespace', name: 'g', tools: [{ type: 'function', name: 'f' }] }] }
  const calls = encode([begin,
    start(0, { type: 'tool-call', id: 'c1', name: 'sql' }), json(0, '{"input":"SEL'), json(0, 'ECT\\n"}'), end(0),
    start(1, { type: 'tool-call', id: 'c2', name: 'g__f' }), end(1), start(2, { type: 'tool-call', id: 'c3', name: 'f', custom: true }), end(2), over('tool-calls')], request).wire
  t.same(calls.filter(({ type }) => type.startsWith('response.custom_tool_call_input')), [
    { type: 'response.custom_tool_call_input.delta', sequence_number: 3, item_id: 'ctc_msg1_0', output_index: 0, delta: 'SEL' },
    { type: 'response.custom_tool_call_input.delta', sequence_number: 4, item_id: 'ctc_msg1_0', output_index: 0, delta: 'ECT\n' },
    { type: 'response.custom_tool_call_input.done', sequence_number: 5, item_id: 'ctc_msg1_0', output_index: 0, input: 'SELECT\n' }
  ])
  t.match(calls.at(-1).response.output, [{ type: 'custom_tool_call', name: 'sql', input: 'SELECT\n' }, { type: 'function_call', namespace: 'g', name: 'f', call_id: 'c2' }, { type: 'function_call', name: 'f' }])
})

t.test('sources and probabilities', async (t) => {
  const delta = (delta: Extract<Event, { type: 'block-delta' }>['delta']): Event => ({ type: 'block-delta', index: 0, delta })
  const { wire, lossy } = encode([begin, start(0, { type: 'text' }), text(0, '👩 a'), delta({ type: 'logprobs', entries: [{ token: 'a', logprob: -1 }] }),
    delta({ type: 'citation', citation: { url: 'https://a.example' } }), delta({ type: 'citation', citation: { title: 'A book' } }), end(0), over('stop')])
  t.match(wire.at(-1).response.output[0].content, [{ annotations: [{ type: 'url_citation', url: 'https://a.example', title: '', start_index: 0, end_index: 3 }], logprobs: [{ token: 'a', logprob: -1, top_logprobs: [] }] }])
  t.match(wire.filter(({ type }) => /annotation|delta/.test(type)), [{ delta: '👩 a', logprobs: [] }, { delta: '', logprobs: [{ token: 'a' }] }, { annotation_index: 0 }])
  t.same(lossy, ['content[].citations'])
})

t.test('writing how it ended', async (t) => {
  const ended = (finish: Event, ...before: Event[]): Json => encode([begin, ...before, finish]).wire.at(-1)
  t.match(ended(over('length')), { type: 'response.incomplete', response: { status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, completed_at: null } })
  t.match(ended(over('refusal', { raw: 'content_filter' })), { response: { status: 'incomplete', incomplete_details: { reason: 'content_filter' } } })
  t.match(ended(over('pause')), { type: 'response.completed' })
  const no = [start(0, { type: 'refusal' }), text(0, 'No.'), end(0)]
  t.match(ended(over('refusal', { raw: 'stop' }), ...no), { type: 'response.completed', response: { incomplete_details: null } }, 'in so many words')
  t.match(ended(over('refusal', { explanation: 'Not this.' })), { response: { status: 'incomplete', output: [{ status: 'incomplete', content: [{ type: 'refusal', refusal: 'Not this.' }] }] } })
  t.match(ended(over('length'), start(0, { type: 'text' }), text(0, 'a'), end(0)).response.output, [{ status: 'incomplete' }])
  t.match(ended({ type: 'error', error: { status: 502, code: 'upstream_broke', message: 'Gone.' } }, start(0, { type: 'text' }), text(0, 'a')),
    { type: 'response.failed', response: { id: 'resp_msg_1', status: 'failed', error: { code: 'upstream_broke', message: 'Gone.' }, output: [{ status: 'incomplete', content: [{ text: 'a' }] }] } })
  t.match(encode([{ type: 'error', error: { status: 529, code: 'overloaded', message: 'Later.' } }]).wire, [{ type: 'response.created' }, { type: 'response.failed', response: { error: { code: 'overloaded' } } }], 'an error alone')
  t.same(encode([begin, start(0, { type: 'foreign', dialect: 'x', value: { type: 'hologram' } }), end(0), { type: 'foreign', dialect: 'x', value: { type: 'container' } }, over('stop')]).lossy, ['content[].hologram', 'container'])
})
