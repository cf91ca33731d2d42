import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { capture, event, exchange, files, key, lines, rawLines, record, until } from './fixtures.ts'

const day = (text: string) => () => Date.parse(text)

t.test('a line says who asked whom for what and what came of it (X21)', async (t) => {
  const dir = join(t.testdir(), 'made', 'here')
  const { capture: captured, said } = capture(dir)
  captured.start()
  const made = exchange({ start: performance.now() - 100 })
  made.servedModel = 'large-2026'
  made.firstByteAt = made.start + 20.04
  made.endedAt = made.start + 80.06
  made.usage = { input: 3, output: 4 }
  made.finish = 'stop'
  made.lossy = ['seed']
  made.upstreamRequestId = 'up-1'
  record(captured, made, '{"model":"large"}', '{"id":"r","ok":true}')
  await until(() => files(dir).length === 1 && lines(dir).length === 1)
  const [line] = lines(dir)
  t.match(line?.time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/)
  t.ok(Math.abs(Date.parse(line?.time ?? '') - (Date.now() - 100)) < 5000)
  t.same({ ...line, time: undefined }, {
    time: undefined,
    id: 'req-1',
    key: 'alice',
    provider: 'acme',
    model: 'large',
    servedModel: 'large-2026',
    dialect: 'words',
    upstreamDialect: 'words',
    stream: false,
    status: 200,
    outcome: 'done',
    ms: 80.1,
    firstByteMs: 20,
    usage: { input: 3, output: 4 },
    finish: 'stop',
    lossy: ['seed'],
    upstreamRequestId: 'up-1',
    request: { model: 'large' },
    reply: { id: 'r', ok: true }
  })
  t.equal(statSync(dir).mode & 0o777, 0o700)
  t.equal(statSync(join(dir, files(dir)[0] ?? '')).mode & 0o777, 0o600)
  await captured.close()
  t.same(said, [])
  t.equal(captured.dropped, 0)
})

t.test('bodies stay as they were written', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir)
  record(captured, exchange(), '{\r\n  "n": 12345678901234567890, "f": 1.0,\n  "s": "a\\nb\\u2028", "s": 1\n}', '{"big":98765432109876543210}\n')
  record(captured, exchange(), '{}', '<html>\n"bad gateway"</html>')
  record(captured, exchange(), '{}')
  await captured.close()
  const [first = '', second, third] = rawLines(dir)
  t.ok(first.includes('"request":{   "n": 12345678901234567890, "f": 1.0,   "s": "a\\nb\\u2028", "s": 1 }'), first)
  t.ok(first.endsWith('"reply":{"big":98765432109876543210} }'), first)
  t.equal(JSON.parse(second ?? '').reply, '<html>\n"bad gateway"</html>')
  t.equal(JSON.parse(third ?? '').reply, null)
})

t.test('a client that left is 499', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir)
  const made = exchange()
  made.outcome = 'client_gone'
  record(captured, made, '{}')
  await captured.close()
  t.match(lines(dir), [{ status: 499, outcome: 'client_gone' }])
})

t.test('a body beyond the limit is cut, between characters, and says so', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir, { bodyLimit: 100 })
  const request = JSON.stringify({ text: 'ü'.repeat(5000) })
  record(captured, exchange(), request, 'x'.repeat(60), 'y'.repeat(60), 'z'.repeat(20_000), 'never seen')
  record(captured, exchange(), JSON.stringify({ text: 'u'.repeat(95) }), `"${'r'.repeat(98)}"`)
  await captured.close()
  const [line, close] = lines(dir)
  t.equal(line?.request, request.slice(0, 9 + 45))
  t.same(line?.requestCut, { bytes: Buffer.byteLength(request), kept: 99 })
  t.equal(line?.reply, 'x'.repeat(60) + 'y'.repeat(40))
  t.same(line?.replyCut, { bytes: 20_130, kept: 100 })
  t.same(close?.requestCut, { bytes: 106, kept: 100 }, 'beyond it by little')
  t.equal(close?.replyCut, undefined, 'just at it')
  t.equal(close?.reply, 'r'.repeat(98))
})

t.test('a streamed reply is put together again, however its bytes were cut', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir)
  const bytes = Buffer.from(event('Grüße ') + event('an ') + event('alle'))
  record(captured, exchange({ stream: true }), '{}', ...Array.from(bytes, (byte) => Buffer.from([byte])))
  record(captured, exchange({ stream: true }), '{}', '{"error":"refused before the stream"}')
  record(captured, exchange({ stream: true, clientDialect: 'unknown' }), '{}', event('as it came'))
  await captured.close()
  t.same(lines(dir).map(({ reply }) => reply), [
    { text: 'Grüße an alle' },
    { error: 'refused before the stream' },
    event('as it came')
  ])
})

t.test('a stream larger than the limit is cut, and takes no more memory (U56)', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir, { bodyLimit: 50_000 })
  const made = exchange({ stream: true })
  const recorder = captured.begin(made, Buffer.from('{}'))
  const chunk = Buffer.from(event('0123456789').repeat(1000))
  let largest = 0
  for (let n = 0; n < 400; n++) {
    recorder?.reply(chunk)
    largest = Math.max(largest, recorder?.size ?? 0)
    if (n % 4 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  captured.end(made, recorder)
  await captured.close()
  const [{ reply, replyCut } = { reply: undefined }] = lines(dir)
  const { text } = reply as { text: string }
  t.ok(largest < 50_000 + 2 * 65_536, `${largest} bytes held`)
  t.ok(text.length > 40_000 && text.length <= 60_000, `${text.length} characters kept`)
  t.match(text, /^(0123456789)+$/)
  t.equal(replyCut?.bytes, 400 * chunk.length)
  t.ok((replyCut?.kept ?? Infinity) < 400 * chunk.length)
})

t.test('bytes that come faster than the event loop goes round are folded at once', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir)
  const made = exchange({ stream: true })
  const recorder = captured.begin(made, Buffer.from('{}'))
  const padding = `: ${'p'.repeat(100_000)}\n\n`
  for (let n = 0; n < 100; n++) recorder?.reply(Buffer.from(padding + event('a')))
  t.ok((recorder?.size ?? 0) < 3_000_000, `${recorder?.size} bytes held`)
  captured.end(made, recorder)
  await captured.close()
  t.same(lines(dir)[0]?.reply, { text: 'a'.repeat(100) })
  t.equal(lines(dir)[0]?.replyCut, undefined)
})

t.test('a stream that its dialect cannot read costs the rest of its copy', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir)
  record(captured, exchange({ stream: true }), '{}', event('so far '), 'data: not JSON\n\n', event('so good'))
  await captured.close()
  t.match(lines(dir), [{ reply: { text: 'so far ' }, replyCut: { bytes: Number } }])
})

t.test('no line holds a secret in any form', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir, { bodyLimit: 300 })
  const secrets = [key.token, key.apiKey]
  const forms = secrets.flatMap((secret) => [
    secret,
    secret.replaceAll('/', '\\/'),
    encodeURIComponent(secret),
    ...['', 'a', 'ab'].flatMap((before) => [
      Buffer.from(before + secret).toString('base64'),
      Buffer.from(before + secret).toString('base64url')
    ])
  ])
  for (const form of forms) {
    const made = exchange({ id: form, model: form })
    made.servedModel = made.upstreamRequestId = made.finish = form
    made.lossy = [form]
    record(captured, made, `{"a":"${form}"}`, `{"b":"x ${form}"}`)
    record(captured, exchange(), `{"a":"${form}"}`, `not JSON: ${form}`)
    // Across the cut, and around it.
    for (let at = 280; at < 305; at += 5) record(captured, exchange(), `{"a":"${'-'.repeat(at)}${form}${'+'.repeat(5000)}"}`, '-'.repeat(at), form, '+'.repeat(9000))
  }
  const streamed = exchange({ stream: true })
  record(captured, streamed, '{}', ...Array.from(key.apiKey, event))
  await captured.close()
  const all = rawLines(dir)
  t.equal(all.length, forms.length * 7 + 1)
  t.equal(captured.dropped, 0)
  for (const line of all) {
    JSON.parse(line)
    // The start of a secret, up to all of it, at the place of a cut.
    const found = forms.filter((form) => line.includes(form.slice(4, 12)))
    t.same(found, [], line.slice(0, 500))
  }
  t.same(JSON.parse(all.at(-1) ?? '').reply, { text: '[redacted]' })
})

t.test('a line stays JSON where a secret looks like a part of it', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir)
  const odd = { ...key, token: '12345678', apiKey: '":"' }
  record(captured, exchange({ key: odd }), '{"a":"b","n":1234567890}', '{"ok":true}')
  await captured.close()
  t.match(lines(dir), [{ request: '{"a[redacted]b","n":[redacted]90}', reply: { ok: true } }])
})

t.test('what is captured: all, lines without bodies, or nothing; a key may say otherwise (X21)', async (t) => {
  for (const [bodies, log, expected] of [
    ['full', undefined, 'full'], ['full', 'metadata', 'metadata'], ['full', 'off', 'off'],
    ['metadata', undefined, 'metadata'], ['metadata', 'full', 'full'], ['off', undefined, 'off'], ['off', 'metadata', 'metadata']
  ] as const) {
    const dir = join(t.testdir(), 'logs')
    rmSync(dir, { recursive: true, force: true })
    const { capture: captured } = capture(dir, { bodies })
    if (expected === 'off' && bodies === 'off') captured.start()
    record(captured, exchange({ key: log === undefined ? key : { ...key, log } }), '{"q":1}', '{"a":2}')
    await captured.close()
    const found = statSync(dir, { throwIfNoEntry: false }) === undefined ? [] : lines(dir)
    t.same(found.map((line) => 'request' in line && 'reply' in line ? 'full' : 'metadata'), expected === 'off' ? [] : [expected], `${bodies}, ${log}`)
  }
})

t.test('files end at their size (X21)', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir, { maxSize: 2000, now: day('2026-11-24T10:00:00Z') })
  for (let n = 0; n < 10; n++) record(captured, exchange({ id: String(n) }), JSON.stringify({ text: 't'.repeat(400) }), '{}')
  record(captured, exchange({ id: '10' }), JSON.stringify({ text: 't'.repeat(4000) }), '{}')
  record(captured, exchange({ id: '11' }), '{}', '{}')
  await captured.close()
  const names = ['exchanges-2026-11-24.jsonl', ...[1, 2, 3, 4, 5].map((n) => `exchanges-2026-11-24.${n}.jsonl`)]
  t.same(files(dir), names.sort())
  t.same(lines(dir).map(({ id }) => Number(id)).sort((a, b) => a - b), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
  for (const name of names) {
    const text = readFileSync(join(dir, name), 'utf8')
    t.ok(text.length <= 2000 || text.split('\n').length === 2, `${name} is within the size, or one line`)
  }
})

t.test('a restart goes on in the last file', async (t) => {
  const dir = t.testdir({
    'exchanges-2026-11-24.jsonl': '{"old":1}\n',
    'exchanges-2026-11-24.2.jsonl': '{"old":2}\n{"cut off by a cra',
    'exchanges-2026-11-23.7.jsonl': '{"old":3}\n'
  })
  const { capture: captured } = capture(dir, { now: day('2026-11-24T10:00:00Z') })
  record(captured, exchange(), '{}', '{}')
  await captured.close()
  t.equal(files(dir).length, 3)
  const [first, partial, last = ''] = readFileSync(join(dir, 'exchanges-2026-11-24.2.jsonl'), 'utf8').split('\n')
  t.equal(first, '{"old":2}')
  t.equal(partial, '{"cut off by a cra')
  t.equal(JSON.parse(last).id, 'req-1')
})

t.test('files end with their UTC day', async (t) => {
  const dir = t.testdir()
  let now = Date.parse('2026-11-24T23:59:59.999Z')
  const { capture: captured } = capture(dir, { now: () => now })
  record(captured, exchange(), '{}', '{}')
  await until(() => files(dir).length === 1 && lines(dir).length === 1)
  now += 1
  record(captured, exchange(), '{}', '{}')
  await captured.close()
  t.same(files(dir), ['exchanges-2026-11-24.jsonl', 'exchanges-2026-11-25.jsonl'])
})

t.test('files past the retention are deleted, and no others (X21)', async (t) => {
  const old = ['exchanges-2026-11-01.jsonl', 'exchanges-2026-11-01.12.jsonl']
  const others = ['exchanges-2026-11-01.jsonl.gz', 'exchanges-2026-11-1.jsonl', 'my-exchanges-2026-11-01.jsonl', 'notes.txt']
  const dir = t.testdir(Object.fromEntries([...old, ...others, 'exchanges-2026-11-20.jsonl'].map((name) => [name, '{}\n'])))
  mkdirSync(join(dir, 'exchanges-2026-11-02.jsonl'))
  const touch = (name: string, date: string): void => utimesSync(join(dir, name), new Date(date), new Date(date))
  for (const name of [...old, ...others, 'exchanges-2026-11-02.jsonl']) touch(name, '2026-11-01T12:00:00Z')
  touch('exchanges-2026-11-20.jsonl', '2026-11-20T12:00:00Z')
  const kept = [...others, 'exchanges-2026-11-02.jsonl', 'exchanges-2026-11-20.jsonl']

  await t.test('at the start, also where nothing is captured', async (t) => {
    const { capture: captured } = capture(dir, { bodies: 'off', retention: 168 * 3_600_000, now: day('2026-11-24T10:00:00Z') })
    captured.start()
    await until(() => files(dir).length === kept.length)
    t.same(files(dir), kept.sort())
    await captured.close()
  })
  await t.test('at a rotation', async (t) => {
    const { capture: captured } = capture(dir, { retention: 168 * 3_600_000, now: day('2026-11-29T10:00:00Z') })
    record(captured, exchange(), '{}', '{}')
    await until(() => !files(dir).includes('exchanges-2026-11-20.jsonl'))
    await captured.close()
    t.ok(files(dir).includes('exchanges-2026-11-29.jsonl'))
  })
  await t.test('never with 0', async (t) => {
    touch('exchanges-2026-11-29.jsonl', '2026-11-01T12:00:00Z')
    const { capture: captured } = capture(dir, { retention: 0, now: day('2026-12-29T10:00:00Z') })
    record(captured, exchange(), '{}', '{}')
    await captured.close()
    t.ok(files(dir).includes('exchanges-2026-11-29.jsonl'))
  })
})

t.test('a file taken away is begun again', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir)
  record(captured, exchange({ id: 'a' }), '{}', '{}')
  await until(() => files(dir).length === 1 && lines(dir).length === 1)
  rmSync(dir, { recursive: true })
  record(captured, exchange({ id: 'b' }), '{}', '{}')
  await captured.close()
  t.same(lines(dir).map(({ id }) => id), ['b'])
  t.equal(captured.dropped, 0)
})

t.test('a folder that cannot be made costs only the capture, is told of once, and is used once it can (S8)', async (t) => {
  const root = t.testdir({ blocked: 'a file' })
  const dir = join(root, 'blocked', 'logs')
  const { capture: captured, said } = capture(dir, { reportEvery: 0, queueLimit: 5000, bodyLimit: 1000 })
  captured.start()
  await until(() => said.length === 1)
  t.match(said, [{ level: 'warn', fields: { dir, code: 'ENOTDIR', dropped: 0 }, message: /LOG_DIR cannot be written/ }])
  for (let n = 0; n < 20; n++) record(captured, exchange(), '{}', '{}')
  t.ok(captured.dropped > 0, 'the queue is bounded')
  t.equal(said.length, 1)
  rmSync(join(root, 'blocked'))
  await until(() => statSync(dir, { throwIfNoEntry: false }) !== undefined && files(dir).length > 0 && lines(dir).length + captured.dropped === 20)
  await until(() => said.length === 2)
  t.match(said[1], { level: 'info', fields: { dropped: captured.dropped }, message: /can be written again/ })
  await captured.close()
})

/** Every write to it fails with ENOSPC, and opening it does not. */
const full = '/dev/full'

t.test('a full disk costs the lines of its time, counted and told of (S7)', { skip: !existsSync(full) && `needs ${full}` }, async (t) => {
  const dir = t.testdir({ 'exchanges-2026-11-24.jsonl': t.fixture('symlink', full) })
  const { capture: captured, said } = capture(dir, { now: day('2026-11-24T10:00:00Z'), reportEvery: 300 })
  captured.start()
  for (let n = 0; n < 3; n++) record(captured, exchange({ id: String(n) }), '{}', '{}')
  await until(() => captured.dropped === 3)
  await until(() => said.length === 1)
  t.match(said, [{ level: 'warn', fields: { code: 'ENOSPC', dropped: 3 } }])
  record(captured, exchange({ id: 'lost' }), '{}', '{}')
  await until(() => captured.dropped === 4)
  await until(() => said.length === 2)
  t.match(said[1], { level: 'warn', fields: { code: 'ENOSPC', dropped: 1 } }, 'told again, not before its time')
  rmSync(join(dir, 'exchanges-2026-11-24.jsonl'))
  record(captured, exchange({ id: 'kept' }), '{}', '{}')
  await until(() => files(dir).length === 1 && lines(dir).length === 1)
  t.equal(lines(dir)[0]?.id, 'kept')
  await until(() => said.length === 3)
  t.match(said[2], { level: 'info', fields: { dropped: 4 } })
  await captured.close()
})

t.test('what a failed write left of a line does not run into the next one', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir, { now: day('2026-11-24T10:00:00Z') })
  const path = join(dir, 'exchanges-2026-11-24.jsonl')
  writeFileSync(path, '{"whole":1}\n')
  appendFileSync(path, '{"half')
  record(captured, exchange(), '{}', '{}')
  await captured.close()
  t.same(rawLines(dir).map((line) => line.slice(0, 7)), ['{"whole', '{"half', '{"time"'])
})

t.test('closing writes what is queued, and nothing after', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir)
  for (let n = 0; n < 2000; n++) record(captured, exchange(), JSON.stringify({ text: 't'.repeat(1000) }), '{}')
  await captured.close()
  t.equal(rawLines(dir).length, 2000)
  record(captured, exchange(), '{}', '{}')
  t.equal(captured.dropped, 1)
})

t.test('closing does not wait for a folder that cannot be written', async (t) => {
  const root = t.testdir({ blocked: '' })
  const { capture: captured, said } = capture(join(root, 'blocked', 'logs'))
  record(captured, exchange(), '{}', '{}')
  await captured.close()
  t.equal(captured.dropped, 1)
  t.ok(said.some(({ level }) => level === 'warn'))
})
