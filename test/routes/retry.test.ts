import type { Socket } from 'node:net'
import t from 'tap'
import { CHAT_KEY, REAL_KEY, post, startGateway, startRawProvider, until, type TestGateway } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const ask = { model: 'm1', messages: [{ role: 'user', content: 'hi' }] }
const EAGER = 'vk_eager_0123456789'
const completion = JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm1', choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }], usage: { prompt_tokens: 3, completion_tokens: 2 } })
const json = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const well = `${json}content-length: ${completion.length}\r\n\r\n${completion}`
const refusal = (status: number, ...headers: string[]): string =>
  [`HTTP/1.1 ${status} No`, 'content-type: application/json', ...headers, 'content-length: 37', '', '{"error":{"message":"no","code":"no"}}'].join('\r\n')
const token = 'data: {"id":"c1","model":"m1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'

interface Row { attempts: number, status: number, outcome: string, requests: number, cost: number | null, output: number | null }

async function rowsOf ({ app }: TestGateway): Promise<Row[]> {
  app.database!.flush()
  return [...app.database!.iterate('SELECT attempts, status, outcome, requests, cost, output FROM requests ORDER BY seq')].map((row) => ({ ...row })) as unknown as Row[]
}

/** A provider that does the n-th of these at the n-th request, and the last of them for ever. */
async function scripted (t: Parameters<typeof startRawProvider>[0], script: () => Array<string | ((socket: Socket) => void)>): Promise<{ url: string, asked: () => number, again: () => void }> {
  let asked = 0
  const provider = await startRawProvider(t, (socket) => {
    const steps = script()
    const step = steps[Math.min(asked++, steps.length - 1)]!
    if (typeof step === 'string') socket.write(step)
    else step(socket)
  })
  return { url: provider.url, asked: () => asked, again: () => { asked = 0 } }
}

t.test('what a provider did not take goes out again; what it may have taken does not (U47, U48)', async (t) => {
  let script: Array<string | ((socket: Socket) => void)> = []
  const provider = await scripted(t, () => script)
  const gateway = await startGateway(t, provider.url, { keys: { [EAGER]: { provider: 'openai', api_key: REAL_KEY, retry: 'always' } }, env: { REQUEST_TIMEOUT: '400ms' } })
  const reset = (socket: Socket): void => { socket.resetAndDestroy() }
  const silence = (): void => {}
  const cut = (socket: Socket): void => { socket.end(`${json}content-length: 500\r\n\r\n${completion}`) }
  const begun = (socket: Socket): void => {
    socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${token}`, () => setTimeout(() => socket.resetAndDestroy(), 30))
  }
  const cases: Array<[name: string, script: typeof script, key: string, status: number, attempts: number, outcome: string]> = [
    ['503 once', [refusal(503), well], CHAT_KEY, 200, 2, 'done'],
    ['429 and 529', [refusal(429), refusal(529), well], CHAT_KEY, 200, 3, 'done'],
    ['503 for ever', [refusal(503)], CHAT_KEY, 503, 3, 'upstream_error'],
    ['429 with a date gone by', [refusal(429, 'retry-after: Thu, 01 Jan 1998 00:00:00 GMT'), well], CHAT_KEY, 200, 2, 'done'],
    ['429 with a short wait', [refusal(429, 'retry-after: 0.3'), well], CHAT_KEY, 200, 2, 'done'],
    ['429 with a long wait', [refusal(429, 'retry-after: 2'), well], CHAT_KEY, 429, 1, 'refused'],
    ['a refusal that says not to', [refusal(429, 'x-should-retry: false'), well], CHAT_KEY, 429, 1, 'refused'],
    ['400', [refusal(400), well], CHAT_KEY, 400, 1, 'refused'],
    ['500', [refusal(500), well], CHAT_KEY, 500, 1, 'upstream_error'],
    ['500, if the key allows it', [refusal(500), well], EAGER, 200, 2, 'done'],
    ['a reset before the reply', [reset, well], CHAT_KEY, 502, 1, 'upstream_broke'],
    ['the same, if the key allows it', [reset, well], EAGER, 200, 2, 'done'],
    ['silence', [silence, well], CHAT_KEY, 504, 1, 'timeout'],
    ['silence, whatever the key allows', [silence, well], EAGER, 504, 1, 'timeout'],
    ['a reply cut off', [cut, well], EAGER, 502, 1, 'upstream_broke'],
    ['a stream cut off', [begun, well], EAGER, 200, 1, 'incomplete']
  ]
  for (const [name, steps, key, status, attempts, outcome] of cases) {
    // Every case has new connections: a reset of one that was used before is replayed.
    script = steps.map((step) => typeof step === 'string' ? (socket: Socket) => { socket.end(step.replace('\r\n', '\r\nconnection: close\r\n')) } : step)
    provider.again()
    const reply = await post(gateway.url + CHAT, { ...ask, stream: name === 'a stream cut off' }, { authorization: `Bearer ${key}` })
    t.equal(reply.status, status, name)
    const text = await reply.text()
    if (status === 200 && outcome === 'done') t.equal(text, completion, name)
    t.equal(provider.asked(), attempts, `${name}: asked`)
    await until(() => gateway.lines().filter(({ outcome }) => outcome !== undefined).length > 0)
    t.match((await rowsOf(gateway)).at(-1), { attempts, outcome: outcome === 'incomplete' ? /incomplete|upstream_broke/ : outcome, requests: 1 }, name)
  }
  t.ok((await rowsOf(gateway)).every(({ output, outcome }) => outcome !== 'done' || output === 2), 'one answer is counted, however many attempts')
})

t.test('all waits of a call together take a second at most, and RETRIES counts (U47)', async (t) => {
  const provider = await scripted(t, () => [refusal(503)])
  const gateway = await startGateway(t, provider.url, { env: { RETRIES: '10' } })
  const begun = performance.now()
  t.equal((await post(gateway.url + CHAT, ask)).status, 503)
  const took = performance.now() - begun
  t.ok(took < 1500, `${took} ms`)
  t.ok(provider.asked() >= 3 && provider.asked() <= 7, `${provider.asked()}`)
  const none = await startGateway(t, provider.url, { env: { RETRIES: '0' } })
  provider.again()
  t.equal((await post(none.url + CHAT, ask)).status, 503)
  t.equal(provider.asked(), 1)
})

t.test('a provider that comes back meanwhile is reached', async (t) => {
  const gone = await startGateway(t, 'http://127.0.0.1:1')
  const begun = performance.now()
  const reply = await post(gone.url + CHAT, ask)
  t.equal(reply.status, 502)
  t.ok(performance.now() - begun < 1000, 'told within a second')
  t.match(await rowsOf(gone), [{ attempts: 3, outcome: 'upstream_unreachable', requests: 0 }])
})

t.test('nothing goes out again for a client that has left', async (t) => {
  const provider = await scripted(t, () => [refusal(503), well])
  const gateway = await startGateway(t, provider.url, { keys: { vk_drain_0123456789: { provider: 'openai', api_key: REAL_KEY, on_disconnect: 'drain' } } })
  for (const key of [CHAT_KEY, 'vk_drain_0123456789']) {
    provider.again()
    const gone = new AbortController()
    const reply = fetch(gateway.url + CHAT, { method: 'POST', signal: gone.signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` }, body: JSON.stringify(ask) })
    await until(() => provider.asked() === 1)
    gone.abort()
    await t.rejects(reply)
    await new Promise((resolve) => setTimeout(resolve, 400))
    t.equal(provider.asked(), 1, key)
  }
  t.match(await rowsOf(gateway), [{ outcome: 'client_gone' }, { outcome: 'client_gone' }])
})

t.test('however many idle connections are dead, a provider is asked three times, and the row has each (U8, U62)', async (t) => {
  const most = 3
  for (const [retries, key, asked] of [['2', CHAT_KEY, 2], ['2', EAGER, 3], ['0', EAGER, 2], ['1', EAGER, 2]] as const) {
    let dead = false
    let seen = 0
    const waiting: Socket[] = []
    const provider = await startRawProvider(t, (socket) => {
      seen++
      if (dead) return socket.resetAndDestroy()
      waiting.push(socket)
      // All at once, so that each has a connection of its own.
      if (waiting.length === most) for (const one of waiting) one.write(well)
    })
    const gateway = await startGateway(t, provider.url, { keys: { [EAGER]: { provider: 'openai', api_key: REAL_KEY, retry: 'always' } }, env: { RETRIES: retries } })
    await Promise.all(Array.from({ length: most }, async () => { await (await post(gateway.url + CHAT, ask)).text() }))
    dead = true
    seen = 0
    const reply = await post(gateway.url + CHAT, ask, { authorization: `Bearer ${key}` })
    t.equal(reply.status, 502)
    await reply.text()
    t.equal(seen, asked, `RETRIES=${retries}, ${key}`)
    t.equal((await rowsOf(gateway)).at(-1)?.attempts, asked)
  }
})
