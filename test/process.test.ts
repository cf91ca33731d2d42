import { once } from 'node:events'
import { renameSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { CHAT_KEY, post, startProvider, until } from './helper.ts'
import { keysOf, run, start } from './process.ts'

const ask = { model: 'm1', messages: [{ role: 'user', content: 'hi' }], stream: true }
const chunk = (content: string, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm1', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`

/** What becomes of a new connection. */
async function knock (url: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const said = await Promise.race([once(socket, 'connect').then(() => 'taken'), once(socket, 'error').then(([error]) => String(error.code))])
    .catch((error: NodeJS.ErrnoException) => String(error.code))
  socket.destroy()
  return said
}

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

t.test('SIGTERM lets a stream that talks end whole, refuses new requests, and ends with 0 (S3)', async (t) => {
  let go = (): void => {}
  const provider = await startProvider(t, async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(chunk('a'))
    await new Promise<void>((resolve) => { go = resolve })
    response.end(chunk('b') + chunk('', 'stop') + 'data: [DONE]\n\n')
  })
  const gateway = await start(t, provider.url)
  const reply = await post(`${gateway.url}/v1/chat/completions`, ask)
  const reader = reply.body!.getReader()
  t.equal(Buffer.from((await reader.read()).value!).toString(), chunk('a'))
  gateway.child.kill('SIGTERM')
  await until(() => gateway.output().includes('stopping on SIGTERM'))
  t.equal(await knock(gateway.url), 'ECONNREFUSED', 'while a stream goes on: a balancer asks another at once')
  const ended = performance.now()
  go()
  let rest = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) rest += Buffer.from(part.value).toString()
  t.equal(rest, chunk('b') + chunk('', 'stop') + 'data: [DONE]\n\n')
  t.equal(await gateway.ended, 0)
  t.ok(performance.now() - ended < 6000, 'at most 6 s after the last stream')
  t.match(gateway.output(), /"outcome":"done"/, 'its line is written')
})

t.test('a signal at any time of the start is no fault', async (t) => {
  const codes = await Promise.all([100, 600, 1200, 2000].map(async (wait) => {
    const running = run(t, {})
    await new Promise((resolve) => setTimeout(resolve, wait))
    running.child.kill('SIGTERM')
    return await running.ended
  }))
  // `null` while nothing of ours has run.
  for (const code of codes) t.ok(code === 0 || code === null, `ended with ${code}`)
})

t.test('SIGTERM with idle connections ends at once; a second signal ends it whatever is open (S4, S6)', async (t) => {
  const provider = await startProvider(t, (_request, response) => { response.on('error', () => {}) })
  const idle = await start(t, provider.url)
  await (await fetch(`${idle.url}/health`)).text()
  idle.child.kill('SIGTERM')
  t.equal(await idle.ended, 0)

  const hung = await start(t, provider.url)
  post(`${hung.url}/v1/chat/completions`, ask).catch(() => {})
  await until(() => provider.requests.length === 1)
  hung.child.kill('SIGTERM')
  await until(() => hung.output().includes('stopping on SIGTERM'))
  hung.child.kill('SIGTERM')
  t.equal(await hung.ended, 1)
})

t.test('what is wrong at the start ends it in one line, without a key in it (S17, R9)', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => { taken.close() })
  const port = String((taken.address() as AddressInfo).port)
  const secret = 'sk-secret-0123456789-abcdef'
  const cases: Array<[env: Record<string, string>, keys: string, said: RegExp]> = [
    [{ GATEWAY_PORT: port }, keysOf(CHAT_KEY), /^llm-gateway: cannot listen at GATEWAY_HOST and GATEWAY_PORT: .*EADDRINUSE.*; stop what listens there, or set another port, for example GATEWAY_PORT=/],
    [{ GATEWAY_HOST: '192.0.2.1' }, keysOf(CHAT_KEY), /EADDRNOTAVAIL.*; GATEWAY_HOST must be an address of this machine/],
    [{ METRICS_PORT: port }, keysOf(CHAT_KEY), /^llm-gateway: cannot listen for METRICS_PORT: .*EADDRINUSE/],
    [{ REQUEST_TIMEOUT: '30 s' }, keysOf(CHAT_KEY), /REQUEST_TIMEOUT.*for example/],
    [{ LOG_LEVEL: 'loud' }, keysOf(CHAT_KEY), /LOG_LEVEL.*for example/],
    [{ OPENAI_BASE_URL: `http://user:${secret}@127.0.0.1/v1` }, keysOf(CHAT_KEY), /OPENAI_BASE_URL/],
    [{ GATEWAY_PORT: '18555', OPENAI_BASE_URL: 'http://localhost:18555/v1' }, keysOf(CHAT_KEY), /OPENAI_BASE_URL is the address of this gateway/],
    [{ PROVIDERS: 'openai,nope-nope' }, keysOf(CHAT_KEY), /nope-nope/],
    [{}, `{"virtual_keys":{"${secret}":{"provider":"openai","api_key":"${secret}","extra":1}}}`, /extra/],
    [{}, `{"virtual_keys":{"vk_somebody_0123456789":{"provider":"unknown","api_key":"${secret}"}}}`, /unknown/],
    [{}, `{"virtual_keys":{"vk_a_0123456789":{"provider":"openai","api_key":"${secret}"}`, /keys\.json/],
    [{}, '', /keys\.json/]
  ]
  await Promise.all(cases.map(async ([env, keys, said]) => {
    const running = run(t, env, keys)
    t.equal(await running.ended, 1, said.source)
    const lines = running.output().trim().split('\n')
    t.equal(lines.length, 1, running.output())
    t.match(lines[0], said)
    t.notMatch(running.output(), /sk-secret|vk_somebody_0123456789/)
  }))
})

t.test('a keys file replaced by rename is live; a removed key is refused, a corrupt file keeps the old ones (S19, S21)', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}'))
  const gateway = await start(t, provider.url)
  const status = async (key: string): Promise<number> =>
    (await post(`${gateway.url}/v1/chat/completions`, { ...ask, stream: false }, { authorization: `Bearer ${key}` })).status
  t.equal(await status(CHAT_KEY), 200)
  const next = `${gateway.keysFile}.next`
  writeFileSync(next, keysOf('vk_second_0123456789'), { mode: 0o600 })
  renameSync(next, gateway.keysFile)
  await until(() => gateway.output().includes('keys reloaded'))
  t.equal(await status('vk_second_0123456789'), 200)
  t.equal(await status(CHAT_KEY), 401)
  writeFileSync(gateway.keysFile, '{"virtual_keys":')
  await until(() => /"level":50/.test(gateway.output()))
  t.equal(await status('vk_second_0123456789'), 200)
})

t.test('a log folder that cannot be written and an output nobody reads cost no request (S8, S26)', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{"choices":[]}'))
  const gateway = await start(t, provider.url, { LOG_DIR: '/dev/null/logs' })
  await until(() => /"level":40.*LOG_DIR|"level":40.*\/dev\/null\/logs/.test(gateway.output()))
  gateway.child.stdout?.destroy()
  for (let i = 0; i < 20; i++) t.equal((await post(`${gateway.url}/v1/chat/completions`, { ...ask, stream: false })).status, 200)
  t.equal(gateway.child.exitCode, null)
})
