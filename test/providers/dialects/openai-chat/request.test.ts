import t from 'tap'
import type { Translation } from '../../../../providers/dialects/dialect.ts'
import { openaiChat } from '../../../../providers/dialects/openai-chat/index.ts'

const { decodeRequest, encodeRequest } = openaiChat.translation as Translation
const hello = [{ role: 'user', content: 'Hi' }]

function request (more: object = {}): Record<string, unknown> {
  return { model: 'm', messages: hello, ...more }
}

t.test('everything with a meaning is read', async (t) => {
  const { extras, names: _, ...conversation } = decodeRequest(request({
    max_completion_tokens: 9,
    max_tokens: 7,
    temperature: 0.5,
    top_p: 0.9,
    stop: 'END',
    user: 'u1',
    stream: true,
    stream_options: { include_usage: true },
    tools: [{ type: 'function', function: { name: 'f', description: 'F', parameters: { type: 'object' }, strict: true }, cache_control: { type: 'ephemeral', ttl: '1h' } }],
    tool_choice: { type: 'function', function: { name: 'f' } },
    parallel_tool_calls: false,
    response_format: { type: 'json_schema', json_schema: { name: 'n', schema: { type: 'object' }, strict: true } },
    reasoning_effort: 'high',
    metadata: { team: 'a' },
    verbosity: 'low',
    service_tier: 'flex',
    prompt_cache_key: 'k',
    prompt_cache_retention: '24h',
    logprobs: true,
    top_logprobs: 2,
    n: 1,
    store: false,
    frequency_penalty: 0,
    logit_bias: null,
    modalities: ['text']
  }))
  t.same(conversation, {
    model: 'm',
    turns: [{ role: 'user', parts: [{ type: 'text', text: 'Hi' }] }],
    stream: true,
    maxOutputTokens: 9,
    temperature: 0.5,
    topP: 0.9,
    stop: ['END'],
    user: 'u1',
    tools: [{ name: 'f', description: 'F', parameters: { type: 'object' }, strict: true, cache: { ttl: '1h' } }],
    toolChoice: { type: 'tool', name: 'f' },
    parallelToolCalls: false,
    output: { type: 'json-schema', name: 'n', schema: { type: 'object' }, strict: true },
    reasoning: { effort: 'high' },
    metadata: { team: 'a' },
    verbosity: 'low',
    serviceTier: 'flex',
    promptCache: { key: 'k', retention: '24h' },
    logprobs: { top: 2 }
  })
  t.same(extras, {})
})

t.test('messages of every role and part', async (t) => {
  const { turns, extras } = decodeRequest({
    model: 'm',
    messages: [
      { role: 'developer', content: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }] },
      {
        role: 'user',
        name: 'ann',
        content: [
          { type: 'image_url', image_url: { url: 'data:image/PNG;base64,aGk=', detail: 'low' } },
          { type: 'image_url', image_url: 'https://a.example/b.png' },
          { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
          { type: 'file', file: { filename: 'a.txt', file_data: 'data:text/plain;charset=utf-8;base64,w6k=' } },
          { type: 'input_audio', input_audio: { data: 'aGk=', format: 'mp3' } },
          { type: 'document_url', document_url: 'https://a.example/b.pdf' }
        ]
      },
      {
        role: 'assistant',
        content: null,
        refusal: null,
        tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
        reasoning_content: 'Hm.',
        reasoning_details: [{ type: 'reasoning.text', text: 'Hm.', signature: 's', format: 'anthropic-claude-v1', index: 0 }, { type: 'reasoning.encrypted', data: 'd', index: 1 }]
      },
      { role: 'tool', tool_call_id: 'c1', content: [{ type: 'text', text: 'R' }, { type: 'image_url', image_url: { url: 'https://a.example/r.png' } }] },
      { role: 'assistant', content: [{ type: 'refusal', refusal: 'No.' }] }
    ]
  })
  t.same(turns, [
    { role: 'developer', parts: [{ type: 'text', text: 'S', cache: {} }] },
    {
      role: 'user',
      parts: [
        { type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' }, detail: 'low' },
        { type: 'image', source: { type: 'url', url: 'https://a.example/b.png' } },
        { type: 'document', source: { type: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' }, name: 'a.pdf' },
        { type: 'document', source: { type: 'text', text: 'é' }, name: 'a.txt' },
        { type: 'audio', data: 'aGk=', format: 'mp3' },
        { type: 'document', source: { type: 'url', url: 'https://a.example/b.pdf' } }
      ]
    },
    {
      role: 'assistant',
      parts: [{ type: 'reasoning', text: 'Hm.', signature: 's' }, { type: 'reasoning', text: '', redacted: 'd' }, { type: 'tool-call', id: 'c1', name: 'f', arguments: '{"a":1}' }]
    },
    { role: 'tool', parts: [{ type: 'tool-result', callId: 'c1', parts: [{ type: 'text', text: 'R' }, { type: 'image', source: { type: 'url', url: 'https://a.example/r.png' } }] }] },
    { role: 'assistant', parts: [{ type: 'refusal', text: 'No.' }] }
  ])
  t.same(extras, { 'messages[].name': 'ann' })
})

t.test('the older functions become tools, and that is told', async (t) => {
  const { tools, toolChoice, turns, extras } = decodeRequest({
    model: 'm',
    functions: [{ name: 'f', parameters: {} }],
    function_call: { name: 'f' },
    messages: [...hello, { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } }, { role: 'function', name: 'f', content: 'R' }]
  })
  t.same([tools, toolChoice], [[{ name: 'f', parameters: {} }], { type: 'tool', name: 'f' }])
  t.same(turns.slice(1).map(({ parts }) => parts[0]), [
    { type: 'tool-call', id: 'call_function_1', name: 'f', arguments: '{}' },
    { type: 'tool-result', callId: 'call_function_1', parts: [{ type: 'text', text: 'R' }] }
  ])
  t.same(extras, { functions: true })
})

t.test('tool choices and reasoning, in every form', async (t) => {
  const tools = ['a', 'b'].map((name) => ({ type: 'function', function: { name } }))
  t.same(decodeRequest(request({ tools, tool_choice: 'any' })).toolChoice, { type: 'required' })
  const allowed = decodeRequest(request({ tools, tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'b' } }] } } }))
  t.same([allowed.toolChoice, allowed.tools, allowed.extras], [{ type: 'required' }, [{ name: 'b' }], {}])
  t.same(decodeRequest(request({ reasoning: { effort: 'low', max_tokens: 2000 } })).reasoning, { effort: 'low', budget: 2000 })
  t.same(decodeRequest(request({ thinking: { type: 'disabled' } })).reasoning, { effort: 'none' })
  t.same(decodeRequest(request({ thinking: { type: 'enabled' } })).reasoning, { adaptive: true })
})

t.test('what is not read is reported, once, without what says nothing', async (t) => {
  const { extras } = decodeRequest(request({
    seed: 7,
    top_logprobs: 0,
    logit_bias: {},
    prediction: { type: 'content' },
    safety_identifier: 's',
    verbosity: 'medium',
    user: 'u',
    messages: [{ ...hello[0], name: 'a' }, { role: 'user', content: 'x', name: 'b' }]
  }))
  t.same(Object.keys(extras), ['seed', 'prediction', 'safety_identifier', 'messages[].name'])
})

t.test('what would change the meaning is refused by name', async (t) => {
  const cases: Array<[object, string]> = [
    [{ n: 2 }, 'n'],
    [{ modalities: ['text', 'audio'] }, 'modalities'],
    [{ web_search_options: {} }, 'web_search_options'],
    [{ tools: [{ type: 'web_search' }] }, 'tools[0].type'],
    [{ messages: [{ role: 'user', content: [{ type: 'video_url', video_url: {} }] }] }, 'messages[0].content[0].type'],
    [{ messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'file:///etc/passwd' } }] }] }, 'messages[0].content[0].image_url.url'],
    [{ messages: [{ role: 'assistant', audio: { id: 'a' } }] }, 'messages[0].audio']
  ]
  for (const [more, param] of cases) {
    t.throws(() => decodeRequest(request(more)), { name: 'Untranslatable', param }, param)
  }
})

t.test('a wrong shape is refused by name', async (t) => {
  const cases: Array<[object, string, string]> = [
    [{ messages: undefined }, 'messages', 'messages is missing.'],
    [{ messages: 'Hi' }, 'messages', 'messages must be an array.'],
    [{ messages: [...hello, { role: 'user', content: 7 }] }, 'messages[1].content', 'messages[1].content must be a string or an array.'],
    [{ messages: [{ role: 'wizard', content: '' }] }, 'messages[0].role', 'messages[0].role must be one of developer, system, user, assistant, tool, function.'],
    [{ temperature: 'hot' }, 'temperature', 'temperature must be a number.'],
    [{ tool_choice: 'maybe' }, 'tool_choice', 'tool_choice must be "auto", "none", "required" or an object.'],
    [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 'messages[0].content[0].text', 'messages[0].content[0].text is missing.'],
    [{ messages: [{ role: 'assistant', tool_calls: [{ id: 'a', function: {} }] }] }, 'messages[0].tool_calls[0].function.name', 'messages[0].tool_calls[0].function.name is missing.']
  ]
  for (const [more, param, message] of cases) {
    t.throws(() => decodeRequest(JSON.parse(JSON.stringify(request(more)))), { name: 'BadRequest', param, message }, param)
  }
})

t.test('writing requests', async (t) => {
  const { names } = decodeRequest(request())
  const { body, lossy } = encodeRequest({
    model: 'm',
    names,
    extras: { top_k: 4 },
    stream: true,
    maxOutputTokens: 32000,
    reasoning: { budget: 4000 },
    stop: ['1', '2', '3', '4', '5'],
    turns: [
      { role: 'assistant', parts: [{ type: 'tool-call', id: 'c1', name: 'f', arguments: '' }, { type: 'tool-call', id: 'c2', name: 'f', arguments: '{}' }] },
      { role: 'tool', parts: [{ type: 'tool-result', callId: 'c1', isError: true, parts: [{ type: 'image', source: { type: 'url', url: 'https://a.example/b.png' } }] }] },
      { role: 'tool', parts: [{ type: 'tool-result', callId: 'c2', parts: [{ type: 'text', text: 'R' }] }] },
      { role: 'user', parts: [{ type: 'text', text: 'So?' }] }
    ]
  }, { maxOutputTokens: 16384 })
  t.same(body, {
    model: 'm',
    messages: [
      { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{}' } }, { id: 'c2', type: 'function', function: { name: 'f', arguments: '{}' } }] },
      { role: 'tool', tool_call_id: 'c1', content: '' },
      { role: 'tool', tool_call_id: 'c2', content: 'R' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://a.example/b.png' } }] },
      { role: 'user', content: 'So?' }
    ],
    stream: true,
    stream_options: { include_usage: true },
    max_tokens: 16384,
    stop: ['1', '2', '3', '4'],
    reasoning_effort: 'medium'
  })
  t.same(lossy, ['top_k', 'messages[].content', 'max_completion_tokens', 'stop', 'reasoning_effort'])
})

t.test('custom tools: as they are where the server knows them, else as functions', async (t) => {
  const grammar = { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } }
  const sent = {
    tools: [{ type: 'custom', custom: { name: 'patch', description: 'Patches.', format: grammar } }, { type: 'custom', custom: { name: 'say', format: { type: 'text' } } }],
    tool_choice: { type: 'custom', custom: { name: 'patch' } },
    messages: [...hello, { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'custom', custom: { name: 'patch', input: 'say "a"' } }] }, { role: 'tool', tool_call_id: 'c1', content: 'R' }]
  }
  const conversation = decodeRequest(request(sent))
  t.same(conversation.tools, [{ name: 'patch', description: 'Patches.', custom: { format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' } } }, { name: 'say', custom: {} }])
  t.same(conversation.toolChoice, { type: 'tool', name: 'patch' })
  t.same(conversation.turns[1]?.parts, [{ type: 'tool-call', id: 'c1', name: 'patch', arguments: '{"input":"say \\"a\\""}', custom: true }])
  const known = encodeRequest(conversation, { customTools: true })
  t.same([known.body.tools, known.body.tool_choice, known.body.messages, known.lossy], [[sent.tools[0], { type: 'custom', custom: { name: 'say' } }], sent.tool_choice, sent.messages, []])
  const parameters = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'], additionalProperties: false }
  const unknown = encodeRequest(conversation, {})
  t.same([unknown.body.tools, unknown.body.tool_choice, unknown.lossy], [
    [
      { type: 'function', function: { name: 'patch', description: 'Patches.\n\nThe input must follow this lark grammar:\n\nstart: "a"', parameters } },
      { type: 'function', function: { name: 'say', parameters } }
    ],
    { type: 'function', function: { name: 'patch' } },
    ['tools[].custom.format']
  ])
  t.match(unknown.body.messages, [{}, { tool_calls: [{ id: 'c1', type: 'function', function: { name: 'patch', arguments: '{"input":"say \\"a\\""}' } }] }, {}])
  const allowed = decodeRequest(request({ ...sent, tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [{ type: 'custom', custom: { name: 'say' } }] } } }))
  t.same(allowed.tools, [{ name: 'say', custom: {} }])
})

t.test('how the request is to be served', async (t) => {
  const { body, lossy } = encodeRequest(decodeRequest(request({ metadata: { a: 'b' }, verbosity: 'low', service_tier: 'flex', prompt_cache_key: 'k', prompt_cache_retention: '24h', logprobs: true, top_logprobs: 2, safety_identifier: 's' })), {})
  const { model: _, messages: __, ...rest } = body
  t.same(rest, { user: 's', verbosity: 'low', service_tier: 'flex', prompt_cache_key: 'k', prompt_cache_retention: '24h', logprobs: true, top_logprobs: 2 })
  t.same(lossy, ['metadata'], 'which the vendor takes only of what it stores')
})

t.test('what is known of the server', async (t) => {
  const conversation = decodeRequest(request({ max_tokens: 9, messages: [{ role: 'developer', content: 'S' }, ...hello, { role: 'assistant', content: 'A', reasoning_content: 'Hm.' }, ...hello] }))
  const open = encodeRequest(conversation, {})
  t.match(open.body, { max_tokens: 9, messages: [{ role: 'system', content: 'S' }, {}, { role: 'assistant', content: 'A', reasoning_content: 'Hm.' }, {}] })
  t.same(open.lossy, [])
  const closed = encodeRequest(conversation, { capName: 'max_completion_tokens', reasoningText: false })
  t.equal(closed.body.max_completion_tokens, 9)
  t.notOk('max_tokens' in closed.body)
  t.same([(closed.body.messages as unknown[])[2], closed.lossy], [{ role: 'assistant', content: 'A' }, ['messages[].reasoning_content']])
})

t.test('what only its own dialect understands leaves no empty message', async (t) => {
  const foreign = { type: 'foreign', dialect: 'elsewhere', value: { type: 'web_search_call' } } as const
  const { body, lossy } = encodeRequest({ ...decodeRequest(request()), turns: [{ role: 'assistant', parts: [foreign] }, { role: 'tool', parts: [foreign] }, { role: 'user', parts: [{ type: 'text', text: 'Hi' }] }] }, {})
  t.same([body.messages, lossy], [hello, ['messages[].content[].web_search_call']])
})
