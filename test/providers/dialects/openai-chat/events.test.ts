import t from 'tap'
import { openaiChat } from '../../../../providers/dialects/openai-chat/index.ts'
import type { Translation } from '../../../../providers/dialects/dialect.ts'
import type { Event } from '../../../../providers/dialects/events.ts'

/** Parsed JSON, whatever it is. */
type Json = ReturnType<typeof JSON.parse>

const { decodeEvents, encodeEvents } = openaiChat.translation as Translation

function chunk (delta: unknown, more: Record<string, unknown> = {}): { data: string } {
  return { data: JSON.stringify({ id: 'c1', model: 'm1', choices: [{ index: 0, delta, finish_reason: null, ...more }] }) }
}

function decode (...events: Array<{ data: string, event?: string }>): Event[] {
  const decoder = decodeEvents()
  return [...events.flatMap((event) => decoder.push(event)), ...decoder.end()]
}

const done = { data: '[DONE]' }
const start = { type: 'reply-start', id: 'c1', model: 'm1' }

function encode (events: Event[], usage = true): { chunks: Json[], lossy: string[] } {
  const encoder = encodeEvents({ now: 5, usage })
  const chunks = events.flatMap((event) => encoder.push(event)).map(({ data }) => data === '[DONE]' ? data : JSON.parse(data))
  return { chunks, lossy: [...encoder.lossy] }
}

function deltas (events: Event[]): unknown[] {
  return encode(events).chunks.map((chunk) => chunk.choices?.[0]?.delta ?? chunk)
}

t.test('reading what servers make of reasoning', async (t) => {
  const text = (text: string, index = 0) => ({ type: 'block-delta', index, delta: { type: 'text', text } })
  const opened = { type: 'block-start', index: 0, block: { type: 'reasoning' } }
  t.same(decode(chunk({ reasoning_content: 'Hm' }), chunk({ reasoning_content: '.' })), [start, opened, text('Hm'), text('.')])
  t.same(decode(chunk({ reasoning: 'Hm', reasoning_details: [{ type: 'reasoning.text', text: 'Hm', index: 0 }] })), [start, opened, text('Hm')], 'said twice, heard once')
  t.same(decode(chunk({ content: '', reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }] })), [start, opened, text('Hm')], 'in detail alone')
  t.same(decode(chunk({ reasoning_content: 'Hm' }), chunk({ reasoning_details: [{ type: 'reasoning.text', text: 'Hm', signature: 's1' }] })),
    [start, opened, text('Hm'), { type: 'block-delta', index: 0, delta: { type: 'signature', signature: 's1' } }], 'the detail after its text adds the proof')
  t.same(decode(chunk({ content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] }, { type: 'text', text: 'Yes' }] })),
    [start, opened, text('Hm'), { type: 'block-end', index: 0 }, { type: 'block-start', index: 1, block: { type: 'text' } }, text('Yes', 1)], 'as parts of the content')
  t.same(decode(chunk({ reasoning_content: 'AB', reasoning_details: [{ type: 'reasoning.text', text: 'A', signature: 's' }, { type: 'reasoning.encrypted', data: 'd' }, { type: 'reasoning.text', text: 'B' }] })).filter(({ type }) => type === 'block-start').length,
    3, 'a whole reply keeps its blocks apart')
})

t.test('the answer, whatever number it has', async (t) => {
  const texts = (...indexes: unknown[]): string[] => decode(...indexes.map((index, i) => chunk({ content: `${i}` }, { index })), done)
    .flatMap((event) => event.type === 'block-delta' && event.delta.type === 'text' ? [event.delta.text] : [])
  for (const index of [0, 1, -1, '0', 2 ** 32, null, undefined]) t.same(texts(index, index), ['0', '1'], String(index))
  t.same(texts(undefined, 0, null), ['0', '1', '2'], 'told now and then')
  t.same(texts(0, 1, 0), ['0', '2'], 'another answer is none of it')
})

t.test('tool calls, however they are numbered', async (t) => {
  const calls = (events: Event[]) => {
    const found = new Map<number, [id: string, json: string]>()
    for (const event of events) {
      if (event.type === 'block-start' && event.block.type === 'tool-call') found.set(event.index, [event.block.id, ''])
      const call = event.type === 'block-delta' && event.delta.type === 'arguments' ? found.get(event.index) : undefined
      if (call !== undefined && event.type === 'block-delta' && event.delta.type === 'arguments') call[1] += event.delta.json
    }
    return [...found.values()]
  }
  const call = (more: object, json = '') => chunk({ tool_calls: [{ ...more, function: { ...('id' in more || 'named' in more) && { name: 'f' }, arguments: json } }] })
  t.same(calls(decode(call({ index: 0, id: 'a' }), call({ index: 0 }, '{"x":'), call({ index: 1, id: 'b' }, '{}'), call({ index: 0 }, '1}'), done)), [['a', '{"x":1}'], ['b', '{}']], 'interleaved')
  t.same(calls(decode(call({ index: 0, id: 'a' }, '{}'), call({ index: 0, id: 'b' }, '{}'), done)), [['a', '{}'], ['b', '{}']], 'all numbered 0')
  t.same(calls(decode(call({ id: 'a' }, '{"x"'), call({ id: 'a' }, ':1}'), call({ id: 'b' }, '{}'), done)), [['a', '{"x":1}'], ['b', '{}']], 'without a number')
  t.same(calls(decode(call({ named: 1 }, '{}'), call({ named: 1 }, '{}'), done)), [['call_0_c1', '{}'], ['call_1_c1', '{}']], 'without number and id')
  t.same(calls(decode(call({ index: 0, id: 'a' }, '{}'), call({ index: 0, id: '' }, ' '), done)), [['a', '{} ']], 'with an empty id behind')
  t.same(calls(decode(chunk({ function_call: { name: 'f', arguments: '{"x"' } }), chunk({ function_call: { arguments: ':1}' } }, { finish_reason: 'function_call' }), done)), [['call_0_c1', '{"x":1}']], 'of the older form')
  t.same(calls(decode(chunk({ content: 'x', function_call: { name: '', arguments: '' } }), done)), [], 'an empty one is none')
  const first = call({ index: 0, id: 'a' }, '{"x":1}')
  t.ok(decode(first, call({ index: 1, id: 'b' })).some(({ type }) => type === 'block-end'), 'a whole call ends when the next begins')
})

t.test('why a reply ended', async (t) => {
  const finish = (...events: Array<{ data: string }>) => decode(...events).find(({ type }) => type === 'reply-end')
  for (const [word, reason] of Object.entries({ stop: 'stop', eos: 'stop', length: 'length', model_length: 'length', tool_calls: 'tool-calls', function_call: 'tool-calls', content_filter: 'refusal', novel: 'stop', toString: 'stop' })) {
    t.same(finish(chunk({ content: 'a' }, { finish_reason: word }), done), { type: 'reply-end', finish: { reason, raw: word } })
  }
  t.match(finish(chunk({ tool_calls: [{ index: 0, id: 'a', function: { name: 'f' } }] }, { finish_reason: 'stop' }), done), { finish: { reason: 'tool-calls', raw: 'stop' } }, 'a forced call')
  t.match(finish(chunk({ refusal: 'No.' }, { finish_reason: 'stop' }), done), { finish: { reason: 'refusal' } })
  t.same(finish(chunk({ content: 'a' }), done), { type: 'reply-end', finish: { reason: 'stop' } }, 'properly, without a word')
  t.match(finish(chunk({ content: 'a' }, { finish_reason: 'stop' })), { finish: { reason: 'stop' } }, 'without a terminator')
  t.equal(finish(chunk({ content: 'a' })), undefined, 'cut')
  t.equal(finish(done), undefined, 'nothing at all')
})

t.test('usage is taken apart', async (t) => {
  const usage = (usage: unknown, more = {}) => decode({ data: JSON.stringify({ id: 'c1', choices: [], usage, ...more }) }).find((event) => event.type === 'usage')?.usage
  t.same(usage({ prompt_tokens: 10, completion_tokens: 8, prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 }, completion_tokens_details: { reasoning_tokens: 5 } }),
    { cacheRead: 4, cacheWrite5m: 3, input: 3, reasoning: 5, output: 3 })
  t.same(usage({ prompt_tokens: 10, completion_tokens: 8, total_tokens: 23, completion_tokens_details: { reasoning_tokens: 5 } }), { input: 10, reasoning: 5, output: 8 }, 'reasoning beside')
  t.same(usage({ prompt_tokens: 10, completion_tokens: 2, prompt_cache_hit_tokens: 4 }), { cacheRead: 4, input: 6, output: 2 })
  t.same(usage(null, { x_groq: { usage: { prompt_tokens: 1, completion_tokens: 2 } } }), { input: 1, output: 2 })
  t.same(usage({ prompt_tokens: 4, completion_tokens: 2, completion_tokens_details: { reasoning_tokens: 11 } }), { input: 4, reasoning: 2, output: 0 }, 'never more than the whole')
  for (const odd of [null, 'many', -1, 1e308, 0.5, [], { prompt_tokens: 'x' }]) t.equal(usage(odd), undefined)
})

t.test('errors inside a stream', async (t) => {
  const cases: Array<[unknown, object]> = [
    [{ error: { message: 'Slow.', type: 'requests', code: 'rate_limit_exceeded' } }, { status: 429, code: 'rate_limit_exceeded', message: 'Slow.' }],
    [{ error: { code: 400, message: 'Limit.' }, choices: [] }, { status: 400, message: 'Limit.' }],
    [{ error: { message: 'Bad.', type: 'invalid_request_error', code: 'tool_use_failed', status_code: 400 } }, { status: 400, code: 'tool_use_failed' }],
    [{ error: 'out of order' }, { status: 502, message: 'out of order' }]
  ]
  for (const [body, error] of cases) t.match(decode({ data: JSON.stringify(body) }, done), [{ type: 'error', error }])
  t.match(decode({ event: 'error', data: '{"message":"Gone."}' }), [{ type: 'error', error: { message: 'Gone.' } }])
  t.same(decode({ data: 'no json' }, { data: '7' }, { data: '{"id":"","choices":[],"prompt_filter_results":[]}' }), [], 'what says nothing is skipped')
})

t.test('writing chunks', async (t) => {
  const { chunks } = encode([
    { type: 'reply-start', id: 'msg_1', model: 'm' },
    { type: 'block-start', index: 0, block: { type: 'text' } },
    { type: 'block-delta', index: 0, delta: { type: 'text', text: 'Hé' } },
    { type: 'block-end', index: 0 },
    { type: 'usage', usage: { input: 3, cacheRead: 2, cacheWrite5m: 4, cacheWrite1h: 1, output: 5, reasoning: 6 } },
    { type: 'reply-end', finish: { reason: 'stop' } }
  ])
  const base = { id: 'msg_1', object: 'chat.completion.chunk', created: 5, model: 'm' }
  const of = (delta: object, finish: string | null = null) => ({ ...base, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }], usage: null })
  t.same(chunks, [
    of({ role: 'assistant', content: '' }), of({ content: 'Hé' }), of({}, 'stop'),
    { ...base, choices: [], usage: { prompt_tokens: 10, completion_tokens: 11, total_tokens: 21, prompt_tokens_details: { cached_tokens: 2, cache_write_tokens: 5 }, completion_tokens_details: { reasoning_tokens: 6 } } },
    '[DONE]'
  ])
  t.notOk(JSON.stringify(encode([{ type: 'reply-start', id: 'a', model: 'm', usage: { input: 1 } }, { type: 'reply-end', finish: { reason: 'length' } }], false).chunks).includes('usage'))
})

t.test('writing calls, proofs and sources', async (t) => {
  t.same(deltas([
    { type: 'reply-start', id: 'a', model: 'm' },
    { type: 'block-start', index: 3, block: { type: 'tool-call', id: 't1', name: 'f' } },
    { type: 'block-end', index: 3 },
    { type: 'block-start', index: 4, block: { type: 'tool-call', id: 't2', name: 'g' } },
    { type: 'block-delta', index: 4, delta: { type: 'arguments', json: '{"a":1}' } },
    { type: 'block-end', index: 4 }
  ]).slice(1), [
    { tool_calls: [{ index: 0, id: 't1', type: 'function', function: { name: 'f', arguments: '' } }] },
    { tool_calls: [{ index: 0, function: { arguments: '{}' } }] },
    { tool_calls: [{ index: 1, id: 't2', type: 'function', function: { name: 'g', arguments: '' } }] },
    { tool_calls: [{ index: 1, function: { arguments: '{"a":1}' } }] }
  ])
  t.same(deltas([
    { type: 'block-start', index: 0, block: { type: 'reasoning' } },
    { type: 'block-delta', index: 0, delta: { type: 'text', text: 'Hm.' } },
    { type: 'block-delta', index: 0, delta: { type: 'signature', signature: 's' } },
    { type: 'block-end', index: 0 },
    { type: 'block-start', index: 1, block: { type: 'reasoning' } },
    { type: 'block-delta', index: 1, delta: { type: 'redacted', data: 'd' } },
    { type: 'block-end', index: 1 }
  ]), [
    { reasoning_content: 'Hm.' },
    { reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', signature: 's', format: 'anthropic-claude-v1', index: 0 }] },
    { reasoning_details: [{ type: 'reasoning.encrypted', data: 'd', format: 'anthropic-claude-v1', index: 1 }] }
  ])
  const text = (index: number, text: string): Event[] => [{ type: 'block-start', index, block: { type: 'text' } }, { type: 'block-delta', index, delta: { type: 'text', text } }]
  t.same(deltas([
    ...text(0, 'See 👩 '), { type: 'block-end', index: 0 }, ...text(1, 'here'),
    { type: 'block-delta', index: 1, delta: { type: 'citation', citation: { url: 'https://a.example', title: 'A' } } }, { type: 'block-end', index: 1 }
  ]).at(-1), { annotations: [{ index: 0, type: 'url_citation', url_citation: { url: 'https://a.example', title: 'A', start_index: 6, end_index: 10 } }] })
  const cited = (index: number): Event[] => [...text(index, 'a'), { type: 'block-delta', index, delta: { type: 'citation', citation: { url: `https://${index}.example` } } }, { type: 'block-end', index }]
  t.same(deltas([...cited(0), ...cited(1)]).flatMap((delta) => (delta as { annotations?: Array<{ index: number }> }).annotations?.map(({ index }) => index) ?? []), [0, 1], 'whoever puts a stream together tells them apart')
})

t.test('what cannot be said is named', async (t) => {
  const { chunks, lossy } = encode([
    { type: 'reply-start', id: 'a', model: 'm' },
    { type: 'block-start', index: 0, block: { type: 'foreign', dialect: 'x', value: { type: 'server_tool_use' } } },
    { type: 'block-delta', index: 0, delta: { type: 'arguments', json: '{"q":1}' } },
    { type: 'block-end', index: 0 },
    { type: 'block-start', index: 1, block: { type: 'text' } },
    { type: 'block-delta', index: 1, delta: { type: 'citation', citation: { title: 'A book' } } },
    { type: 'block-end', index: 1 },
    { type: 'foreign', dialect: 'x', value: { type: 'container\r\nx: 1,é', value: {} } },
    { type: 'reply-end', finish: { reason: 'refusal', explanation: 'Not this.' } }
  ])
  t.same(lossy, ['content[].server_tool_use', 'content[].citations', 'container??x:?1??'])
  t.same(chunks.slice(1).map((chunk) => chunk.choices?.[0]), [
    { index: 0, delta: { refusal: 'Not this.' }, logprobs: null, finish_reason: null },
    { index: 0, delta: {}, logprobs: null, finish_reason: 'content_filter' }, undefined
  ])
})

t.test('log probabilities', async (t) => {
  const entry = { token: 'a', logprob: -1, bytes: [97], top_logprobs: [] }
  const told = { type: 'block-delta', index: 0, delta: { type: 'logprobs', entries: [entry] } }
  t.same(decode(chunk({ content: 'a' }, { logprobs: { content: [entry], refusal: null } })).at(-1), told)
  t.match(decode(chunk({ refusal: 'No' }, { logprobs: { content: null, refusal: [entry] } })).filter(({ type }) => type === 'foreign'), [{ value: { type: 'logprobs' } }], 'those of a refusal are named')
  t.same(decode(chunk({ content: 'a' }, { logprobs: { content: [], refusal: null } })).length, 3, 'none are none')
  t.same(encode([
    { type: 'block-start', index: 0, block: { type: 'text' } },
    { type: 'block-delta', index: 0, delta: { type: 'logprobs', entries: [{ token: 'a', logprob: -1, top_logprobs: [{ token: 'b', logprob: -2 }] }] } }
  ]).chunks.map(({ choices }) => choices[0].logprobs), [{ content: [{ token: 'a', logprob: -1, bytes: null, top_logprobs: [{ token: 'b', logprob: -2, bytes: null }] }], refusal: null }])
})

t.test('calls of tools that take text', async (t) => {
  const call = (more: object) => chunk({ tool_calls: [{ index: 0, ...more }] })
  t.same(decode(call({ id: 'a', type: 'custom', custom: { name: 'sql', input: '' } }), call({ custom: { input: 'SEL' } }), call({ custom: { input: 'ECT "' } }), done).slice(1, -1), [
    { type: 'block-start', index: 0, block: { type: 'tool-call', id: 'a', name: 'sql', custom: true } },
    ...['{"input":"SEL', 'ECT \\"', '"}'].map((json) => ({ type: 'block-delta', index: 0, delta: { type: 'arguments', json } })),
    { type: 'block-end', index: 0 }
  ])
  t.match(decode(call({ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' }, custom: { name: '', input: '' } }), done).slice(1, 3),
    [{ block: { name: 'f', custom: undefined } }, { delta: { json: '{}' } }], 'an empty one beside is none')
  const events: Event[] = [
    { type: 'block-start', index: 0, block: { type: 'tool-call', id: 'a', name: 'sql' } },
    { type: 'block-delta', index: 0, delta: { type: 'arguments', json: '{"input":"SELECT' } },
    { type: 'block-delta', index: 0, delta: { type: 'arguments', json: ' 1"}' } },
    { type: 'block-end', index: 0 }
  ]
  const written = (tool: object) => {
    const encoder = encodeEvents({ now: 5, usage: true, request: { tools: [tool] } })
    return events.flatMap((event) => encoder.push(event)).map(({ data }) => JSON.parse(data).choices[0].delta.tool_calls[0])
  }
  t.same(written({ type: 'custom', custom: { name: 'sql' } }), [
    { index: 0, id: 'a', type: 'custom', custom: { name: 'sql', input: '' } }, { index: 0, custom: { input: 'SELECT' } }, { index: 0, custom: { input: ' 1' } }
  ])
  t.match(written({ type: 'function', function: { name: 'sql' } }), [{ type: 'function' }, { function: { arguments: '{"input":"SELECT' } }], 'as the client knows the tool')
})
