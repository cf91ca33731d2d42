import t from 'tap'
import { anthropicMessages } from '../../../../providers/dialects/anthropic-messages/index.ts'
import type { Conversation, Part, Turn } from '../../../../providers/dialects/conversation.ts'
import type { ModelFacts, Translation } from '../../../../providers/dialects/dialect.ts'
import { openaiChat } from '../../../../providers/dialects/openai-chat/index.ts'

/** Parsed JSON, whatever it is. */
type Json = ReturnType<typeof JSON.parse>

const { decodeRequest, encodeRequest } = anthropicMessages.translation as Translation
const chat = openaiChat.translation as Translation
const hello: Turn = { role: 'user', parts: [{ type: 'text', text: 'Hi' }] }
const { names } = chat.decodeRequest({ model: 'm', messages: [] })

function encode (more: Partial<Conversation>, target: ModelFacts = {}): { body: Json, lossy: string[] } {
  return encodeRequest({ model: 'm', turns: [hello], stream: false, extras: {}, names, ...more }, target)
}

/** A chat request as Messages would have it. */
function translate (more: object, target: ModelFacts = {}): { body: Json, lossy: string[] } {
  return encodeRequest(chat.decodeRequest({ model: 'm', messages: [{ role: 'user', content: 'Hi' }], ...more }), target)
}

t.test('who speaks, in what order', async (t) => {
  const { body, lossy } = translate({
    messages: [
      { role: 'system', content: 'S1' },
      { role: 'developer', content: [{ type: 'text', text: 'S2', cache_control: { type: 'ephemeral' } }] },
      { role: 'user', content: 'U1' },
      { role: 'assistant', content: '', tool_calls: [{ id: 'a', function: { name: 'f', arguments: '' } }, { id: 'b', function: { name: 'f', arguments: '{"n":12345678901234567890}' } }] },
      { role: 'system', content: 'S3' },
      { role: 'tool', tool_call_id: 'a', content: 'R1' },
      { role: 'tool', tool_call_id: 'b', content: '' },
      { role: 'user', content: ' ' },
      { role: 'user', content: 'U2' },
      { role: 'assistant', content: 'A ' }
    ]
  })
  t.same(body.system, [{ type: 'text', text: 'S1' }, { type: 'text', text: 'S2', cache_control: { type: 'ephemeral' } }])
  t.equal(JSON.stringify(body.messages), JSON.stringify([
    { role: 'user', content: [{ type: 'text', text: 'U1' }] },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'a', name: 'f', input: {} }, { type: 'tool_use', id: 'b', name: 'f', input: 0 }] },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'a', content: [{ type: 'text', text: 'R1' }] }, { type: 'tool_result', tool_use_id: 'b' },
        { type: 'text', text: 'S3' }, { type: 'text', text: 'U2' }
      ]
    },
    { role: 'assistant', content: [{ type: 'text', text: 'A' }] }
  ]).replace('"input":0', '"input":{"n":12345678901234567890}'))
  t.same(lossy, ['messages[].role'])
  t.same([body.tools, body.tool_choice], [[{ name: 'f', input_schema: { type: 'object', properties: {} } }], { type: 'none' }], 'what the history calls is defined, not offered')
})

t.test('ids of tools', async (t) => {
  const call = (id: string): Part => ({ type: 'tool-call', id, name: 'f', arguments: '{}' })
  const result = (callId: string): Turn => ({ role: 'tool', parts: [{ type: 'tool-result', callId, parts: [] }] })
  const { body } = encode({ turns: [hello, { role: 'assistant', parts: [call('a.1')] }, result('a.1'), { role: 'assistant', parts: [call('a:1'), call('a.1'), call('')] }, result('a.1'), result('a:1'), result('')] })
  t.same(body.messages.slice(1).flatMap(({ content }: Json) => content.map(({ id, tool_use_id: of }: Json) => id ?? of)), ['a_1', 'a_1', 'a_1_2', 'a_1_3', 'call', 'a_1_3', 'a_1_2', 'call'])
})

t.test('ids that are all the same are told apart in time that grows with their number alone', async (t) => {
  const call: Part = { type: 'tool-call', id: 'a', name: 'f', arguments: '{}' }
  const began = performance.now()
  const { body } = encode({ turns: [hello, { role: 'assistant', parts: Array.from({ length: 30_000 }, () => call) }] })
  t.equal(new Set(body.messages[1].content.map(({ id }: Json) => id)).size, 30_000)
  t.match(body.messages[1].content.at(-1), { id: 'a_30000' })
  t.ok(performance.now() - began < 5000)
})

t.test('reasoning comes back with its proof, or not at all', async (t) => {
  const { body, lossy } = translate({
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'A', reasoning_content: 'Hm.', reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', signature: 's', index: 0 }, { type: 'reasoning.encrypted', data: 'd', index: 1 }] },
      { role: 'user', content: 'Go on' },
      { role: 'assistant', content: 'B', reasoning_content: 'Hm.' },
      { role: 'user', content: 'Go on' },
      { role: 'assistant', content: 'C', reasoning_details: [{ type: 'reasoning.encrypted', data: 'e', format: 'openai-responses-v1', id: 'r', index: 0 }] },
      { role: 'user', content: 'Go on' }
    ]
  })
  t.same(body.messages.filter(({ role }: Json) => role === 'assistant').map(({ content }: Json) => content), [
    [{ type: 'thinking', thinking: 'Hm.', signature: 's' }, { type: 'redacted_thinking', data: 'd' }, { type: 'text', text: 'A' }],
    [{ type: 'text', text: 'B' }], [{ type: 'text', text: 'C' }]
  ])
  t.same(lossy, ['messages[].reasoning_details[].data', 'messages[].reasoning_content'])
})

t.test('tools and how to choose', async (t) => {
  const tools = [{ type: 'function', function: { name: 'f', description: 'F', parameters: { properties: {} }, strict: true } }, { type: 'function', function: { name: 'g' }, cache_control: { type: 'ephemeral', ttl: '1h' } }]
  t.same(translate({ tools }).body.tools, [
    { name: 'f', description: 'F', input_schema: { type: 'object', properties: {} }, strict: true },
    { name: 'g', input_schema: { type: 'object', properties: {} }, cache_control: { type: 'ephemeral', ttl: '1h' } }
  ])
  const choice = (more: object) => translate({ tools, ...more }).body.tool_choice
  t.equal(choice({}), undefined)
  t.same(choice({ tool_choice: 'auto' }), { type: 'auto' })
  t.same(choice({ tool_choice: 'none', parallel_tool_calls: false }), { type: 'none' })
  t.same(choice({ tool_choice: 'required', parallel_tool_calls: false }), { type: 'any', disable_parallel_tool_use: true })
  t.same(choice({ tool_choice: { type: 'function', function: { name: 'f' } } }), { type: 'tool', name: 'f' })
  t.same(choice({ parallel_tool_calls: false }), { type: 'auto', disable_parallel_tool_use: true })
  t.same(translate({ tool_choice: 'auto' }).body.tool_choice, undefined, 'nothing to choose from')
})

t.test('pictures and documents', async (t) => {
  const content = (...content: object[]) => translate({ messages: [{ role: 'user', content }] })
  t.same(content({ type: 'image_url', image_url: { url: 'https://a.example/b.png', detail: 'high' } }).lossy, ['messages[].content[].image_url.detail'])
  t.same(content(
    { type: 'image_url', image_url: { url: 'data:image/png;base64,aGk=' } },
    { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
    { type: 'file', file: { filename: 'a.txt', file_data: 'data:text/plain;base64,w6k=' } },
    { type: 'file', file: { filename: 'a.png', file_data: 'data:image/png;base64,aGk=' } }
  ).body.messages[0].content, [
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } },
    { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' }, title: 'a.pdf' },
    { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'é' }, title: 'a.txt' },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }
  ])
  t.throws(() => content({ type: 'file', file: { file_id: 'file-1' } }), { name: 'Untranslatable', param: 'messages[].content[].file' })
  t.throws(() => content({ type: 'file', file: { file_data: 'data:application/zip;base64,aGk=' } }), { name: 'Untranslatable' })
  t.throws(() => content({ type: 'input_audio', input_audio: { data: 'a', format: 'wav' } }), { name: 'Untranslatable', param: 'messages[].content[].input_audio' })
})

t.test('arguments that are no JSON object are refused by name', async (t) => {
  const call = (json: string) => ({ id: 'a', function: { name: 'f', arguments: json } })
  for (const json of ['{"a":', '7', '[]']) {
    t.throws(() => translate({ messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: 'A', tool_calls: [call('{}'), call(json)] }] }),
      { name: 'BadRequest', param: 'messages[1].tool_calls[1].function.arguments' })
  }
})

t.test('caps, sampling, stops, formats', async (t) => {
  t.equal(translate({}).body.max_tokens, 4096)
  t.equal(translate({}, { maxOutputTokens: 64000 }).body.max_tokens, 64000)
  t.equal(translate({ max_tokens: 99000 }, { maxOutputTokens: 64000 }).body.max_tokens, 99000, 'the provider is the judge')
  const sampling = (more: object, target: ModelFacts = {}) => {
    const { body: { temperature, top_p: topP }, lossy } = translate(more, target)
    return [temperature, topP, ...lossy]
  }
  t.same(sampling({ temperature: 0.5, top_p: 1 }), [0.5, undefined])
  t.same(sampling({ temperature: 0.5, top_p: 0.5 }), [0.5, undefined, 'top_p'])
  t.same(sampling({ temperature: 1.5 }), [1, undefined, 'temperature'])
  t.same(sampling({ top_p: 0.5 }), [undefined, 0.5])
  t.same(sampling({ temperature: 0, top_p: 0.5 }, { sampling: false }), [undefined, undefined, 'temperature', 'top_p'])
  t.same(sampling({ temperature: 1, top_p: 1 }, { sampling: false }), [undefined, undefined])
  t.same(sampling({ temperature: 0.2, reasoning_effort: 'low' }, { thinking: 'adaptive' }), [undefined, undefined, 'temperature'])
  t.same(translate({ stop: ['\n', 'END'] }).body.stop_sequences, ['END'])
  t.same(translate({ stop: '\n' }).lossy, ['stop'])
  t.same(translate({ response_format: { type: 'json_object' } }).lossy, ['response_format'])
  t.match(translate({ response_format: { type: 'json_schema', json_schema: { name: 'n', description: 'D', schema: { type: 'object' } } }, user: 'u' }), {
    body: { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } }, metadata: { user_id: 'u' } }, lossy: ['response_format.json_schema.description']
  })
})

t.test('how the model is told to think', async (t) => {
  const think = (more: object, target: ModelFacts) => {
    const { body: { thinking, output_config: config, max_tokens: cap }, lossy } = translate(more, target)
    return { thinking, effort: config?.effort, cap, lossy }
  }
  const adaptive = { type: 'adaptive', display: 'summarized' }
  t.same(think({ reasoning_effort: 'minimal' }, { thinking: 'adaptive' }), { thinking: adaptive, effort: 'low', cap: 4096, lossy: [] })
  t.same(think({ reasoning_effort: 'xhigh' }, { thinking: 'adaptive' }), { thinking: adaptive, effort: 'xhigh', cap: 4096, lossy: [] })
  t.same(think({ reasoning: { max_tokens: 3000 } }, { thinking: 'adaptive' }), { thinking: adaptive, effort: 'medium', cap: 4096, lossy: [] })
  t.same(think({ reasoning_effort: 'none' }, { thinking: 'adaptive' }), { thinking: undefined, effort: undefined, cap: 4096, lossy: ['reasoning_effort'] }, 'the newest cannot be told not to')
  t.same(think({ reasoning_effort: 'none' }, { thinking: 'budget' }), { thinking: undefined, effort: undefined, cap: 4096, lossy: [] })
  t.same(think({ reasoning_effort: 'high' }, { thinking: 'budget' }), { thinking: { type: 'enabled', budget_tokens: 16384 }, effort: undefined, cap: 20480, lossy: [] })
  t.same(think({ reasoning_effort: 'high' }, { thinking: 'budget', maxOutputTokens: 8192 }), { thinking: { type: 'enabled', budget_tokens: 8191 }, effort: undefined, cap: 8192, lossy: [] })
  t.same(think({ reasoning_effort: 'high', max_tokens: 2000 }, { thinking: 'budget' }), { thinking: { type: 'enabled', budget_tokens: 1999 }, effort: undefined, cap: 2000, lossy: [] })
  const none = { thinking: undefined, effort: undefined, lossy: ['reasoning_effort'] }
  t.same(think({ reasoning_effort: 'high', max_tokens: 1024 }, { thinking: 'budget' }), { ...none, cap: 1024 }, 'no room')
  t.match(think({ reasoning_effort: 'high' }, { thinking: 'none' }), none)
  t.match(think({ reasoning_effort: 'high' }, {}), none, 'of a model nobody knows')
  const tools = [{ type: 'function', function: { name: 'f' } }]
  t.match(think({ reasoning_effort: 'high', tools, tool_choice: 'required' }, { thinking: 'adaptive' }), none, 'a forced call')
  const asked = (more: object) => ({ reasoning_effort: 'high', tools, messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{}' } }], ...more }, { role: 'tool', tool_call_id: 'a', content: 'R' }] })
  t.match(think(asked({}), { thinking: 'budget' }), none, 'amid a turn without proven reasoning')
  t.match(think(asked({ reasoning_details: [{ type: 'reasoning.text', text: 'Hm', signature: 's' }] }), { thinking: 'budget' }), { thinking: { type: 'enabled' }, lossy: [] })
})

t.test('reading requests', async (t) => {
  const { names: _, ...conversation } = decodeRequest({
    model: 'm',
    max_tokens: 9,
    stream: true,
    system: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral', ttl: '5m' } }],
    messages: [
      { role: 'user', content: [{ type: 'text', text: 'U', citations: { enabled: false } }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'aGk=' } }, { type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'D' }, title: 'T' }] },
      { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm', signature: 's' }, { type: 'redacted_thinking', data: 'd' }, { type: 'tool_use', id: 'a', name: 'f', input: { n: 1 }, caller: { type: 'direct' } }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', is_error: true, content: 'R' }, { type: 'text', text: 'So?' }] },
      { role: 'system', content: 'Now' },
      { role: 'assistant', content: [{ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }] }
    ],
    tools: [{ name: 'f', input_schema: { type: 'object' }, defer_loading: false }],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
    thinking: { type: 'enabled', budget_tokens: 2000, display: 'summarized' },
    output_config: { format: { type: 'json_schema', schema: { type: 'object' } } },
    metadata: { user_id: 'u' },
    stop_sequences: ['#'],
    top_k: 5
  })
  t.same(conversation, {
    model: 'm',
    maxOutputTokens: 9,
    stream: true,
    stop: ['#'],
    user: 'u',
    toolChoice: { type: 'required' },
    parallelToolCalls: false,
    tools: [{ name: 'f', parameters: { type: 'object' } }],
    output: { type: 'json-schema', schema: { type: 'object' } },
    reasoning: { budget: 2000, shown: true },
    turns: [
      { role: 'system', parts: [{ type: 'text', text: 'S', cache: { ttl: '5m' } }] },
      { role: 'user', parts: [{ type: 'text', text: 'U' }, { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' } }, { type: 'document', source: { type: 'text', text: 'D' }, name: 'T' }] },
      { role: 'assistant', parts: [{ type: 'reasoning', text: 'Hm', signature: 's' }, { type: 'reasoning', text: '', redacted: 'd' }, { type: 'tool-call', id: 'a', name: 'f', arguments: '{"n":1}' }] },
      { role: 'tool', parts: [{ type: 'tool-result', callId: 'a', parts: [{ type: 'text', text: 'R' }], isError: true }] },
      { role: 'user', parts: [{ type: 'text', text: 'So?' }] },
      { role: 'system', parts: [{ type: 'text', text: 'Now' }] },
      { role: 'assistant', parts: [{ type: 'foreign', dialect: 'anthropic-messages', value: { type: 'server_tool_use', id: 's', name: 'web_search', input: {} } }] }
    ],
    extras: { top_k: 5 }
  })
})

t.test('what would change the meaning is refused by name', async (t) => {
  const read = (more: object) => decodeRequest({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'Hi' }], ...more })
  t.throws(() => read({ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }), { name: 'Untranslatable', param: 'tools[0].type', message: /web_search_20250305/ })
  t.throws(() => read({ mcp_servers: [{ url: 'https://a.example' }] }), { name: 'Untranslatable', param: 'mcp_servers' })
  t.throws(() => read({ container: 'c1' }), { name: 'Untranslatable', param: 'container' })
  t.throws(() => read({ max_tokens: undefined }), { name: 'BadRequest', param: 'max_tokens' })
  t.throws(() => read({ tool_choice: { type: 'some' } }), { name: 'BadRequest', param: 'tool_choice.type' })
  t.throws(() => read({ output_config: { effort: 'heroic' } }), { name: 'BadRequest', param: 'output_config.effort' })
})

t.test('a custom tool is a function of one argument', async (t) => {
  const { body, lossy } = translate({
    tools: [{ type: 'custom', custom: { name: 'patch', format: { type: 'grammar', grammar: { syntax: 'regex', definition: 'a+' } } } }],
    tool_choice: { type: 'custom', custom: { name: 'patch' } },
    messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant', tool_calls: [{ id: 'c1', type: 'custom', custom: { name: 'patch', input: 'aa' } }] }, { role: 'tool', tool_call_id: 'c1', content: 'R' }]
  })
  t.same(body.tools, [{
    name: 'patch',
    description: 'The input must follow this regex grammar:\n\na+',
    input_schema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'], additionalProperties: false }
  }])
  t.same(body.tool_choice, { type: 'tool', name: 'patch' })
  t.same(body.messages[1].content, [{ type: 'tool_use', id: 'c1', name: 'patch', input: { input: 'aa' } }])
  t.same(lossy, ['tools[].custom.format'])
})

t.test('what the vendor has no word for is reported', async (t) => {
  t.same(translate({ metadata: { a: 'b' }, verbosity: 'low', service_tier: 'flex', prompt_cache_key: 'k', logprobs: true, safety_identifier: 's' }), {
    body: { model: 'm', max_tokens: 4096, messages: [{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }], metadata: { user_id: 's' } },
    lossy: ['metadata', 'verbosity', 'service_tier', 'prompt_cache_key', 'logprobs']
  })
  t.same(translate({ metadata: {}, verbosity: 'medium', service_tier: 'auto', logprobs: false, top_logprobs: 0 }).lossy, [])
})

t.test('a thought without a proof goes back as text to who takes it, and is dropped and told elsewhere', async (t) => {
  const body = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }, { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.', signature: '' }, { type: 'tool_use', id: 'a', name: 'f', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'a', content: 'R' }] }] }
  const conversation = decodeRequest(body)
  const there = chat.encodeRequest(conversation, {})
  t.match(there.body.messages, [{}, { role: 'assistant', reasoning_content: 'Hm.', tool_calls: [{ id: 'a' }] }, {}])
  t.same(there.lossy, [])
  const here = encodeRequest(conversation, {})
  t.match((here.body as Json).messages[1], { content: [{ type: 'tool_use' }] })
  t.same(here.lossy, ['messages[].content[].thinking'])
})
