import type { Socket } from 'node:net'
import t from 'tap'
import { REAL_KEY, post, startGateway, startRawProvider, until, type TestGateway } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const MESSAGES = '/v1/messages'
const KEY = 'vk_targets_0123456789'
const ask = { model: 'm1', max_tokens: 50, messages: [{ role: 'user', content: 'hi' }] }
const OTHER_KEY = 'sk-other-0123456789-abcdefghij'

const sse = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n'
const chunk = (delta: unknown, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm1', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const event = (event: { type: string }): string => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
const start = event({ type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'x', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 7, output_tokens: 1 } } } as { type: string })
const messages = start +
  event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } } as { type: string }) +
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'from messages' } } as { type: string }) +
  event({ type: 'content_block_stop', index: 0 } as { type: string }) +
  event({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 5 } } as { type: string }) +
  event({ type: 'message_stop' })
const chat = chunk({ role: 'assistant', content: '' }) + chunk({ content: 'from chat' }) + chunk({}, 'stop') + 'data: [DONE]\n\n'
const whole = JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm1', choices: [{ index: 0, message: { role: 'assistant', content: 'from chat' }, finish_reason: 'stop' }], usage: { prompt_tokens: 3, completion_tokens: 2 } })
const refusal = (status: number, ...headers: string[]): string =>
  [`HTTP/1.1 ${status} No`, 'content-type: application/json', 'connection: close', ...headers, 'content-length: 37', '', '{"error":{"message":"no","code":"no"}}'].join('\r\n')

type Play = (socket: Socket) => void
const say = (text: string): Play => (socket) => { socket.end(text) }
const cut = (text: string): Play => (socket) => { socket.write(text, () => setTimeout(() => socket.resetAndDestroy(), 20)) }

async function rowOf ({ app }: TestGateway): Promise<Record<string, unknown>> {
  app.database!.flush()
  return { ...app.database!.get('SELECT * FROM requests ORDER BY seq DESC LIMIT 1') }
}

interface Stage { gateway: TestGateway, first: { play: Play, asked: number }, second: { play: Play, asked: number } }

/** A gateway with a key of two targets: one that speaks Messages, and one that speaks Chat Completions. */
async function stage (t: Parameters<typeof startGateway>[0], { key = {}, env = {}, reverse = false } = {}): Promise<Stage> {
  const first = { play: say(refusal(503)), asked: 0 }
  const second = { play: say(sse + chat), asked: 0 }
  const [one, two] = await Promise.all([first, second].map((part) => startRawProvider(t, (socket) => {
    part.asked++
    part.play(socket)
  })))
  const targets = [{ provider: 'anthropic', api_key: REAL_KEY }, { provider: 'openai', api_key: OTHER_KEY, model: 'm2' }]
  const gateway = await startGateway(t, one!.url, {
    env: { OPENAI_BASE_URL: `${two!.url}/v1`, ...env },
    keys: { [KEY]: { targets: reverse ? targets.reverse() : targets, ...key } }
  })
  return { gateway, first, second }
}

const send = ({ gateway }: Stage, path = CHAT, more: object = {}): Promise<Response> => post(gateway.url + path, { ...ask, stream: true, ...more }, { authorization: `Bearer ${KEY}` })

const failures: Array<[name: string, play: Play]> = [
  ['429 with a long wait', say(refusal(429, 'retry-after: 60'))],
  ['500', say(refusal(500))],
  ['529', say(refusal(529))],
  ['401', say(refusal(401))],
  ['a reset before the reply', (socket) => { socket.resetAndDestroy() }],
  ['no HTTP', say('SSH-2.0-OpenSSH_9.2\r\n')],
  ['an empty stream', say(sse)],
  ['a stream that only begins', cut(sse + start)],
  ['a stream cut inside its first event', cut(sse + start.slice(0, 40))],
  ['an error before the first content', say(`${sse}${start}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n`)],
  ['comments, then a cut', cut(`${sse}: wait\n\n: wait\n\n`)],
  ['headers, then a cut', cut(sse)]
]

t.test('a stream goes on at the next target until its first content, across dialects', async (t) => {
  for (const [name, play] of failures) {
    const parts = await stage(t)
    parts.first.play = play
    const reply = await send(parts)
    t.equal(reply.status, 200, name)
    t.equal(reply.headers.get('x-gateway-target'), 'openai', name)
    t.equal(await reply.text(), chat, name)
    t.same([parts.first.asked, parts.second.asked], [1, 1], name)
    t.match(await rowOf(parts.gateway), { provider: 'openai', sent_model: 'm2', upstream_dialect: 'openai-chat', attempts: 2, outcome: 'done', requests: 1 }, name)
    const [message] = (await (await send(parts, MESSAGES)).text()).match(/from chat/) ?? []
    t.equal(message, 'from chat', `${name}, asked in Messages`)
    t.notMatch(JSON.stringify(parts.gateway.lines()), new RegExp(`${REAL_KEY}|${OTHER_KEY}`), 'no real key in the log')
  }
})

t.test('a request translated for the second target', async (t) => {
  const parts = await stage(t, { reverse: true })
  parts.second.play = say(refusal(503))
  parts.first.play = say(sse + messages)
  const reply = await send(parts)
  t.equal(reply.headers.get('x-gateway-target'), 'anthropic')
  t.match(await reply.text(), /"content":"from messages"[^]*\[DONE\]/)
  t.match(await rowOf(parts.gateway), { provider: 'anthropic', upstream_dialect: 'anthropic-messages', requested_model: 'm1', attempts: 2, input: 7, output: 5 })
})

t.test('a field of a tool that is called as files are named ties a request to no target; a file does', async (t) => {
  const tool = (name: string): object => ({ type: 'function', function: { name: 'read', parameters: { type: 'object', properties: { [name]: { type: 'string' } }, required: [name] } } })
  for (const name of ['file_path', 'file_name', 'file-pattern']) {
    const parts = await stage(t)
    t.equal((await send(parts, CHAT, { tools: [tool(name)] })).headers.get('x-gateway-target'), 'openai', name)
    t.same([parts.first.asked, parts.second.asked], [1, 1], name)
  }
  for (const id of ['file-1', 'file_011CNha8iCJcU1wXNR6q4V8w', 'file-AbcdefghijklmnopqrstuvW']) {
    const parts = await stage(t, { reverse: true, env: { RETRIES: '0' } })
    parts.second.play = say(refusal(503))
    const content = [{ type: 'file', file: { file_id: id } }]
    t.equal((await send(parts, CHAT, { messages: [{ role: 'user', content }] })).status, 503, id)
    t.same([parts.first.asked, parts.second.asked], [0, 1], id)
  }
})

t.test('after the first content there is no other target', async (t) => {
  const parts = await stage(t)
  parts.first.play = cut(sse + messages.slice(0, messages.indexOf('event: content_block_stop')))
  const reply = await send(parts)
  t.equal(reply.headers.get('x-gateway-target'), 'anthropic')
  t.match(await reply.text(), /from messages[^]*"error":\{[^\n]*\n\n$/)
  t.same([parts.first.asked, parts.second.asked], [1, 0])
})

t.test('a whole reply that may have been made is not made again, unless the key says so', async (t) => {
  for (const retry of ['safe', 'always']) {
    const parts = await stage(t, { key: { retry } })
    parts.second.play = say(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n${whole}`)
    parts.first.play = (socket) => { socket.resetAndDestroy() }
    t.equal((await send(parts, CHAT, { stream: false })).status, retry === 'safe' ? 502 : 200)
    t.equal(parts.second.asked, retry === 'safe' ? 0 : 1)
    parts.first.play = say(refusal(500))
    const reply = await send(parts, CHAT, { stream: false })
    t.equal(reply.status, 200)
    t.equal(await reply.text(), whole)
  }
})

t.test('the last failure is told, after RETRIES at the last target', async (t) => {
  const parts = await stage(t)
  parts.second.play = say(refusal(503))
  const reply = await send(parts)
  t.equal(reply.status, 503)
  t.same([parts.first.asked, parts.second.asked], [1, 3])
  t.match(await rowOf(parts.gateway), { attempts: 4, outcome: 'upstream_error' })
  parts.first.play = say(refusal(400))
  t.equal((await send(parts)).status, 400, 'what is wrong with the request is so everywhere')
})

t.test('FIRST_TOKEN_TIMEOUT', async (t) => {
  const parts = await stage(t, { key: { timeouts: { first_token: '200ms' } } })
  const began = performance.now()
  for (const play of [(): void => {}, (socket: Socket): void => { socket.write(sse + start) }]) {
    parts.first.play = play
    const reply = await send(parts)
    t.equal(await reply.text(), chat)
  }
  t.ok(performance.now() - began >= 395)
  // The last target has all the time in the world.
  parts.first.play = say(refusal(503))
  parts.second.play = (socket) => { setTimeout(() => socket.end(sse + chat), 400) }
  t.equal(await (await send(parts)).text(), chat)
})

t.test('a target that fails is tried last for a while; when all do, they are still tried', async (t) => {
  const parts = await stage(t)
  parts.first.play = say(refusal(529))
  for (let i = 0; i < 5; i++) t.equal(await (await send(parts)).text(), chat)
  t.same([parts.first.asked, parts.second.asked], [3, 5], 'at rest after three failures')
  parts.second.play = say(refusal(529, 'retry-after: 60'))
  t.equal((await send(parts)).status, 529)
  t.ok(parts.first.asked > 3, 'the other is tried all the same')
  parts.first.play = say(sse + messages)
  t.match(await (await send(parts)).text(), /from messages/)
  parts.first.asked = parts.second.asked = 0
  t.match(await (await send(parts)).text(), /from messages/)
  t.same([parts.first.asked, parts.second.asked], [1, 0], 'well again')
})

t.test('weights: a conversation stays where it is', async (t) => {
  const targets = [{ provider: 'anthropic', api_key: REAL_KEY, weight: 1 }, { provider: 'openai', api_key: OTHER_KEY, weight: 3 }]
  const parts = await stage(t, { key: { targets } })
  parts.first.play = say(sse + messages)
  const at = new Map<string, number>()
  for (let i = 0; i < 60; i++) {
    const name = `conversation ${i}`
    const turns = [{ role: 'system', content: 'be brief' }, { role: 'user', content: name }]
    const one = await send(parts, CHAT, { messages: turns })
    const two = await send(parts, CHAT, { messages: [...turns, { role: 'assistant', content: 'a' }, { role: 'user', content: 'more' }] })
    const target = one.headers.get('x-gateway-target') ?? ''
    t.equal(two.headers.get('x-gateway-target'), target)
    await Promise.all([one.text(), two.text()])
    at.set(target, (at.get(target) ?? 0) + 1)
  }
  const share = at.get('openai') ?? 0
  t.ok(share > 30 && share < 58, `${share} of 60 at the one that weighs three of four`)
})

t.test('weights: a conversation stays where it is while the marks for the cache move on in it, as coding agents have it', async (t) => {
  const targets = [{ provider: 'anthropic', api_key: REAL_KEY, weight: 1 }, { provider: 'openai', api_key: OTHER_KEY, weight: 1 }]
  const parts = await stage(t, { key: { targets } })
  parts.first.play = say(sse + messages)
  for (let i = 0; i < 20; i++) {
    const said = (text: string, last = false): object => ({ role: 'user', content: [{ type: 'text', text, ...last && { cache_control: { type: 'ephemeral' } } }] })
    const one = await send(parts, MESSAGES, { messages: [said(`conversation ${i}`, true)] })
    const two = await send(parts, MESSAGES, { messages: [said(`conversation ${i}`), { role: 'assistant', content: 'a' }, said('more', true)] })
    t.equal(two.headers.get('x-gateway-target'), one.headers.get('x-gateway-target'))
    await Promise.all([one.text(), two.text()])
  }
})

t.test('a client that leaves while it is held back', async (t) => {
  const parts = await stage(t)
  let closed = false
  parts.first.play = (socket) => {
    socket.on('close', () => { closed = true })
    socket.write(sse + start)
  }
  const gone = new AbortController()
  const reply = fetch(parts.gateway.url + CHAT, { method: 'POST', signal: gone.signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${KEY}` }, body: JSON.stringify({ ...ask, stream: true }) })
  await until(() => parts.first.asked === 1)
  gone.abort()
  await t.rejects(reply)
  await until(() => closed)
  t.equal(parts.second.asked, 0)
  t.match(await rowOf(parts.gateway), { outcome: 'client_gone', attempts: 1 })
})

t.test('the hold is at the dearest of all targets', async (t) => {
  const parts = await stage(t, {
    key: {
      targets: [{ provider: 'openai', api_key: OTHER_KEY, model: 'gpt-5.4-mini' }, { provider: 'anthropic', api_key: REAL_KEY, model: 'claude-opus-4-5' }],
      budget: { usd: 1, per: 'total' }
    }
  })
  await (await send(parts)).text()
  const { hold } = await rowOf(parts.gateway)
  // 50 tokens of answer at 25 dollars a million.
  t.ok(Number(hold) >= 50 * 25_000, String(hold))
})

t.test('what leans on a target\'s own store goes there and nowhere else', async (t) => {
  const parts = await stage(t)
  const response = JSON.stringify({ id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'm1', output: [{ type: 'message', id: 'i1', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'kept', annotations: [] }] }], usage: { input_tokens: 1, output_tokens: 1, total_tokens: 2 } })
  parts.second.play = say(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n${response}`)
  const responses = (more: object): Promise<Response> => post(`${parts.gateway.url}/v1/responses`, { model: 'm1', input: 'hi', ...more }, { authorization: `Bearer ${KEY}` })
  t.match(await (await responses({})).json(), { id: 'resp_1' })
  t.same([parts.first.asked, parts.second.asked], [1, 1])
  const reply = await responses({ previous_response_id: 'resp_1' })
  t.equal(reply.headers.get('x-gateway-target'), 'openai')
  t.same([parts.first.asked, parts.second.asked], [1, 2])
  t.equal((await responses({ previous_response_id: 'resp_2' })).status, 400, 'the first target keeps none')
})
