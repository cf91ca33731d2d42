import { connect } from 'node:net'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, startRawProvider, until } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const hello = { model: 'm1', messages: [{ role: 'user', content: 'hi' }] }
const completion = '{"id":"c1","object":"chat.completion","created":1,"model":"m1-2026","choices":[{"index":0,"message":{"role":"assistant","content":"hé 🦜"},"finish_reason":"stop"}],"usage":{"prompt_tokens":12345678901234567890,"completion_tokens":2,"total_tokens":5.0}}'

function chunk (delta: unknown, finish: string | null = null, more: Record<string, unknown> = {}): string {
  return `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm1', choices: [{ index: 0, delta, finish_reason: finish }], ...more })}\n\n`
}
const usageChunk = 'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}\n\n'

t.test('whole replies of the same dialect pass byte for byte, both ways', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.setHeader('content-type', 'application/json')
    response.setHeader('x-request-id', 'req-upstream-1')
    response.end(completion)
  })
  const gateway = await startGateway(t, provider.url)
  const sent = '{ "model":"m1", "seed": 12345678901234567890, "x_unknown": [1.0, "\\u2028"],\n "messages":[{"role":"user","content":"\\u0000 bidi \u202e"}]}'
  for (const path of [CHAT, '/chat/completions', `${CHAT}?beta=true`]) {
    const reply = await post(gateway.url + path, sent)
    t.equal(reply.status, 200)
    t.equal(await reply.text(), completion)
    t.match(reply.headers.get('content-type'), 'application/json')
    t.equal(reply.headers.get('x-gateway-upstream-request-id'), 'req-upstream-1')
    t.equal(provider.requests.at(-1)?.body, sent)
    t.equal(provider.requests.at(-1)?.url, '/v1/chat/completions')
  }
})

t.test('headers cross by allow-list, both ways, with one credential', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(200, {
      'content-type': 'application/json', 'set-cookie': 'a=1', server: 'x', 'openai-organization': 'org-1', 'x-ratelimit-limit-requests': '7', 'x-echo': REAL_KEY
    })
    response.end(completion)
  })
  const gateway = await startGateway(t, provider.url)
  const reply = await post(gateway.url + CHAT, hello, {
    cookie: 'session=1', 'x-forwarded-for': '1.2.3.4', 'openai-organization': 'org-2', 'x-api-key': CHAT_KEY, 'x-stainless-lang': 'js', 'x-request-id': 'mine-1'
  })
  t.same([...reply.headers.keys()].sort(), ['cache-control', 'connection', 'content-length', 'content-type', 'date', 'keep-alive', 'x-gateway-usage-source', 'x-request-id'])
  t.equal(reply.headers.get('x-request-id'), 'mine-1')
  const { headers } = provider.requests[0]!
  t.same(Object.keys(headers).sort(), ['accept', 'accept-encoding', 'authorization', 'connection', 'content-length', 'content-type', 'host', 'user-agent', 'via'])
  t.equal(headers.authorization, `Bearer ${REAL_KEY}`)
  t.equal(headers.host, new URL(provider.url).host)
})

t.test('a stream arrives as it is sent, and the usage asked for by the gateway is withheld', async (t) => {
  let go = (): void => {}
  const provider = await startProvider(t, async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunk({ role: 'assistant', content: 'a' }))
    await new Promise<void>((resolve) => { go = resolve })
    response.end(chunk({ content: 'b' }) + chunk({}, 'stop') + usageChunk + 'data: [DONE]\n\n')
  })
  const gateway = await startGateway(t, provider.url)
  const reply = await post(gateway.url + CHAT, { ...hello, stream: true })
  t.equal(reply.headers.get('content-type'), 'text/event-stream; charset=utf-8')
  const reader = reply.body!.getReader()
  const first = Buffer.from((await reader.read()).value!).toString()
  t.equal(first, chunk({ role: 'assistant', content: 'a' }), 'before the provider has ended')
  go()
  let rest = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) rest += Buffer.from(part.value).toString()
  t.equal(rest, chunk({ content: 'b' }) + chunk({}, 'stop') + 'data: [DONE]\n\n')
  t.match(JSON.parse(provider.requests[0]!.body), { stream_options: { include_usage: true } })
  await until(() => gateway.lines().some((line) => line['outcome'] === 'done'))
})

t.test('a client that asked for usage gets it', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(chunk({ content: 'b' }) + chunk({}, 'stop') + usageChunk + 'data: [DONE]\n\n')
  })
  const gateway = await startGateway(t, provider.url)
  const body = { ...hello, stream: true, stream_options: { include_usage: true, other: 1 } }
  t.ok((await (await post(gateway.url + CHAT, body)).text()).includes(usageChunk))
  t.equal(provider.requests[0]?.body, JSON.stringify(body), 'verbatim')
  await (await post(gateway.url + CHAT, { ...hello, stream: true, stream_options: { other: 1 } })).text()
  t.same(JSON.parse(provider.requests[1]!.body).stream_options, { other: 1, include_usage: true })
})

t.test('bytes arrive unchanged however the stream is cut', async (t) => {
  const text = ': hello\r\n\r\n' + chunk({ content: 'ü🦜"usage":{"error":' }) + chunk({}, 'stop') + 'data: [DONE]\n\n'
  const bytes = Buffer.from(text)
  const provider = await startProvider(t, async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const byte of bytes) {
      response.write(Buffer.from([byte]))
      await new Promise(setImmediate)
    }
    response.end()
  })
  const gateway = await startGateway(t, provider.url)
  t.equal(await (await post(gateway.url + CHAT, { ...hello, stream: true })).text(), text)
})

t.test('an alias changes the model and nothing else', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end(completion))
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { models: ['m1', 'real-*'], model_aliases: { 'gpt-4': 'real-1', 'gpt-5': 'elsewhere' } } } })
  const reply = await post(gateway.url + CHAT, '{"n":1.0, "model": "gpt-4","messages":[]}')
  t.equal(reply.status, 200)
  t.equal(provider.requests[0]?.body, '{"n":1.0, "model": "real-1","messages":[]}')
  const refused = await post(gateway.url + CHAT, { ...hello, model: 'other' })
  t.equal(refused.status, 403)
  t.match(await refused.json(), { error: { code: 'model_not_allowed', param: 'model', message: /may use: m1, real-\*, gpt-4\.$/ } })
  t.equal(provider.requests.length, 1)
})

t.test('Chat Completions on a key of a provider that speaks another dialect', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    const { stream } = JSON.parse(request.body)
    const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 4, output_tokens: 1, cache_read_input_tokens: 6 } }
    if (!stream) {
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ ...message, content: [{ type: 'text', text: 'hello' }], stop_reason: 'end_turn' }))
      return
    }
    response.writeHead(200, { 'content-type': 'text/event-stream', 'request-id': 'req_a' })
    const events = [
      { type: 'message_start', message },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'ping' },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'hel' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'lo' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 5 } },
      { type: 'message_stop' }
    ]
    response.end(events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''))
  })
  const gateway = await startGateway(t, provider.url)
  const headers = { authorization: `Bearer ${MESSAGES_KEY}` }
  const whole = await post(gateway.url + CHAT, { ...hello, frequency_penalty: 1 }, headers)
  t.equal(whole.headers.get('x-gateway-lossy'), 'frequency_penalty')
  t.match(await whole.json(), {
    id: 'msg_1',
    object: 'chat.completion',
    model: 'claude-x',
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 10, completion_tokens: 1, total_tokens: 11, prompt_tokens_details: { cached_tokens: 6 } }
  })
  t.equal(provider.requests[0]?.headers['x-api-key'], REAL_KEY)
  t.equal(provider.requests[0]?.headers['anthropic-version'], '2023-06-01')
  t.equal(provider.requests[0]?.url, '/v1/messages')
  t.equal(provider.requests[0]?.headers.authorization, undefined)

  const streamed = await (await post(gateway.url + CHAT, { ...hello, stream: true, stream_options: { include_usage: true } }, headers)).text()
  const chunks = streamed.trim().split('\n\n').map((event) => event.slice('data: '.length))
  t.equal(chunks.pop(), '[DONE]')
  const parsed = chunks.map((text) => JSON.parse(text))
  t.equal(parsed.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), 'hello')
  t.match(parsed.at(-1), { choices: [], usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 } })
  t.equal(parsed.at(-2).choices[0].finish_reason, 'stop')
})

t.test('a client that leaves frees the provider, and the request counts (C1, C2, C3)', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    if (JSON.parse(request.body).stream) response.writeHead(200, { 'content-type': 'text/event-stream' }).write(chunk({ content: 'a' }))
  })
  const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '10' } })
  for (const [key, stream, waits] of [[CHAT_KEY, true, true], [CHAT_KEY, false, false], [CHAT_KEY, true, false]] as const) {
    const leave = new AbortController()
    const before = provider.requests.length
    const reply = fetch(gateway.url + CHAT, {
      method: 'POST', signal: leave.signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` }, body: JSON.stringify({ ...hello, stream })
    })
    reply.catch(() => {})
    await until(() => provider.requests.length === before + 1)
    if (waits) await (await reply).body!.getReader().read()
    const left = performance.now()
    leave.abort()
    await provider.requests.at(-1)!.aborted
    t.ok(performance.now() - left < 1000, 'within a second')
  }
  await until(() => gateway.lines().filter((line) => line['outcome'] === 'client_gone' && line['status'] === 499).length === 3)
  t.equal(gateway.app.quota.headers(gateway.app.keys.find(CHAT_KEY)!)['x-ratelimit-remaining-requests'], '7')
})

t.test('a slow reader pauses the provider (C7)', async (t) => {
  let written = 0
  const piece = Buffer.from(chunk({ content: 'x'.repeat(32_000) }))
  const provider = await startRawProvider(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n')
    const pump = (): void => {
      while (!socket.destroyed && written < 64 * 1024 * 1024) {
        written += piece.length
        if (!socket.write(piece)) {
          socket.once('drain', pump)
          return
        }
      }
    }
    pump()
  })
  const gateway = await startGateway(t, provider.url)
  const { port } = new URL(gateway.url)
  const client = connect(Number(port), '127.0.0.1')
  t.teardown(() => client.destroy())
  const body = JSON.stringify({ ...hello, stream: true })
  client.pause()
  client.write(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${CHAT_KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  await until(() => written > 0)
  let last = -1
  while (last !== written) {
    last = written
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  t.ok(written < 32 * 1024 * 1024, `stopped at ${written} bytes`)
  client.destroy()
  await until(() => gateway.lines().some((line) => line['outcome'] === 'client_gone'))
})

t.test('requests that never reach a provider cost nothing', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end(completion))
  const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '2' }, keys: { [CHAT_KEY]: { models: ['m1'] } } })
  const bad = ['', '{', '[]', '{"model":1}', '{"messages":[]}', '{"model":"m2"}', '{"model":"m1","stream":"yes"}', '{"model":"m1","model":"m1"}']
  for (const body of bad) {
    const { status } = await post(gateway.url + CHAT, body)
    t.ok(status === 400 || status === 403, body)
  }
  t.equal((await post(gateway.url + CHAT, hello, { 'content-type': 'text/plain' })).status, 415)
  t.equal((await post(gateway.url + CHAT, hello, { 'content-encoding': 'gzip' })).status, 415)
  const first = await post(gateway.url + CHAT, hello)
  t.equal(first.headers.get('x-ratelimit-remaining-requests'), '1')
  t.match(first.headers.get('x-ratelimit-reset-requests'), /^(59m\d+s|1h0m0s)$/)
  t.equal((await post(gateway.url + CHAT, hello)).headers.get('x-ratelimit-remaining-requests'), '0')
  const refused = await post(gateway.url + CHAT, hello)
  t.equal(refused.status, 429)
  t.match(await refused.json(), { error: { code: 'rate_limit_exceeded', message: /MAX_REQUESTS_PER_HOUR/ } })
  t.ok(Number(refused.headers.get('retry-after')) > 3500)
  t.equal(refused.headers.get('x-should-retry'), 'false')
  t.equal(provider.requests.length, 2)
})

t.test('a burst against a quota: exactly as many pass as there is room for', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    setTimeout(() => response.setHeader('content-type', 'application/json').end(completion), 20)
  })
  const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '10' } })
  const paths = [CHAT, '/chat/completions']
  const statuses = await Promise.all(Array.from({ length: 300 }, async (_, i) => {
    const reply = await post(gateway.url + paths[i % 2], hello, { 'x-forwarded-for': `10.0.0.${i}` })
    await reply.text()
    return reply.status
  }))
  t.equal(statuses.filter((status) => status === 200).length, 10)
  t.equal(statuses.filter((status) => status === 429).length, 290)
  t.equal(provider.requests.length, 10)
})

t.test('a request that comes round is told so', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', {})
  const round = await startGateway(t, gateway.url, {})
  // The second gateway's provider is the first one, whose provider is set to be the second.
  gateway.app.config.baseUrls['openai'] = `${round.url}/v1`
  round.app.config.baseUrls['openai'] = `${round.url}/v1`
  const reply = await post(round.url + CHAT, hello)
  t.equal(reply.status, 508)
  t.match(await reply.json(), { error: { code: 'request_loop' } })
})

t.test('large integers in a tool\'s arguments and schema survive translation', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end(completion))
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { upstream_dialects: ['openai-chat'] } } })
  const body = `{"model":"m1","max_tokens":9,"tools":[{"name":"f","input_schema":{"type":"object","properties":{"id":{"type":"integer","maximum":18446744073709551615}}}}],
    "messages":[{"role":"user","content":"x"},{"role":"assistant","content":[{"type":"tool_use","id":"t1","name":"f","input":{"id":12345678901234567890}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":"ok"}]}]}`
  t.equal((await post(`${gateway.url}/v1/messages`, body)).status, 200)
  const sent = provider.requests[0]?.body ?? ''
  t.ok(sent.includes('"maximum":18446744073709551615'))
  t.ok(sent.includes(JSON.stringify('{"id":12345678901234567890}').slice(1, -1)))
})
