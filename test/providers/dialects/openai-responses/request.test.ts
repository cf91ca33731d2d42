import t from 'tap'
import { anthropicMessages } from '../../../../providers/dialects/anthropic-messages/index.ts'
import type { Conversation, Part } from '../../../../providers/dialects/conversation.ts'
import type { ModelFacts, Translation } from '../../../../providers/dialects/dialect.ts'
import { openaiChat } from '../../../../providers/dialects/openai-chat/index.ts'
import { decodeRequest, names } from '../../../../providers/dialects/openai-responses/decode-request.ts'
import { encodeRequest } from '../../../../providers/dialects/openai-responses/encode-request.ts'
import { plainConversation } from '../../../laws/generate.ts'
import { Random } from '../../../laws/law.ts'
import { requestMeaning } from '../../../laws/meaning.ts'

/** Parsed JSON, whatever it is. */
type Json = ReturnType<typeof JSON.parse>

const chat = openaiChat.translation as Translation
const messages = anthropicMessages.translation as Translation
const lookUp = { type: 'function', name: 'look_up', description: 'Looks up.', parameters: { type: 'object' }, strict: true }

function read (more: object = {}): Conversation {
  return decodeRequest({ model: 'm', input: 'Hi', ...more })
}

function write (more: Partial<Conversation>, target: ModelFacts = {}): { body: Json, lossy: string[] } {
  return encodeRequest({ model: 'm', turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }], stream: false, extras: {}, names, ...more }, target)
}

t.test('everything with a meaning is read', async (t) => {
  const { extras, names: _, ...conversation } = read({
    instructions: 'S',
    stream: true,
    stream_options: { include_obfuscation: false },
    max_output_tokens: 900,
    temperature: 0.5,
    top_p: 0.9,
    tools: [lookUp],
    tool_choice: { type: 'function', name: 'look_up' },
    parallel_tool_calls: false,
    text: { format: { type: 'json_schema', name: 'n', description: 'D', schema: { type: 'object' }, strict: false }, verbosity: 'low' },
    reasoning: { effort: 'high', summary: 'auto' },
    include: ['reasoning.encrypted_content', 'message.output_text.logprobs'],
    top_logprobs: 3,
    store: false,
    background: false,
    truncation: 'disabled',
    metadata: { team: 'a' },
    safety_identifier: 'u1',
    service_tier: 'flex',
    prompt_cache_key: 'k',
    prompt_cache_retention: '24h',
    previous_response_id: null
  })
  t.same(conversation, {
    model: 'm',
    turns: [{ role: 'system', parts: [{ type: 'text', text: 'S' }] }, { role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
    stream: true,
    maxOutputTokens: 900,
    temperature: 0.5,
    topP: 0.9,
    tools: [{ name: 'look_up', description: 'Looks up.', parameters: { type: 'object' }, strict: true }],
    toolChoice: { type: 'tool', name: 'look_up' },
    parallelToolCalls: false,
    output: { type: 'json-schema', name: 'n', description: 'D', schema: { type: 'object' }, strict: false },
    verbosity: 'low',
    reasoning: { effort: 'high', shown: true },
    logprobs: { top: 3 },
    metadata: { team: 'a' },
    user: 'u1',
    serviceTier: 'flex',
    promptCache: { key: 'k', retention: '24h' }
  })
  t.same(extras, {})
})

t.test('items become turns: what the model does in a row is one, and so are the results', async (t) => {
  const { turns, extras } = read({
    input: [
      { role: 'developer', content: 'D' },
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_text', text: 'U', prompt_cache_breakpoint: { mode: 'explicit' } },
          { type: 'input_image', image_url: 'data:image/png;base64,aGk=', detail: 'high' },
          { type: 'input_image', image_url: 'https://a.example/b.png', detail: 'auto' },
          { type: 'input_image', file_id: 'file-1' },
          { type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' },
          { type: 'input_file', file_data: 'JVBERg==' },
          { type: 'input_file', file_url: 'https://a.example/b.pdf' },
          { type: 'input_file', file_id: 'file-2' },
          { type: 'input_audio', input_audio: { data: 'aGk=', format: 'mp3' } }
        ]
      },
      { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'H' }, { type: 'summary_text', text: 'm.' }], encrypted_content: 'e1', status: 'completed', content: null },
      { type: 'message', id: 'msg_1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'A', annotations: [], logprobs: [] }, { type: 'refusal', refusal: 'No.' }] },
      { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'f', arguments: '{"a":1}', status: 'completed' },
      { type: 'custom_tool_call', call_id: 'c2', name: 'g', input: 'say "hi"' },
      { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'q' } },
      { type: 'function_call_output', call_id: 'c1', output: 'R' },
      { type: 'custom_tool_call_output', call_id: 'c2', output: [{ type: 'input_text', text: 'R2' }, { type: 'input_image', image_url: 'https://a.example/r.png' }] },
      { role: 'user', content: 'So?' }
    ]
  })
  t.same(turns, [
    { role: 'developer', parts: [{ type: 'text', text: 'D' }] },
    {
      role: 'user',
      parts: [
        { type: 'text', text: 'U', cache: {} },
        { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' }, detail: 'high' },
        { type: 'image', source: { type: 'url', url: 'https://a.example/b.png' } },
        { type: 'image', source: { type: 'file', id: 'file-1' } },
        { type: 'document', source: { type: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' }, name: 'a.pdf' },
        { type: 'document', source: { type: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' } },
        { type: 'document', source: { type: 'url', url: 'https://a.example/b.pdf' } },
        { type: 'document', source: { type: 'file', id: 'file-2' } },
        { type: 'audio', data: 'aGk=', format: 'mp3' }
      ]
    },
    {
      role: 'assistant',
      parts: [
        { type: 'reasoning', text: 'Hm.', signature: 'e1' }, { type: 'text', text: 'A' }, { type: 'refusal', text: 'No.' },
        { type: 'tool-call', id: 'c1', name: 'f', arguments: '{"a":1}' },
        { type: 'tool-call', id: 'c2', name: 'g', arguments: '{"input":"say \\"hi\\""}', custom: true },
        { type: 'foreign', dialect: 'openai-responses', value: { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search', query: 'q' } } }
      ]
    },
    {
      role: 'tool',
      parts: [
        { type: 'tool-result', callId: 'c1', parts: [{ type: 'text', text: 'R' }] },
        { type: 'tool-result', callId: 'c2', parts: [{ type: 'text', text: 'R2' }, { type: 'image', source: { type: 'url', url: 'https://a.example/r.png' } }] }
      ]
    },
    { role: 'user', parts: [{ type: 'text', text: 'So?' }] }
  ])
  t.same(extras, {})
})

t.test('reasoning of every kind', async (t) => {
  const thought = (item: object) => read({ input: [{ type: 'reasoning', ...item }] }).turns.flatMap(({ parts }) => parts)
  t.same(thought({ summary: [], encrypted_content: 'e' }), [{ type: 'reasoning', text: '', redacted: 'e' }])
  t.same(thought({ summary: [{ type: 'summary_text', text: '' }], encrypted_content: 'e' }), [{ type: 'reasoning', text: '', signature: 'e' }])
  t.same(thought({ summary: [{ type: 'summary_text', text: 'S' }], content: [{ type: 'reasoning_text', text: 'T' }] }), [{ type: 'reasoning', text: 'T' }])
  t.same(thought({ summary: [], encrypted_content: null }), [])
  const write = (part: Part, target: ModelFacts = {}) => encodeRequest({ model: 'm', turns: [{ role: 'assistant', parts: [part] }], stream: false, extras: {}, names: chat.names }, target)
  t.same(write({ type: 'reasoning', text: 'S', signature: 'e' }).body.input, [{ type: 'reasoning', summary: [{ type: 'summary_text', text: 'S' }], encrypted_content: 'e' }])
  t.same(write({ type: 'reasoning', text: '', signature: 'e' }).body.input, [{ type: 'reasoning', summary: [], encrypted_content: 'e' }])
  t.same(write({ type: 'reasoning', text: '', redacted: 'e' }).body.input, [{ type: 'reasoning', summary: [], encrypted_content: 'e' }])
  t.same(write({ type: 'reasoning', text: 'T' }).body.input, [{ type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'T' }] }])
  const dropped = write({ type: 'reasoning', text: 'T' }, { reasoningText: false })
  t.same([dropped.body.input, dropped.lossy], [[], ['messages[].reasoning_content']])
})

t.test('a summary goes back as reasoning_content to who takes it', async (t) => {
  const conversation = read({ input: [{ role: 'user', content: 'Hi' }, { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] }, { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' }, { type: 'function_call_output', call_id: 'c1', output: 'R' }] })
  t.match(chat.encodeRequest(conversation, {}).body.messages, [{}, { role: 'assistant', reasoning_content: 'Hm.', tool_calls: [{ id: 'c1' }] }, { role: 'tool' }])
})

t.test('tools of groups, custom tools, and tools that an item adds', async (t) => {
  const format = { type: 'grammar', syntax: 'lark', definition: 'start: "a"' }
  const sent = {
    tools: [
      lookUp,
      { type: 'custom', name: 'patch', description: 'Patches.', format },
      { type: 'namespace', name: 'crm', description: 'Customers.', tools: [{ type: 'function', name: 'find', parameters: { type: 'object' }, strict: false }, { type: 'custom', name: 'note' }] }
    ]
  }
  const conversation = read({
    ...sent,
    input: [
      { type: 'additional_tools', role: 'developer', tools: [{ type: 'function', name: 'late' }] },
      { type: 'function_call', call_id: 'c1', namespace: 'crm', name: 'find', arguments: '{}' },
      { type: 'custom_tool_call', call_id: 'c2', namespace: 'crm', name: 'note', input: 'N' },
      { type: 'function_call_output', call_id: 'c1', output: '' },
      { type: 'custom_tool_call_output', call_id: 'c2', output: 'R' }
    ]
  })
  t.same(conversation.tools, [
    { name: 'look_up', description: 'Looks up.', parameters: { type: 'object' }, strict: true },
    { name: 'patch', description: 'Patches.', custom: { format } },
    { name: 'crm__find', parameters: { type: 'object' }, strict: false, namespace: { name: 'crm', description: 'Customers.', tool: 'find' } },
    { name: 'crm__note', custom: {}, namespace: { name: 'crm', description: 'Customers.', tool: 'note' } },
    { name: 'late' }
  ])
  t.same(conversation.turns[0]?.parts.map((part) => part.type === 'tool-call' && part.name), ['crm__find', 'crm__note'])
  t.same(conversation.extras, {})

  const known = encodeRequest(conversation, { customTools: true })
  t.same([known.body.tools, known.lossy], [[...sent.tools, { type: 'function', name: 'late', parameters: { type: 'object', properties: {} }, strict: false }], []])
  t.same(known.body.input, [
    { type: 'function_call', call_id: 'c1', name: 'find', namespace: 'crm', arguments: '{}' },
    { type: 'custom_tool_call', call_id: 'c2', name: 'note', namespace: 'crm', input: 'N' },
    { type: 'function_call_output', call_id: 'c1', output: '' },
    { type: 'custom_tool_call_output', call_id: 'c2', output: 'R' }
  ])

  const unknown = encodeRequest(conversation, {})
  t.same(unknown.lossy, ['tools[].format'])
  t.match((unknown.body as Json).tools[1], { type: 'function', name: 'patch', description: /^Patches\.\n\nThe input must follow this lark grammar/, parameters: { required: ['input'] } })
  t.match((unknown.body as Json).input[1], { type: 'function_call', arguments: '{"input":"N"}' })
  t.match(chat.encodeRequest(conversation, {}).body.tools, [{}, {}, { function: { name: 'crm__find' } }, { function: { name: 'crm__note' } }, {}])
})

t.test('tool choices in every form', async (t) => {
  const tools = [lookUp, { type: 'custom', name: 'patch' }, { type: 'namespace', name: 'crm', tools: [{ type: 'function', name: 'find' }] }]
  for (const type of ['auto', 'none', 'required']) t.same(read({ tools, tool_choice: type }).toolChoice, { type })
  const custom = read({ tools, tool_choice: { type: 'custom', name: 'patch' } })
  t.same(custom.toolChoice, { type: 'tool', name: 'patch' })
  t.same([encodeRequest(custom, { customTools: true }).body.tool_choice, encodeRequest(custom, {}).body.tool_choice], [{ type: 'custom', name: 'patch' }, { type: 'function', name: 'patch' }])
  const allowed = read({ tools, tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', namespace: 'crm', name: 'find' }, { type: 'custom', name: 'patch' }] } })
  t.same([allowed.toolChoice, allowed.tools?.map(({ name }) => name), allowed.extras], [{ type: 'required' }, ['patch', 'crm__find'], {}])
})

t.test('what is not read is reported, without what says nothing', async (t) => {
  const { extras } = read({
    store: true,
    truncation: 'auto',
    max_tool_calls: 3,
    stop: ['#'],
    include: ['file_search_call.results', 'reasoning.encrypted_content'],
    reasoning: { summary: 'detailed', context: 'all_turns' },
    user: 'u',
    safety_identifier: 's',
    input: [{ role: 'user', content: 'Hi' }, { role: 'assistant', phase: 'commentary', content: [{ type: 'output_text', text: 'A', annotations: [{ type: 'url_citation' }] }] }]
  })
  t.same(Object.keys(extras), ['store', 'truncation', 'max_tool_calls', 'stop', 'safety_identifier', 'input[].phase', 'input[].content[].annotations', 'reasoning.summary', 'reasoning.context', 'include'])
  const { lossy } = messages.encodeRequest(read({ input: [{ role: 'user', content: 'Hi' }, { type: 'web_search_call' }, { type: 'compaction', encrypted_content: 'e' }, { type: 'shell_call_output', output: [] }] }), {})
  t.same(lossy, ['input[].web_search_call', 'input[].compaction', 'input[].shell_call_output'])
})

t.test('what would change the meaning is refused by name', async (t) => {
  const cases: Array<[object, string, RegExp]> = [
    [{ previous_response_id: 'resp_1' }, 'previous_response_id', /send the history as items in "input"/],
    [{ conversation: 'conv_1' }, 'conversation', /send the history as items in "input"/],
    [{ prompt: { id: 'pmpt_1' } }, 'prompt', /instructions/],
    [{ background: true }, 'background', /background/],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type', /web_search/],
    [{ tools: [{ type: 'namespace', name: 'n', tools: [{ type: 'mcp' }] }] }, 'tools[0].tools[0].type', /mcp/],
    [{ tool_choice: { type: 'file_search' } }, 'tool_choice', /file_search/],
    [{ tool_choice: { type: 'allowed_tools', tools: [{ type: 'mcp', server_label: 'l' }] } }, 'tool_choice', /mcp/],
    [{ text: { format: { type: 'yaml' } } }, 'text.format', /yaml/],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input[0].type', /item itself/],
    [{ input: [{ id: 'msg_1' }] }, 'input[0].type', /item itself/],
    [{ input: [{ type: 'compaction_trigger' }] }, 'input[0].type', /compact/],
    [{ input: [{ role: 'user', content: [{ type: 'input_video' }] }] }, 'input[0].content[0].type', /input_video/]
  ]
  for (const [more, param, message] of cases) t.throws(() => read(more), { name: 'Untranslatable', param, message }, param)
})

t.test('a wrong shape is refused by name', async (t) => {
  const cases: Array<[object, string]> = [
    [{ input: 7 }, 'input'],
    [{ input: [{ role: 'wizard', content: '' }] }, 'input[0].role'],
    [{ input: [{ type: 'function_call', name: 'f' }] }, 'input[0].call_id'],
    [{ input: [{ type: 'function_call', call_id: 'c' }] }, 'input[0].name'],
    [{ input: [{ role: 'user', content: [{ type: 'input_text' }] }] }, 'input[0].content[0].text'],
    [{ input: [{ content: 'Hi' }] }, 'input[0].type'],
    [{ tools: [{ name: 'f' }] }, 'tools[0].type'],
    [{ tool_choice: 'maybe' }, 'tool_choice'],
    [{ reasoning: { effort: 'heroic' } }, 'reasoning.effort']
  ]
  for (const [more, param] of cases) t.throws(() => read(more), { name: 'BadRequest', param }, param)
})

t.test('writing requests', async (t) => {
  const { body, lossy } = write({
    names: messages.names,
    extras: { top_k: 4 },
    stream: true,
    maxOutputTokens: 32000,
    temperature: 0.5,
    stop: ['#'],
    reasoning: { budget: 4000, shown: true },
    output: { type: 'json-schema', schema: { type: 'object' } },
    verbosity: 'low',
    user: 'u',
    metadata: { a: 'b' },
    serviceTier: 'flex',
    promptCache: { key: 'k', retention: '24h' },
    logprobs: { top: 2 },
    tools: [{ name: 'f' }],
    toolChoice: { type: 'tool', name: 'f' },
    parallelToolCalls: false,
    turns: [
      { role: 'system', parts: [{ type: 'text', text: 'S1', cache: {} }, { type: 'text', text: 'S2' }] },
      { role: 'user', parts: [{ type: 'document', source: { type: 'text', text: 'D' }, name: 'a.txt' }, { type: 'document', source: { type: 'url', url: 'https://a.example/b.pdf' } }, { type: 'document', source: { type: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' } }] },
      { role: 'assistant', parts: [{ type: 'text', text: 'A' }, { type: 'refusal', text: 'No.' }, { type: 'tool-call', id: 'c1', name: 'f', arguments: '' }, { type: 'text', text: 'B' }] },
      { role: 'tool', parts: [{ type: 'tool-result', callId: 'c1', isError: true, parts: [{ type: 'text', text: 'R' }, { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' } }] }] },
      { role: 'assistant', parts: [{ type: 'text', text: 'It is' }] }
    ]
  }, { maxOutputTokens: 16384 })
  t.same(body, {
    model: 'm',
    input: [
      { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'S1' }, { type: 'input_text', text: 'S2' }] },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a.txt\n\nD' }, { type: 'input_file', file_url: 'https://a.example/b.pdf' }, { type: 'input_file', filename: 'document.pdf', file_data: 'data:application/pdf;base64,JVBERg==' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'A', annotations: [] }, { type: 'refusal', refusal: 'No.' }] },
      { type: 'function_call', call_id: 'c1', name: 'f', arguments: '{}' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'B', annotations: [] }] },
      { type: 'function_call_output', call_id: 'c1', output: [{ type: 'input_text', text: 'R' }, { type: 'input_image', image_url: 'data:image/png;base64,aGk=', detail: 'auto' }] },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'It is', annotations: [] }] }
    ],
    stream: true,
    store: false,
    include: ['reasoning.encrypted_content', 'message.output_text.logprobs'],
    max_output_tokens: 16384,
    tools: [{ type: 'function', name: 'f', parameters: { type: 'object', properties: {} }, strict: false }],
    tool_choice: { type: 'function', name: 'f' },
    parallel_tool_calls: false,
    text: { format: { type: 'json_schema', name: 'output', schema: { type: 'object' }, strict: true }, verbosity: 'low' },
    reasoning: { effort: 'medium', summary: 'auto' },
    top_logprobs: 2,
    user: 'u',
    metadata: { a: 'b' },
    service_tier: 'flex',
    prompt_cache_key: 'k',
    prompt_cache_retention: '24h'
  })
  t.same(lossy, ['top_k', 'max_tokens', 'thinking', 'stop_sequences', 'cache_control', 'messages[].content[].is_error', 'temperature'])
})

t.test('caps, sampling and thought, by what is known of the model', async (t) => {
  t.match(write({ maxOutputTokens: 1 }), { body: { max_output_tokens: 16 }, lossy: ['max_output_tokens'] })
  t.match(write({ temperature: 0, topP: 0.5 }), { body: { temperature: 0, top_p: 0.5 }, lossy: [] })
  t.match(write({ temperature: 0, topP: 1 }, { sampling: false }), { body: { temperature: undefined, top_p: undefined }, lossy: ['temperature'] })
  t.match(write({ reasoning: { effort: 'none', shown: true }, temperature: 0 }), { body: { reasoning: { effort: 'none' }, temperature: 0 }, lossy: [] })
  const thoughtless = write({ reasoning: { effort: 'high' } }, { thinking: 'none' })
  t.same([thoughtless.body.reasoning, thoughtless.body.include, thoughtless.lossy], [undefined, undefined, ['reasoning.effort']])
  t.same(write({ reasoning: { adaptive: true } }).body.reasoning, undefined, 'left to the model on both sides')
  t.same(write({ output: { type: 'json' } }).body.text, { format: { type: 'json_object' } })
})

t.test('what cannot be said is refused by name', async (t) => {
  const say = (part: Part, role: 'user' | 'assistant' = 'user') => write({ turns: [{ role, parts: [part] }] })
  t.throws(() => say({ type: 'audio', data: 'a', format: 'wav' }), { name: 'Untranslatable', param: 'input[].content[].input_audio' })
  t.throws(() => say({ type: 'image', source: { type: 'file', id: 'f' } }), { name: 'Untranslatable', param: 'input[].content[].image_url' })
  t.throws(() => say({ type: 'image', source: { type: 'url', url: 'https://a.example/b.png' } }, 'assistant'), { name: 'Untranslatable', param: 'input[].role' })
  t.throws(() => messages.encodeRequest(read({ input: [{ type: 'function_call', call_id: 'c', name: 'f', arguments: '[]' }] }), {}), { name: 'BadRequest', param: 'input[].arguments' })
})

t.test('a request means the same there and back', async (t) => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed)
    const conversation = plainConversation(random, names)
    const said = encodeRequest(conversation, {})
    t.same(said.lossy, [])
    const heard = decodeRequest(JSON.parse(JSON.stringify(said.body)))
    t.same(heard.extras, {})
    t.same(requestMeaning(heard), requestMeaning(conversation), `seed ${seed}`)
  }
})

t.test('many calls of many tools are written in time that grows with their number alone', async (t) => {
  const tools = Array.from({ length: 30_000 }, (_, i) => ({ name: `f${i}`, parameters: {}, namespace: { name: 'g', tool: `t${i}` } }))
  const calls = Array.from({ length: 100_000 }, (_, i): Part => ({ type: 'tool-call', id: `c${i}`, name: 'f29999', arguments: '{}' }))
  const began = performance.now()
  const { body } = write({ tools: [...tools, { ...tools.at(-1)!, namespace: { name: 'g', tool: 'another' } }], turns: [{ role: 'assistant', parts: calls }] })
  t.match(body.input.at(-1), { call_id: 'c99999', name: 't29999', namespace: 'g' }, 'of two of a name the first counts')
  t.ok(performance.now() - began < 5000)
})
