import Anthropic from '@anthropic-ai/sdk'
import { Value } from 'typebox/value'
import OpenAI from 'openai'
import t from 'tap'
import { ProviderSchema } from '../../providers/provider.ts'
import { example } from '../../providers/simulator/example.ts'
import simulator from '../../providers/simulator/index.ts'
import { startSimulator } from '../../providers/simulator/server.ts'

// The simulator is checked by what the vendors' own SDKs read from it.

const running = await startSimulator({ pace: 0 })
t.teardown(() => running.close())

const openai = new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'sim-test', maxRetries: 0 })
const anthropic = new Anthropic({ baseURL: running.url, apiKey: 'sim-test', authToken: null, maxRetries: 0 })

/** What a promise is rejected with. */
const failure = (promise: Promise<unknown>): Promise<unknown> => promise.then(() => 'not rejected', (error: unknown) => error)

const schema = {
  type: 'object' as const,
  properties: { city: { type: 'string' }, unit: { enum: ['celsius', 'fahrenheit'] }, days: { type: 'integer', minimum: 3 } },
  required: ['city'],
  additionalProperties: false
}
const args = { city: 'city', unit: 'celsius', days: 3 }

t.test('is a provider', async t => {
  t.ok(Value.Check(ProviderSchema, simulator))
})

t.test('is asked for Messages below another provider\'s path, too', async t => {
  const question = { model: 'sim-small', max_tokens: 20, messages: [{ role: 'user' as const, content: 'hi' }] }
  for (const path of ['/v1/anthropic', '/anthropic']) {
    const client = new Anthropic({ baseURL: running.url + path, apiKey: 'sim-test', authToken: null, maxRetries: 0 })
    t.match(await client.messages.create(question), { type: 'message', role: 'assistant' }, path)
  }
})

t.test('chat completions', async t => {
  const tools = ['get_weather', 'get_time'].map(name => ({ type: 'function' as const, function: { name, parameters: schema } }))
  const ask = (content: string, more: object = {}) => openai.chat.completions.create({ model: 'sim-small', messages: [{ role: 'user', content }], ...more })

  t.test('says who it is, and otherwise what it was told', async t => {
    const reply = await ask('Who are you?')
    t.match(reply, {
      object: 'chat.completion',
      model: 'sim-small',
      choices: [{ finish_reason: 'stop', message: { role: 'assistant', content: 'I am sim-small, a simulated model of llm-gateway\'s simulator.' } }],
      usage: { prompt_tokens: 4, completion_tokens: 16, total_tokens: 20 }
    })
    t.match((await ask('Größe 🐘')).choices[0]?.message.content, 'You said: “Größe 🐘”.')
    t.same(await ask('Who are you?'), reply, 'the same each time')
  })

  t.test('a stream means what the whole reply means', async t => {
    const variants: Array<Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>> = [{}, { reasoning_effort: 'low' }, { max_tokens: 5 }, { tools }]
    for (const more of variants) {
      const params = { model: 'sim-large', messages: [{ role: 'user' as const, content: 'The weather 天气 in both cities' }], ...more, stream: false as const }
      const whole = await openai.chat.completions.create(params)
      const stream = openai.chat.completions.stream({ ...params, stream: true, stream_options: { include_usage: true } })
      let thoughts = ''
      for await (const chunk of stream) thoughts += (chunk.choices[0]?.delta as { reasoning_content?: string })?.reasoning_content ?? ''
      const folded = await stream.finalChatCompletion()
      const calls = (reply: OpenAI.ChatCompletion) => reply.choices[0]?.message.tool_calls?.map(call => call.type === 'function' && [call.function.name, call.function.arguments])
      t.equal(folded.choices[0]?.message.content ?? '', whole.choices[0]?.message.content ?? '')
      t.equal(folded.choices[0]?.finish_reason, whole.choices[0]?.finish_reason)
      t.same(calls(folded), calls(whole))
      t.equal(thoughts, (whole.choices[0]?.message as { reasoning_content?: string }).reasoning_content ?? '')
      t.same(folded.usage, whole.usage)
    }
  })

  t.test('tells usage in the stream only when asked', async t => {
    const stream = await openai.chat.completions.create({ model: 'sim-small', stream: true, messages: [{ role: 'user', content: 'Hello' }] })
    for await (const chunk of stream) t.notOk('usage' in chunk)
  })

  t.test('calls tools and uses their results', async t => {
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'Look up the weather, both of them.' }]
    const first = await openai.chat.completions.create({ model: 'sim-small', messages, tools })
    const calls = first.choices[0]?.message.tool_calls ?? []
    t.equal(first.choices[0]?.finish_reason, 'tool_calls')
    t.equal(first.choices[0]?.message.content, null)
    t.match(calls, [{ type: 'function', function: { name: 'get_weather' } }, { type: 'function', function: { name: 'get_time' } }])
    t.same(calls.map(call => call.type === 'function' && JSON.parse(call.function.arguments)), [args, args])
    t.not(calls[0]?.id, calls[1]?.id)

    messages.push(first.choices[0]?.message as OpenAI.ChatCompletionMessage)
    t.match(await failure(openai.chat.completions.create({ model: 'sim-small', messages, tools })), { status: 400 }, 'each call wants its result')
    calls.forEach((call, index) => messages.push({ role: 'tool', tool_call_id: call.id, content: `${index + 20} degrees` }))
    const second = await openai.chat.completions.create({ model: 'sim-small', messages, tools })
    t.equal(second.choices[0]?.message.content, 'The tool get_weather says: “20 degrees”. The tool get_time says: “21 degrees”.')
    t.equal(second.choices[0]?.finish_reason, 'stop')
    t.match(await failure(ask('x', { messages: [{ role: 'tool', tool_call_id: 'none', content: '' }] })), { status: 400, param: 'messages[0].role' })
  })

  t.test('calls a tool when told to, and not otherwise', async t => {
    const count = async (content: string, more: object = {}) => (await ask(content, { tools, ...more })).choices[0]?.message.tool_calls?.length ?? 0
    t.equal(await count('Hello'), 0)
    t.equal(await count('Hello', { tool_choice: 'required' }), 1)
    t.equal(await count('Weather', { tool_choice: 'none' }), 0)
    t.equal(await count('Use GET_TIME twice'), 2)
    t.equal(await count('Use get_time twice', { parallel_tool_calls: false }), 1)
    const named = await ask('Hello', { tools, tool_choice: { type: 'function', function: { name: 'get_time' } } })
    t.match(named.choices[0]?.message.tool_calls, [{ function: { name: 'get_time' } }])
    t.match(await failure(ask('Hello', { tools, tool_choice: { type: 'function', function: { name: 'other' } } })), { status: 400, param: 'tool_choice' })
  })

  t.test('thinks, writes JSON, stops and is cut', async t => {
    t.match(await ask('Hello', { model: 'sim-thinker' }), {
      choices: [{ message: { reasoning_content: 'I was told: “Hello”. I know what to do with that.' } }],
      usage: { completion_tokens_details: { reasoning_tokens: 14 } }
    })
    t.notOk('reasoning_content' in ((await ask('Hello', { model: 'sim-thinker', reasoning_effort: 'none' })).choices[0]?.message ?? {}))

    const json = await ask('Hello', { response_format: { type: 'json_schema', json_schema: { name: 'weather', schema, strict: true } } })
    t.same(JSON.parse(json.choices[0]?.message.content ?? ''), args)
    t.same(Object.keys(JSON.parse((await ask('Hi', { response_format: { type: 'json_object' } })).choices[0]?.message.content ?? '')), ['answer'])

    t.match(await ask('Hello', { stop: ['“', ':'] }), { choices: [{ message: { content: 'Thank you. You said' }, finish_reason: 'stop' }] })
    t.match(await ask('éééééé', { max_completion_tokens: 6 }), { choices: [{ message: { content: 'Thank you. You said: ' }, finish_reason: 'length' }], usage: { completion_tokens: 6 } })
  })

  t.test('embeds', async t => {
    const reply = await openai.embeddings.create({ model: 'sim-embed', input: ['one', 'two', 'one'] })
    t.equal(reply.data.length, 3)
    t.equal(reply.usage.total_tokens, 3)
    t.equal(reply.data[0]?.embedding.length, 8)
    t.same(reply.data[0]?.embedding, reply.data[2]?.embedding)
    t.notSame(reply.data[0]?.embedding, reply.data[1]?.embedding)
    const floats = await openai.embeddings.create({ model: 'sim-embed', input: 'one', encoding_format: 'float' })
    t.same(floats.data[0]?.embedding, reply.data[0]?.embedding)
    t.equal((await openai.embeddings.create({ model: 'sim-embed', input: [1, 2], dimensions: 3 })).data[0]?.embedding.length, 3)
    t.match(await failure(openai.embeddings.create({ model: 'sim-embed', input: [] })), { status: 400, param: 'input' })
    t.match(await failure(openai.embeddings.create({ model: 'sim-embed', input: 'x', dimensions: 1e9 })), { status: 400, param: 'dimensions' })
  })

  t.test('lists its models', async t => {
    t.same((await openai.models.list()).data.map(model => model.id), ['sim-small', 'sim-large', 'sim-thinker', 'sim-embed'])
    t.match(await openai.models.retrieve('sim-embed'), { id: 'sim-embed', object: 'model', owned_by: 'llm-gateway' })
    t.match(await failure(openai.models.retrieve('other')), { status: 404 })
  })
})

t.test('messages', async t => {
  const tools = [{ name: 'get_weather', input_schema: schema }]
  const ask = (content: string, more: object = {}) =>
    anthropic.messages.create({ model: 'sim-small', max_tokens: 4096, messages: [{ role: 'user', content }], ...more }) as Promise<Anthropic.Message>

  t.test('says who it is', async t => {
    t.match(await ask('Who are you?'), {
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'I am sim-small, a simulated model of llm-gateway\'s simulator.' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 4, output_tokens: 16 }
    })
    t.match(await ask('x', { messages: [{ role: 'user', content: [{ type: 'text', text: 'See' }, { type: 'image', source: { type: 'url', url: 'http://x' } }] }] }),
      { content: [{ text: 'Thank you. You said: “See [image]”.' }] })
  })

  t.test('a stream means what the whole reply means', async t => {
    for (const more of [{}, { thinking: { type: 'enabled', budget_tokens: 1024 } }, { max_tokens: 5 }, { tools }, { stop_sequences: ['said'] }]) {
      const params = { model: 'sim-large', max_tokens: 4096, messages: [{ role: 'user' as const, content: 'The weather 天气, twice' }], ...more }
      const whole = await anthropic.messages.create(params as Anthropic.MessageCreateParamsNonStreaming)
      const folded = await anthropic.messages.stream(params as Anthropic.MessageStreamParams).finalMessage()
      // Ids come from the request, which says `stream` in one of the two.
      const withoutIds = (message: Anthropic.Message) => JSON.parse(JSON.stringify(message, (key, value) => key === 'id' ? undefined : value))
      t.match(withoutIds(folded), withoutIds(whole))
    }
  })

  t.test('calls tools, thinks, and knows its own thoughts again', async t => {
    const params = { model: 'sim-small', max_tokens: 4096, tools, thinking: { type: 'enabled' as const, budget_tokens: 1024 } }
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'Use get_weather.' }]
    const first = await anthropic.messages.create({ ...params, messages })
    const [thinking, call] = first.content
    t.equal(first.stop_reason, 'tool_use')
    t.match(thinking, { type: 'thinking', thinking: 'I was told: “Use get_weather.”', signature: String })
    t.match(call, { type: 'tool_use', name: 'get_weather', input: args })
    if (thinking?.type !== 'thinking' || call?.type !== 'tool_use') return t.fail('wrong blocks')

    const result: Anthropic.MessageParam = {
      role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: [{ type: 'text', text: '20 degrees' }] }, { type: 'text', text: 'Go on with the tool.' }]
    }
    const second = await anthropic.messages.create({ ...params, messages: [...messages, { role: 'assistant', content: first.content }, result] })
    t.match(second.content.at(-1), { type: 'text', text: 'The tool get_weather says: “20 degrees”.' })

    const altered = [{ ...thinking, thinking: 'I was told otherwise.' }, call]
    t.match(await failure(anthropic.messages.create({ ...params, messages: [...messages, { role: 'assistant', content: altered }, result] })),
      { status: 400, message: /messages\.1\.content\.0: Invalid `signature`/ })
    t.match(await failure(anthropic.messages.create({ ...params, messages: [...messages, { role: 'assistant', content: first.content }, { role: 'user', content: 'And?' }] })),
      { status: 400, message: /without `tool_result`/ })
    t.match(await failure(anthropic.messages.create({ ...params, messages: [result] })), { status: 400, message: /unexpected `tool_use_id`/ })
  })

  t.test('obeys choices', async t => {
    t.match(await ask('Hello', { tools, tool_choice: { type: 'any' } }), { stop_reason: 'tool_use' })
    t.match(await ask('weather', { tools, tool_choice: { type: 'none' } }), { stop_reason: 'end_turn' })
    t.equal((await ask('twice', { tools, tool_choice: { type: 'tool', name: 'get_weather' } })).content.length, 2)
    t.equal((await ask('twice', { tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } })).content.length, 1)
    t.match(await ask('Hello', { stop_sequences: ['said'] }), { stop_reason: 'stop_sequence', stop_sequence: 'said', content: [{ text: 'Thank you. You ' }] })
    t.match(await ask('Hello', { max_tokens: 2 }), { stop_reason: 'max_tokens', usage: { output_tokens: 2 } })
    const json = await ask('Hello', { output_config: { format: { type: 'json_schema', schema } } })
    t.match(json.content, [{ type: 'text', text: JSON.stringify(args) }])
  })

  t.test('is as strict as the real one', async t => {
    const wrong: Array<[object, RegExp]> = [
      [{ frequency_penalty: 1 }, /frequency_penalty: Extra inputs/],
      [{ max_tokens: undefined }, /max_tokens: Field required/],
      [{ max_tokens: 0 }, /max_tokens/],
      [{ model: undefined }, /model: Field required/],
      [{ messages: [] }, /at least one message/],
      [{ messages: [{ role: 'assistant', content: 'x' }] }, /first message/],
      [{ messages: [{ role: 'tool', content: 'x' }] }, /messages\.0\.role/],
      [{ temperature: 1.5 }, /temperature/],
      [{ thinking: { type: 'enabled', budget_tokens: 10 } }, /1024/],
      [{ thinking: { type: 'enabled', budget_tokens: 4096 } }, /max_tokens/],
      [{ thinking: { type: 'adaptive' }, temperature: 0.5 }, /temperature/],
      [{ thinking: { type: 'adaptive' }, tools, tool_choice: { type: 'any' } }, /tool_choice/]
    ]
    for (const [more, message] of wrong) t.match(await failure(ask('Hello', more)), { status: 400, type: 'invalid_request_error', message })
  })

  t.test('lists its models', async t => {
    const page = await anthropic.models.list()
    t.match(page, { has_more: false, first_id: 'sim-small', last_id: 'sim-embed', data: { length: 4 } })
    t.match(await anthropic.models.retrieve('sim-large'), { type: 'model', id: 'sim-large' })
  })
})

t.test('errors come in the dialect', async t => {
  const hello = [{ role: 'user' as const, content: 'Hello' }]
  const faults: Array<[number, string, string]> = [
    [400, 'invalid_request_error', 'invalid_request_error'],
    [429, 'requests', 'rate_limit_error'],
    [500, 'server_error', 'api_error'],
    [529, 'server_error', 'overloaded_error']
  ]
  for (const [status, chatType, messagesType] of faults) {
    const model = `simulate-${status}`
    t.match(await failure(openai.chat.completions.create({ model, messages: hello })), { status, type: chatType, requestID: /^req_sim_/ })
    t.match(await failure(anthropic.messages.create({ model, max_tokens: 10, messages: hello })), { status, type: messagesType, requestID: /^req_sim_/ })
  }
  t.equal((await fetch(`${running.url}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: 'Bearer sim-x' }, body: JSON.stringify({ model: 'simulate-429', messages: hello })
  })).headers.get('retry-after'), '1')

  t.match(await failure(new OpenAI({ baseURL: `${running.url}/v1`, apiKey: 'sk-other' }).models.list()), { status: 401, code: 'invalid_api_key' })
  t.match(await failure(new Anthropic({ baseURL: running.url, apiKey: 'other', authToken: null }).models.list()), { status: 401, type: 'authentication_error' })
  t.equal((await new Anthropic({ baseURL: running.url, apiKey: null, authToken: 'sim-bearer' }).models.list()).data.length, 4)

  const post = async (path: string, body: string, headers: Record<string, string> = {}) => {
    const reply = await fetch(running.url + path, { method: 'POST', headers: { authorization: 'Bearer sim-x', ...headers }, body })
    return { status: reply.status, body: await reply.json() }
  }
  t.match(await post('/v1/chat/completions', '{'), { status: 400, body: { error: { message: /not valid JSON/, type: 'invalid_request_error', param: null, code: null } } })
  t.match(await post('/v1/messages', '{', { 'anthropic-version': '2023-06-01' }), { status: 400, body: { type: 'error', error: { type: 'invalid_request_error' }, request_id: /^req_sim_/ } })
  t.match(await post('/v1/messages', '{}'), { status: 400, body: { error: { message: /anthropic-version/ } } })
  t.match(await post('/v1/other', '{}'), { status: 404, body: { error: { type: 'invalid_request_error' } } })
  t.match(await post('/v1/chat/completions', '[]'), { status: 400, body: { error: { param: 'model' } } })
  t.match(await post('/v1/chat/completions', '{"model":"m"}'), { status: 400, body: { error: { param: 'messages' } } })
})

t.test('breaks in the middle', async t => {
  const chat = { model: 'simulate-break', messages: [{ role: 'user' as const, content: 'Hello' }] }
  t.match(await failure(openai.chat.completions.create(chat)), { name: 'Error' })
  const seen: string[] = []
  await t.rejects(async () => {
    for await (const chunk of await openai.chat.completions.create({ ...chat, stream: true })) seen.push(chunk.choices[0]?.delta.content ?? '')
  })
  t.ok(seen.length > 1, 'after a few pieces')
  await t.rejects(anthropic.messages.stream({ ...chat, max_tokens: 100 }).finalMessage())

  await t.rejects(async () => {
    for await (const chunk of await openai.chat.completions.create({ ...chat, model: 'simulate-error', stream: true })) t.ok(chunk)
  }, { message: /asked for/ })
  t.match(await failure(anthropic.messages.stream({ ...chat, max_tokens: 100, model: 'simulate-error' }).finalMessage()), { message: /asked for/ })
  t.match(await failure(openai.chat.completions.create({ ...chat, model: 'simulate-error' })), { status: 500 })
})

t.test('remembers requests, and when the client left', async t => {
  const gone = new AbortController()
  const stream = await openai.chat.completions.create(
    { model: 'simulate-slow', stream: true, messages: [{ role: 'user', content: 'Hello' }] }, { signal: gone.signal, headers: { 'x-seen': 'yes' } })
  for await (const chunk of stream) {
    t.ok(chunk)
    gone.abort()
  }
  const seen = running.requests.at(-1)
  t.match(seen, { method: 'POST', url: '/v1/chat/completions', headers: { 'x-seen': 'yes' } })
  t.match(JSON.parse(String(seen?.body)), { model: 'simulate-slow' })
  while (seen?.leftAt === undefined) await new Promise(resolve => setTimeout(resolve, 10))
  t.equal(running.requests[0]?.leftAt, undefined)
})

t.test('makes examples of schemas', async t => {
  const cases: Array<[object, unknown]> = [
    [{ const: 7 }, 7],
    [{ type: ['null', 'number'] }, 1],
    [{ type: 'null' }, null],
    [{ type: 'boolean' }, true],
    [{ anyOf: [{ type: 'integer' }, { type: 'string' }] }, 1],
    [{ properties: { tags: { type: 'array', items: { type: 'string' } } } }, { tags: ['tags'] }],
    [{ $ref: '#/$defs/point', $defs: { point: { type: 'object', properties: { x: { type: 'number' } } } } }, { x: 1 }],
    [{ $ref: '#' }, null],
    [{}, 'value']
  ]
  for (const [schema, value] of cases) t.same(example(schema), value)
})

t.test('responses', async t => {
  const tools = ['get_weather', 'get_time'].map(name => ({ type: 'function' as const, name, parameters: schema, strict: false }))
  const ask = (input: OpenAI.Responses.ResponseInput, more: object = {}) => openai.responses.create({ model: 'sim-small', input, ...more })
  const user = (content: string) => [{ role: 'user' as const, content }]

  t.test('a stream means what the whole reply means', async t => {
    for (const more of [{}, { reasoning: { effort: 'low' as const } }, { max_output_tokens: 5 }, { tools }, { tools: [{ type: 'custom' as const, name: 'get_weather' }] }]) {
      const params = { model: 'sim-large', input: user('The weather 天气 in both cities'), ...more }
      const whole = await openai.responses.create(params)
      const folded = await openai.responses.stream(params).finalResponse()
      // Ids stand for the whole request, and `parsed…` is the SDK's.
      const comparable = ({ output }: OpenAI.Responses.Response): unknown =>
        JSON.parse(JSON.stringify(output, (name, value) => /^parsed|id$/.test(name) ? undefined : value))
      t.same(comparable(folded), comparable(whole))
      t.same(folded.usage, whole.usage)
      t.equal(folded.status, 'max_output_tokens' in more ? 'incomplete' : 'completed')
    }
  })

  t.test('thoughts and calls go on in the next turn, and only as they were', async t => {
    const first = await ask(user('What is the weather?'), { tools, reasoning: { effort: 'high' } })
    const [thought, call] = first.output
    if (thought?.type !== 'reasoning' || call?.type !== 'function_call') throw new Error('unexpected output')
    t.same(JSON.parse(call.arguments), args)
    const next = [...user('What is the weather?'), thought, call, { type: 'function_call_output' as const, call_id: call.call_id, output: 'sun' }]
    t.match((await ask(next, { tools })).output_text, 'The tool get_weather says: “sun”.')
    t.match(await failure(ask([{ ...thought, encrypted_content: 'forged' }, ...user('?')])), { status: 400 })
    t.match(await failure(ask([...user('?'), call])), { status: 400, message: /No tool output found/ })
  })

  t.test('takes what Codex sends', async t => {
    const namespace = { type: 'namespace', name: 'multi_agent_v1', description: 'Agents.', tools: [tools[0]] }
    const reply = await ask(user('The weather'), { client_metadata: { session: 's' }, tools: [namespace, ...tools] })
    t.match(reply.output, [{ type: 'function_call', name: 'get_weather' }])
    t.match(await ask(user('The weather'), { tools: [namespace] }), { status: 'completed', output: [{ type: 'message' }] })
  })

  t.test('counts tokens, and is strict', async t => {
    t.match(await openai.responses.inputTokens.count({ model: 'sim-small', input: 'Who are you?' }), { object: 'response.input_tokens', input_tokens: 4 })
    t.match(await anthropic.messages.countTokens({ model: 'sim-small', messages: [{ role: 'user', content: 'Who are you?' }] }), { input_tokens: 4 })
    t.match(await failure(ask(user('?'), { stop: ['x'] })), { status: 400, param: 'stop' })
    t.match(await failure(ask(user('?'), { previous_response_id: 'resp_1' })), { status: 400 })
    t.match(await failure(ask(user('?'), { tools: [{ type: 'web_search' }] })), { status: 400 })
  })

  t.test('fails on request', async t => {
    const stream = await openai.responses.create({ model: 'simulate-error', input: 'x', stream: true })
    const seen: string[] = []
    await (async () => { for await (const event of stream) seen.push(event.type) })().catch(() => seen.push('thrown'))
    t.equal(seen[0], 'response.created')
    t.match(seen.at(-1), /^error$|^thrown$/)
  })
})
