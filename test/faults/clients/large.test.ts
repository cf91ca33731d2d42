/** What is too much: a reply that nobody reads, bodies without an end. The memory is that of a gateway in a process of its own. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, startRawProvider, until } from '../../helper.ts'
import { start, type Running } from '../../process.ts'
import { dialects, isError, startSpeaker } from './dialects.ts'
import { ask, ends, head, request, Wire } from './wire.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(240_000)

const MB = 1024 * 1024
const KEYS = JSON.stringify({ virtual_keys: { [CHAT_KEY]: { provider: 'openai', api_key: REAL_KEY }, [MESSAGES_KEY]: { provider: 'anthropic', api_key: REAL_KEY } } })

const gatewayOf = (t: Parameters<typeof start>[0], provider: string): Promise<Running> =>
  start(t, provider, { ANTHROPIC_BASE_URL: provider, MAX_REQUESTS_PER_HOUR: 'unlimited' }, KEYS)

const memoryOf = ({ child }: Running): number => Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024

/** Waits until a count stands still. */
async function still (count: () => number): Promise<void> {
  for (let last = -1; last !== count() || last === 0;) {
    last = count()
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

t.test('a stream of 192 MB that is never read pauses its provider (C7)', async (t) => {
  const sent = { bytes: 0, closed: 0 }
  const provider = await startRawProvider(t, (socket, number) => {
    // The first ones are whole and small, and warm the gateway up.
    const dialect = dialects[(number - 1) % 3]!
    const open = `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n${dialect.begun}`
    if (number <= 30) return socket.end(open + dialect.rest)
    socket.on('close', () => { sent.closed++ })
    socket.write(open)
    const piece = dialect.piece('x'.repeat(32 * 1024))
    let bytes = 0
    const pump = (): void => {
      while (bytes < 192 * MB && !socket.destroyed) {
        bytes += piece.length
        sent.bytes += piece.length
        if (!socket.write(piece)) return void socket.once('drain', pump)
      }
      socket.end(dialect.rest)
    }
    pump()
  })
  const gateway = await gatewayOf(t, provider.url)
  const asked = (number: number): Buffer => {
    const dialect = dialects[number % 3]!
    return request(dialect.path, JSON.stringify(dialect.ask({ stream: true })), ['Connection: close'], dialect)
  }
  for (let number = 0; number < 30; number++) t.equal((await ask(gateway.url, asked(number))).answer.status, 200)
  const before = memoryOf(gateway)
  for (const [number, { name }] of dialects.entries()) {
    const wire = new Wire(gateway.url)
    wire.socket.pause()
    wire.say(asked(number))
    const start = sent.bytes
    await until(() => sent.bytes > start)
    await still(() => sent.bytes)
    t.ok(sent.bytes - start < 32 * MB, `${name}: paused at ${sent.bytes - start} bytes`)
    t.equal(sent.closed, number)
    const grown = memoryOf(gateway) - before
    t.ok(grown < 64 * MB, `${name}: grown by ${grown} bytes`)
    wire.leave()
    await until(() => sent.closed === number + 1)
    await until(() => gateway.output().match(/"outcome":"client_gone"/g)?.length === number + 1)
  }
  t.equal(gateway.child.exitCode, null)
})

t.test('a body that says it is too large is refused before it comes (C29)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await gatewayOf(t, provider.url)
  for (const dialect of dialects) {
    for (const length of [2 * 1024 ** 3, 32 * MB + 1, Number.MAX_SAFE_INTEGER]) {
      for (const lines of [[], ['Expect: 100-continue']]) {
        const begun = performance.now()
        const { wire, answer } = await ask(gateway.url, head(dialect.path, [`Content-Length: ${length}`, ...lines], dialect))
        t.same([answer.before, answer.status], [[], 413], `${dialect.name}, ${length}`)
        isError(t, dialect, answer, dialect.name)
        t.equal(answer.headers['connection'], 'close')
        t.equal(await ends(wire), '')
        t.ok(performance.now() - begun < 2000, 'at once')
        const nobody = await ask(gateway.url, head(dialect.path, [`Content-Length: ${length}`, ...lines], { key: 'nobody' }))
        t.same([nobody.answer.before, nobody.answer.status], [[], 401])
        t.equal(await ends(nobody.wire), '')
      }
    }
    // One that sends all of it without a look at the answer comes to it all the same.
    for (const [length, lines, key, status] of [[40 * MB, [], dialect.key, 413], [7 * MB, ['Connection: close'], 'nobody', 401], [7 * MB, ['Expect: 100-continue'], 'nobody', 401], [30 * MB, [], 'nobody', 401]] as const) {
      const wire = new Wire(gateway.url)
      let broken: Error | undefined
      wire.socket.once('error', (error) => { broken = error })
      wire.socket.pause()
      wire.say(head(dialect.path, [`Content-Length: ${length}`, ...lines], { key })).say(Buffer.alloc(Math.min(length, 7 * MB), 0x20))
      await new Promise((resolve) => setTimeout(resolve, 300))
      wire.socket.resume()
      t.equal((await wire.answer()).status, status, `${length} bytes, ${lines}`)
      t.equal(broken, undefined)
      wire.leave()
    }
  }
  t.equal(provider.requests.length, 0)
})

t.test('a body without an end (C30)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await gatewayOf(t, provider.url)
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(65_536, 0x20), Buffer.from('\r\n')])
  for (const dialect of dialects) {
    for (const [key, status] of [[dialect.key, 413], ['nobody', 401]] as const) {
      const before = memoryOf(gateway)
      const wire = new Wire(gateway.url).say(head(dialect.path, ['Transfer-Encoding: chunked'], { key }))
      let said = 0
      while (!wire.socket.destroyed && said < 256 * MB) {
        said += chunk.length
        // It looks at what came, too: where the system takes its bytes at once, `drain` is said without.
        await new Promise((resolve) => setImmediate(resolve))
        if (wire.socket.write(chunk)) continue
        await Promise.race([new Promise((resolve) => wire.socket.once('drain', resolve)), new Promise((resolve) => wire.socket.once('close', resolve))])
      }
      const taken = said - wire.socket.writableLength
      t.ok(taken <= 64 * MB, `${dialect.name}, ${key}: ${taken} bytes taken`)
      const answer = await wire.answer()
      t.equal(answer.status, status)
      isError(t, dialect, answer, dialect.name)
      t.ok(memoryOf(gateway) - before < 160 * MB)
      wire.leave()
    }
  }
  t.equal(provider.requests.length, 0)
  t.equal((await fetch(`${gateway.url}/health`)).status, 200)
})
