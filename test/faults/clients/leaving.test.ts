/** Clients that go, or read late. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { CHAT_KEY, MESSAGES_KEY, startGateway, startProvider, startRawProvider, until, type TestGateway } from '../../helper.ts'
import { dialects, spokenAt, startSpeaker, type Spoken } from './dialects.ts'
import { head, request, Wire } from './wire.ts'

t.setTimeout(120_000)

const rowsOf = ({ app }: TestGateway): Array<Record<string, unknown>> => {
  app.database!.flush()
  return [...app.database!.iterate('SELECT * FROM requests ORDER BY seq')].map((row) => ({ ...row }))
}

/** Each dialect with a key of a provider that speaks it, and with one for which it is translated. */
const ways = dialects.flatMap((dialect) => [CHAT_KEY, MESSAGES_KEY].map((key) => ({ ...dialect, key, native: dialect.key === key })))

const partings: Array<[name: string, part: (wire: Wire) => unknown]> = [
  ['FIN', ({ socket }) => socket.destroy()],
  ['FIN, and reads on', ({ socket }) => socket.end()],
  ['RST', ({ socket }) => socket.resetAndDestroy()]
]

/** How long the provider was held after each parting. */
const held: number[] = []

/** Within a second, as a rule: the machine may be busy at one or the other. */
function isLetGo (t: Test): void {
  const sorted = held.splice(0).sort((a, b) => a - b)
  t.ok(sorted[sorted.length >> 1]! < 1000 && sorted.at(-1)! < 5000, `${sorted.at(-1)} ms at most`)
}

/** Asks, waits for the first token where there is one, parts, and sees the provider let go. */
async function leave (t: Test, gateway: TestGateway, provider: Awaited<ReturnType<typeof startProvider>>, way: Spoken, fields: Record<string, unknown>, part: (wire: Wire) => unknown, title: string): Promise<Record<string, unknown>> {
  const before = provider.requests.length
  const rows = rowsOf(gateway).length
  const wire = new Wire(gateway.url).say(request(way.path, JSON.stringify(way.ask(fields)), [], way))
  await until(() => provider.requests.length === before + 1)
  if (fields['model'] === 'hangs' && fields['stream'] === true) await until(() => wire.rest.includes('four'))
  else await new Promise((resolve) => setTimeout(resolve, 20))
  const left = performance.now()
  part(wire)
  await provider.requests[before]!.aborted
  held.push(performance.now() - left)
  await until(() => rowsOf(gateway).length === rows + 1 && rowsOf(gateway)[rows]!['outcome'] !== null)
  const row = rowsOf(gateway)[rows]!
  t.match(row, { key: gateway.app.keys.find(way.key)!.id, provider: way.key === CHAT_KEY ? 'openai' : 'anthropic', outcome: 'client_gone', status: 499, requested_model: fields['model'], attempts: 1 }, title)
  t.ok(Number(row['ended_at']) >= Number(row['started_at']), `${title}: how long it took`)
  wire.leave()
  return row
}

t.test('gone before the first byte: a whole reply, and a stream (C1, C2)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url)
  for (const way of ways) {
    for (const stream of [false, true]) {
      for (const [name, part] of partings) {
        const row = await leave(t, gateway, provider, way, { model: 'silent', stream }, part, `${way.name}, ${stream}, ${name}`)
        t.match(row['usage_source'], /^(none|estimated)$/)
      }
    }
    // Half of a whole reply is there, of which the client has had nothing.
    await leave(t, gateway, provider, way, { model: 'hangs', stream: false }, partings[0]![1], `${way.name}, inside the reply`)
  }
  isLetGo(t)
  t.equal(rowsOf(gateway).length, provider.requests.length, 'a row each')
  t.equal(gateway.lines().filter(({ outcome, status }) => outcome === 'client_gone' && status === 499).length, provider.requests.length, 'a line each')
})

t.test('gone in the middle of a stream (C3, C4)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url)
  for (const way of ways) {
    for (const [name, part] of partings) {
      const row = await leave(t, gateway, provider, way, { model: 'hangs', stream: true }, part, `${way.name}, ${name}`)
      t.equal(row['usage_source'], 'estimated')
      t.ok(Number(row['output']) >= 4, `the tokens that were sent: ${row['output']}`)
      t.ok(Number(row['input']) > 0)
    }
  }
  isLetGo(t)
  t.equal(rowsOf(gateway).length, provider.requests.length)
})

t.test('gone in the middle of its upload (C5)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '100' } })
  let gone = 0
  let heads = 0
  gateway.app.server.on('request', () => { heads++ })
  for (const way of ways) {
    for (const [name, part] of partings) {
      for (const [lines, body] of [[['Content-Length: 1000'], '{"model":"m1"'], [['Transfer-Encoding: chunked'], '5\r\n{"mod'], [['Transfer-Encoding: chunked'], 'd\r\n{"model":"m1"\r\n'], [['Content-Length: 1000'], ''], [['Content-Length: 1000', 'Expect: 100-continue'], '']] as const) {
        const wire = new Wire(gateway.url).say(head(way.path, [...lines], way) + body)
        await until(() => heads === gone + 1)
        part(wire)
        await until(() => gateway.lines().filter(({ msg, status }) => msg === 'request' && (status === 499 || status === 400)).length === gone + 1)
        gone++
        t.equal(provider.requests.length, 0, name)
        wire.leave()
      }
    }
  }
  t.same(rowsOf(gateway), [])
  for (const key of [CHAT_KEY, MESSAGES_KEY]) t.equal(gateway.app.quota.headers(gateway.app.keys.find(key)!)['x-ratelimit-remaining-requests'], '100')
  t.same(gateway.lines().filter(({ level }) => Number(level) > 30), [])
})

t.test('a client that stops reading for a second gets every byte (C8)', async (t) => {
  for (const way of ways) {
    const piece = (text: string): string => way.native ? way.piece(text) : (way.key === CHAT_KEY ? dialects[0]! : dialects[2]!).piece(text)
    const texts = Array.from({ length: 250 }, (_, i) => `${i} `.padEnd(30_000, 'x'))
    const provider = await startProvider(t, async (request, response) => {
      const { begun, rest } = spokenAt(request.url)
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(begun)
      for (const text of texts) {
        if (!response.write(piece(text))) await once(response, 'drain')
      }
      response.end(rest)
    })
    const gateway = await startGateway(t, provider.url, { env: { LOG_BODIES: 'off' } })
    const wire = new Wire(gateway.url).say(request(way.path, JSON.stringify(way.ask({ stream: true })), [], { ...way, version: '1.0' }))
    await once(wire.socket, 'data')
    wire.socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    wire.socket.resume()
    await wire.closed
    const { body } = await wire.answer()
    const got = texts.filter((text) => body.includes(`"${text}"`)).length
    t.equal(got, texts.length, `${way.name}, ${way.native}`)
    if (way.native) t.equal(hash(body), hash(way.begun + texts.map(piece).join('') + way.rest))
    await until(() => rowsOf(gateway).some(({ outcome }) => outcome === 'done'))
  }
})

const hash = (text: string): string => createHash('sha256').update(text).digest('hex')

t.test('gone while the write buffer is full (C9)', async (t) => {
  for (const way of ways) {
    for (const [name, part] of [partings[0]!, partings[2]!]) {
      let closed = 0
      const written: string[] = []
      const spoken = way.native ? way : way.key === CHAT_KEY ? dialects[0]! : dialects[2]!
      const provider = await startRawProvider(t, (socket) => {
        socket.on('close', () => { closed++ })
        const piece = spoken.piece('x'.repeat(30_000))
        socket.write(`HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${spoken.begun}`)
        const pump = (): void => {
          do written.push(piece.slice(0, 0))
          while (socket.write(piece) && !socket.destroyed)
          if (!socket.destroyed) socket.once('drain', pump)
        }
        pump()
      })
      const gateway = await startGateway(t, provider.url, { env: { LOG_BODIES: 'off' } })
      const wire = new Wire(gateway.url).say(request(way.path, JSON.stringify(way.ask({ stream: true })), [], way))
      wire.socket.pause()
      for (let last = -1; last !== written.length || last < 1;) {
        last = written.length
        await new Promise((resolve) => setTimeout(resolve, 150))
      }
      t.equal(closed, 0)
      const left = performance.now()
      part(wire)
      await until(() => closed === 1)
      held.push(performance.now() - left)
      await until(() => rowsOf(gateway).some(({ outcome }) => outcome === 'client_gone'))
      t.match(rowsOf(gateway), [{ outcome: 'client_gone', status: 499, usage_source: 'estimated' }], `${way.name}, ${name}`)
    }
  }
  isLetGo(t)
})
