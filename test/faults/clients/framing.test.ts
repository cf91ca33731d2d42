/** What is not one clear HTTP/1.1 request. */
import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { startGateway, until } from '../../helper.ts'
import { chat, dialects, isError, messagesApi, startSpeaker } from './dialects.ts'
import { ask, ends, goesOn, head, request, Wire } from './wire.ts'

t.setTimeout(120_000)

const provider = await startSpeaker(t)
const gateway = await startGateway(t, provider.url)

const CHUNKED = 'Transfer-Encoding: chunked'
const TWO = '2\r\n{}\r\n0\r\n\r\n'
/** What a parser that is led astray would take for one more request. */
const HIDDEN = 'GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n'

const heads: Array<[name: string, lines: string[], body: string]> = [
  ['a length and chunks (C34)', ['Content-Length: 5', CHUNKED], `0\r\n\r\n${HIDDEN}`],
  ['chunks and a length (C34)', [CHUNKED, 'Content-Length: 5'], `0\r\n\r\n${HIDDEN}`],
  ['two lengths (C35)', ['Content-Length: 2', 'Content-Length: 45'], `{}${HIDDEN}`],
  ['twice the same length (C35)', ['Content-Length: 2', 'Content-Length: 2'], `{}${HIDDEN}`],
  ['a list of lengths (C35)', ['Content-Length: 2, 2'], `{}${HIDDEN}`],
  ['an unknown coding (C36)', ['Transfer-Encoding: xchunked'], TWO],
  ['chunked twice (C36)', [CHUNKED, CHUNKED], TWO],
  ['chunked twice in one line (C36)', ['Transfer-Encoding: chunked, chunked'], TWO],
  ['chunked, not last (C36)', ['Transfer-Encoding: chunked, gzip'], TWO],
  ['another coding before chunked (C36)', ['Transfer-Encoding: gzip, chunked'], TWO],
  ['chunked and identity (C36)', ['Transfer-Encoding: identity', CHUNKED], TWO],
  ['identity (C36)', ['Transfer-Encoding: identity'], '{}'],
  ['an empty coding (C36)', ['Transfer-Encoding: '], TWO],
  ['a quoted coding (C36)', ['Transfer-Encoding: "chunked"'], TWO],
  ['a coding behind a vertical tab (C36)', ['Transfer-Encoding: \x0bchunked'], TWO],
  ...['+2', '-1', '0x2', '2.0', '2 2', '1e1', '', '99999999999999999999999'].map((length): [string, string[], string] => [`the length "${length}" (C37)`, [`Content-Length: ${length}`], '{}']),
  ['a space before a colon (C38)', ['X-A : y', 'Content-Length: 2'], '{}'],
  ['a space before the length\'s colon (C38)', ['Content-Length : 2'], '{}'],
  ['a space before the coding\'s colon (C38)', ['Transfer-Encoding : chunked'], TWO],
  ['a header of two lines (C38)', ['X-A: y\r\n z', 'Content-Length: 2'], '{}'],
  ['a header of two lines, by a tab (C38)', ['X-A: y\r\n\tz', 'Content-Length: 2'], '{}'],
  ['a coding on a line of its own (C38)', ['Transfer-Encoding:\r\n chunked'], TWO],
  ['a header without a colon (C38)', ['X-A', 'Content-Length: 2'], '{}'],
  ['a header without a name (C38)', [': y', 'Content-Length: 2'], '{}'],
  ['a bare CR in a header (C40)', ['X-A: y\rX-B: z', 'Content-Length: 2'], '{}'],
  ['a bare LF in a header (C40)', ['X-A: y\nX-B: z', 'Content-Length: 2'], '{}'],
  ['a NUL in a header (C40)', ['X-A: y\0z', 'Content-Length: 2'], '{}'],
  ['a NUL in a header\'s name (C40)', ['X\0A: y', 'Content-Length: 2'], '{}'],
  ['a control character in a header (C40)', ['X-A: y\x01z', 'Content-Length: 2'], '{}']
]

const chunks: Array<[name: string, body: string]> = [
  ['a size that is no number (C39)', 'zz\r\n{}\r\n0\r\n\r\n'],
  ['a size beyond 64 bits (C39)', 'ffffffffffffffffff\r\n{}\r\n0\r\n\r\n'],
  ['a negative size (C39)', '-2\r\n{}\r\n0\r\n\r\n'],
  ['a size with a prefix (C39)', '0x2\r\n{}\r\n0\r\n\r\n'],
  ['no size (C39)', '\r\n{}\r\n0\r\n\r\n'],
  ['a space behind a size (C39)', '2 \r\n{}\r\n0\r\n\r\n'],
  ['a chunk longer than its size (C39)', '1\r\n{}\r\n0\r\n\r\n'],
  ['lines of chunks that end in LF (C40)', '2\n{}\n0\n\n'],
  ['a bare LF in an extension (C40)', '2;a\nb\r\n{}\r\n0\r\n\r\n'],
  ['a bare CR in an extension (C40)', '2;a\rb\r\n{}\r\n0\r\n\r\n']
]

async function isRefused (t: Test, dialect: typeof chat, bytes: string | Buffer, status = 400): Promise<void> {
  const before = provider.requests.length
  const { wire, answer } = await ask(gateway.url, bytes)
  t.equal(answer.status, status)
  isError(t, dialect, answer, dialect.name)
  t.equal(answer.headers['connection'], 'close')
  t.equal(await ends(wire), '', 'one answer')
  // So does one that says it sends no more.
  const parting = new Wire(gateway.url)
  parting.socket.end(bytes)
  t.equal((await parting.answer()).status, status)
  t.equal(await ends(parting), '')
  t.equal(provider.requests.length, before, 'nothing is sent upstream')
}

for (const [name, lines, body] of heads) {
  t.test(name, async (t) => {
    for (const dialect of dialects) await isRefused(t, dialect, head(dialect.path, lines, dialect) + body)
  })
}

for (const [name, body] of chunks) {
  t.test(name, async (t) => {
    for (const dialect of dialects) {
      await isRefused(t, dialect, head(dialect.path, [CHUNKED], dialect) + body)
      // The head alone first: by the time of the fault its request is known.
      const wire = new Wire(gateway.url).say(head(dialect.path, [CHUNKED], dialect))
      await new Promise((resolve) => setTimeout(resolve, 20))
      const answer = await wire.say(body).answer()
      t.equal(answer.status, 400)
      isError(t, dialect, answer, dialect.name)
      t.equal(await ends(wire), '')
    }
  })
}

t.test('lines that end in a bare LF or CR (C40)', async (t) => {
  for (const dialect of dialects) {
    const whole = request(dialect.path, '{}', [], dialect).toString()
    await isRefused(t, dialect, whole.replaceAll('\r\n', '\n'))
    await isRefused(t, dialect, whole.replace('\r\n', '\n'))
    await isRefused(t, dialect, whole.replace('\r\n\r\n', '\r\n\n'))
    await isRefused(t, dialect, whole.replace('\r\n', '\r'))
  }
})

t.test('requests that do not wait are answered in their order (C41)', async (t) => {
  for (const dialect of dialects) {
    const asked = ['a', 'b', 'c'].map((id) => request(dialect.path, JSON.stringify(dialect.ask({ stream: id === 'b' })), [`X-Request-Id: ${id}`], dialect))
    const wire = new Wire(gateway.url).say(Buffer.concat([...asked, Buffer.from(HIDDEN)]))
    for (const [id, body] of [['a', dialect.whole], ['b', dialect.begun + dialect.rest], ['c', dialect.whole]]) {
      const answer = await wire.answer()
      t.equal(answer.headers['x-request-id'], id)
      t.equal(answer.body, body)
    }
    t.equal((await wire.answer()).body, '{"status":"ok"}')
    t.equal(await goesOn(wire), 200)

    const spoilt = new Wire(gateway.url).say(Buffer.concat([asked[0]!, asked[1]!, Buffer.from('GARBAGE\r\n\r\n')]))
    t.equal((await spoilt.answer()).body, dialect.whole)
    t.equal((await spoilt.answer()).body, dialect.begun + dialect.rest)
    t.equal((await spoilt.answer()).status, 400, 'behind what was asked before it')
    t.equal(await ends(spoilt), '')
  }
})

t.test('garbage behind a request that goes on harms neither its answer nor its end (C3, C41)', async (t) => {
  for (const dialect of dialects) {
    const before = provider.requests.length
    const wire = new Wire(gateway.url).say(request(dialect.path, JSON.stringify(dialect.ask({ model: 'hangs', stream: true })), [], dialect))
    await until(() => wire.rest.includes('four'))
    wire.say('GARBAGE\r\n\r\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    t.notMatch(wire.rest, 'malformed_http', 'no answer inside another')
    const left = performance.now()
    wire.leave()
    await provider.requests[before]!.aborted
    t.ok(performance.now() - left < 5000, 'the provider is let go')
  }
})

t.test('a body that is not read is no request (C43)', async (t) => {
  for (const dialect of dialects) {
    const { wire, answer } = await ask(gateway.url, request(dialect.path, HIDDEN, [], { key: 'nobody' }))
    t.equal(answer.status, 401)
    isError(t, dialect, answer, dialect.name)
    t.equal(await goesOn(wire), 200, 'the next answer is that to the next request')
    // In pieces: the answer is out before the body is in.
    const slow = new Wire(gateway.url).say(head(dialect.path, [`Content-Length: ${HIDDEN.length}`], { key: 'nobody' }))
    t.equal((await slow.answer()).status, 401)
    slow.say(HIDDEN)
    t.equal(await goesOn(slow), 200)
    t.equal(slow.rest, '')
    // Nor is one whose framing breaks behind the answer.
    const broken = new Wire(gateway.url).say(head(dialect.path, [CHUNKED], { key: 'nobody' }))
    t.equal((await broken.answer()).status, 401)
    t.equal(await ends(broken.say(`zz\r\n${HIDDEN}`)), '')
  }
})

t.test('chunks with extensions and a trailer (C47)', async (t) => {
  for (const dialect of dialects) {
    const body = JSON.stringify(dialect.ask())
    const size = body.length.toString(16)
    const { wire, answer } = await ask(gateway.url, `${head(dialect.path, [CHUNKED, 'Trailer: X-Api-Key'], dialect)}${size};a=b;c="d"\r\n${body}\r\n0;e\r\nX-Api-Key: other\r\nX-Trailer: t\r\n\r\n`)
    t.equal(answer.status, 200)
    t.equal(answer.body, dialect.whole)
    const { headers, body: sent } = provider.requests.at(-1)!
    t.equal(sent, body)
    t.notMatch(JSON.stringify(headers), /trailer|other/i)
    t.equal(await goesOn(wire), 200)
    await isRefused(t, dialect, `${head(dialect.path, [CHUNKED], dialect)}${size};${'a'.repeat(20_000)}\r\n${body}\r\n0\r\n\r\n`, 413)
  }
})

t.test('HTTP/1.0 (C48)', async (t) => {
  for (const dialect of dialects) {
    for (const stream of [false, true]) {
      for (const host of ['gateway', null]) {
        const { wire, answer } = await ask(gateway.url, request(dialect.path, JSON.stringify(dialect.ask({ stream })), [], { ...dialect, host, version: '1.0' }))
        t.equal(answer.status, 200)
        t.equal(answer.body, stream ? dialect.begun + dialect.rest : dialect.whole)
        t.equal(answer.headers['transfer-encoding'], undefined)
        t.equal(await ends(wire), '')
      }
    }
    await isRefused(t, dialect, head(dialect.path, [CHUNKED], { ...dialect, version: '1.0' }) + TWO)
  }
})

t.test('what is no HTTP/1 (C49)', async (t) => {
  const junk = [
    Buffer.from('160301020001000001fc0303', 'hex'),
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0',
    'SSH-2.0-OpenSSH_9.2\r\n',
    Buffer.alloc(100),
    randomBytes(65_536).fill(0xff, 0, 1),
    ...['2.0', '0.9', '1.2', '11.1'].map((version) => request(chat.path, '{}', [], { version })),
    `GET ${chat.path}\r\n\r\n`
  ]
  for (const bytes of junk) {
    const begun = performance.now()
    await isRefused(t, chat, bytes)
    t.ok(performance.now() - begun < 3000)
  }
  await isRefused(t, messagesApi, request(messagesApi.path, '{}', [], { version: '2.0' }))
})

t.test('no Host, two, or the absolute form (C50)', async (t) => {
  for (const dialect of dialects) {
    await isRefused(t, dialect, request(dialect.path, '{}', [], { ...dialect, host: null }))
    await isRefused(t, dialect, request(dialect.path, '{}', ['Host: other'], dialect))
    await isRefused(t, dialect, request(dialect.path, '{}', [], { ...dialect, host: 'a, b' }))
    await isRefused(t, dialect, request(`http://127.0.0.1:9${dialect.path}`, '{}', [], dialect))
  }
})

t.test('heads that are too large (C51, C52)', async (t) => {
  for (const dialect of dialects) {
    await isRefused(t, dialect, head(dialect.path, [`X-A: ${'y'.repeat(100_000)}`], dialect), 431)
    await isRefused(t, dialect, head(dialect.path, Array.from({ length: 5000 }, (_, i) => `X-${i}: ${'y'.repeat(12)}`), dialect), 431)
    await isRefused(t, dialect, head(`${dialect.path}?${'a'.repeat(65_536)}`, [], dialect), 431)
    await isRefused(t, dialect, head(`${dialect.path}/${'a'.repeat(65_536)}`, [], dialect), 431)
  }
})

t.test('headers named as what every object has (C53)', async (t) => {
  for (const dialect of dialects) {
    const { wire, answer } = await ask(gateway.url, request(dialect.path, JSON.stringify(dialect.ask()), ['__proto__: a', '__proto__: b', 'constructor: c', 'toString: d', 'hasOwnProperty: e'], dialect))
    t.equal(answer.status, 200)
    t.equal(await goesOn(wire), 200)
  }
})

t.test('another protocol is not switched to (C54)', async (t) => {
  for (const dialect of dialects) {
    const body = JSON.stringify(dialect.ask())
    for (const [protocol, status] of [['websocket', 426], ['WebSocket', 426], ['h2c', 400], ['TLS/1.0', 400]] as const) {
      const lines = ['Connection: Upgrade, HTTP2-Settings', `Upgrade: ${protocol}`, 'HTTP2-Settings: AAMAAABkAAQAAP__', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', 'Sec-WebSocket-Version: 13']
      await isRefused(t, dialect, request(dialect.path, body, lines, dialect), status)
      await isRefused(t, dialect, request(dialect.path, '', lines, dialect).toString().replace('POST', 'GET'), status)
    }
  }
})

t.test('who does not close is closed, and nothing behind the answer is taken for a request', async (t) => {
  const open = async (): Promise<number> => await new Promise((resolve) => gateway.app.server.getConnections((_error, count) => resolve(count)))
  const wires = ['GARBAGE\r\n\r\n', head(chat.path, ['Content-Length: 2147483648'])].map((bytes) => new Wire(gateway.url).say(bytes))
  for (const wire of wires) await wire.answer()
  const before = provider.requests.length
  for (const wire of wires) wire.say(request(chat.path, JSON.stringify(chat.ask())))
  for (let tries = 0; await open() > 0; tries++) {
    if (tries > 100) return t.fail('connections are left')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  t.equal(provider.requests.length, before)
  for (const wire of wires) wire.leave()
  t.match(gateway.lines().filter(({ error }) => error === 'malformed_http').at(-1), { msg: 'request', level: 30, outcome: 'refused', status: 400 })
})
