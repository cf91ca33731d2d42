import t from 'tap'
import { CHAT_KEY, post, startGateway, startProvider, until, type Teardown, type TestGateway } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }
const chunk = (fields: object): string => `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', ...fields })}\n\n`
const said = chunk({ choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }] })
const ending = chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) + chunk({ choices: [], usage }) + 'data: [DONE]\n\n'

/** Says a word now, and the rest when it is told. */
async function start (t: Teardown, keys: Record<string, unknown>, env: Record<string, string> = {}): Promise<{ gateway: TestGateway, go: () => void, let: () => boolean }> {
  let going: (() => void) | undefined
  let aborted = false
  const provider = await startProvider(t, async (request, response) => {
    void request.aborted.then(() => { aborted = true })
    const gone = new Promise<void>((resolve) => { going = resolve })
    if (JSON.parse(request.body).stream !== true) {
      await gone
      return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm', choices: [], usage }))
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(said)
    await gone
    // More than the buffers of a connection hold, had it to be read by somebody.
    for (let i = 0; i < 200; i++) response.write(said.repeat(30))
    response.end(ending)
  })
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: keys }, env })
  return { gateway, go: () => going?.(), let: () => aborted }
}

async function leave (gateway: TestGateway, stream: boolean): Promise<void> {
  const leaving = new AbortController()
  const asked = fetch(gateway.url + CHAT, { method: 'POST', signal: leaving.signal, headers: { authorization: `Bearer ${CHAT_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'm', stream, messages: [] }) })
  if (stream) await (await asked).body?.getReader().read()
  else await new Promise((resolve) => setTimeout(resolve, 100))
  leaving.abort()
  await asked.catch(() => {})
}

const row = (gateway: TestGateway): Record<string, unknown> | undefined => {
  gateway.app.database!.flush()
  return gateway.app.database!.get('SELECT * FROM requests WHERE outcome IS NOT NULL')
}

for (const stream of [true, false]) {
  t.test(`drain reads on to the provider's own count, ${stream ? 'streamed' : 'whole'}`, async (t) => {
    const { gateway, go, let: aborted } = await start(t, { on_disconnect: 'drain' })
    await leave(gateway, stream)
    await new Promise((resolve) => setTimeout(resolve, 50))
    t.equal(row(gateway), undefined, 'not yet')
    go()
    await until(() => row(gateway) !== undefined)
    t.match(row(gateway), { outcome: 'client_gone', status: 499, input: 7, output: 5, usage_source: 'provider' })
    t.notOk(aborted())
  })
}

t.test('cancel lets go at once, and so does drain when its time is up, or nobody allows it any', async (t) => {
  for (const [keys, env] of [[{}, {}], [{ on_disconnect: 'drain' }, { DRAIN_TIMEOUT: '100ms' }], [{ on_disconnect: 'drain' }, { DRAIN_TIMEOUT: '0' }]] as const) {
    const { gateway, let: aborted } = await start(t, keys, env)
    await leave(gateway, true)
    await until(aborted)
    await until(() => row(gateway) !== undefined)
    t.match(row(gateway), { outcome: 'client_gone', status: 499 })
  }
})

t.test('the end of the gateway is the end of what is drained', async (t) => {
  const { gateway, let: aborted } = await start(t, { on_disconnect: 'drain' })
  await leave(gateway, true)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const begun = performance.now()
  await gateway.app.close()
  t.ok(performance.now() - begun < 5000)
  await until(aborted)
})

t.test('a client that is there sees nothing of it', async (t) => {
  const { gateway, go } = await start(t, { on_disconnect: 'drain' })
  const asked = post(gateway.url + CHAT, { model: 'm', stream: true, messages: [] })
  const reply = await asked
  go()
  t.match(await reply.text(), /\[DONE\]\n\n$/)
})

t.test('what a provider refuses or fails at is no guess\'s to price, whoever is left to hear of it', async (t) => {
  const replies: Record<string, number> = { none: 404, broken: 500, error: 200 }
  const finish: Array<() => void> = []
  const provider = await startProvider(t, ({ body }, response) => {
    const status = replies[JSON.parse(body).model] ?? 200
    finish.push(() => response.writeHead(status, { 'content-type': 'application/json' }).end('{"error":{"message":"no"}}'))
  })
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { on_disconnect: 'drain' } } })
  for (const model of Object.keys(replies)) {
    const leaving = new AbortController()
    const asked = fetch(gateway.url + CHAT, { method: 'POST', signal: leaving.signal, headers: { authorization: `Bearer ${CHAT_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ model, messages: [] }) })
    await until(() => finish.length > 0)
    leaving.abort()
    await asked.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 50))
    finish.pop()?.()
  }
  const rows = (): Array<Record<string, unknown>> => {
    gateway.app.database!.flush()
    return [...gateway.app.database!.iterate('SELECT requested_model, outcome, usage_source, input FROM requests WHERE outcome IS NOT NULL ORDER BY seq')].map((row) => ({ ...row }))
  }
  await until(() => rows().length === 3)
  t.same(rows(), [
    { requested_model: 'none', outcome: 'refused', usage_source: 'none', input: null },
    { requested_model: 'broken', outcome: 'upstream_error', usage_source: 'none', input: null },
    { requested_model: 'error', outcome: 'upstream_error', usage_source: 'none', input: null }
  ])
})
