import { spawn, spawnSync, type ChildProcess, type StdioOptions } from 'node:child_process'
import { closeSync, openSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import type { Output } from '../../../plugins/logging/output.ts'
import { LogSink, logStream } from '../../../plugins/logging/sink.ts'
import { until } from './fixtures.ts'

const asItIs = (line: string): string => line

/** An output whose writes end when the test says so. */
class Held implements Output {
  written = ''
  #end: ((error?: Error) => void) | undefined = undefined

  get busy (): boolean {
    return this.#end !== undefined
  }

  write (chunk: Buffer, done: (error?: Error) => void): void {
    this.#end = (error) => {
      this.#end = undefined
      if (error === undefined) this.written += chunk.toString()
      done(error)
    }
  }

  writeNow (chunk: Buffer): void {
    this.written += chunk.toString()
  }

  end (error?: Error): void {
    this.#end?.(error)
  }
}

t.test('lines are gathered, in order, and none waits for the next', async (t) => {
  const stream = new PassThrough()
  let written = ''
  let writes = 0
  stream.on('data', (chunk) => {
    written += chunk
    writes++
  })
  const sink = logStream('json', stream)
  for (let n = 0; n < 1000; n++) sink.write(`${n}\n`)
  t.equal(written, '', 'not within the call')
  await until(() => written.endsWith('999\n'))
  t.equal(written, Array.from({ length: 1000 }, (_, n) => `${n}\n`).join(''))
  t.ok(writes < 10)
  t.equal(sink.dropped, 0)
})

t.test('a reader that takes nothing costs the lines that do not fit, and is told of them afterwards', async (t) => {
  const output = new Held()
  const sink = new LogSink(output, asItIs, 20_000)
  const line = `${'x'.repeat(999)}\n`
  for (let n = 0; n < 100; n++) sink.write(line)
  t.equal(sink.dropped, 80)
  await sink.flush(1)
  t.equal(output.written, '', 'flush does not wait for ever')
  while (output.busy) output.end()
  const written = output.written.trimEnd().split('\n')
  t.equal(written.length, 21)
  t.match(JSON.parse(written.at(-1) ?? ''), { level: 40, time: Number, dropped: 80, msg: /dropped/ })
  sink.write(line)
  await sink.flush(1)
  output.end()
  t.equal(output.written.trimEnd().split('\n').length, 22, 'told once')
})

t.test('the bound is of bytes, whatever the characters', async (t) => {
  const sink = new LogSink(new Held(), asItIs, 20_500)
  const line = `${'日'.repeat(333)}\n`
  for (let n = 0; n < 100; n++) sink.write(line)
  t.equal(sink.dropped, 80)
})

t.test('lines that wait keep no more memory than they need, whatever is made beside them', async (t) => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const sink = new LogSink(new Held(), asItIs)
  const line = `${'x'.repeat(399)}\n`
  collect()
  const before = process.memoryUsage().arrayBuffers
  for (let n = 0; n < 10_000; n++) {
    sink.write(line)
    // As of a body, out of the piece of memory that Node shares among small buffers.
    Buffer.from(line.repeat(50))
  }
  collect()
  const held = process.memoryUsage().arrayBuffers - before
  t.equal(sink.dropped, 0)
  t.ok(held < 8_000_000, `${held} bytes for 4,000,000`)
})

t.test('a failed write costs its lines, and the next one waits a second', async (t) => {
  const output = new Held()
  const sink = new LogSink(output, asItIs, 1_000_000)
  sink.write('lost\n')
  const flushed = sink.flush(1)
  output.end(new Error('EPIPE'))
  await flushed
  t.equal(sink.dropped, 1)
  sink.write('x'.repeat(9000) + '\n')
  t.equal(output.busy, false, 'not at once')
  await until(() => output.busy)
  while (output.busy) output.end()
  t.match(output.written, /^x+\n\{"level":40,.*"dropped":1,.*\}\n$/)
})

t.test('what waits is written at once where the process ends', async (t) => {
  const output = new Held()
  const sink = new LogSink(output, asItIs)
  sink.write('a\n')
  sink.write('b\n')
  sink.flushNow()
  sink.flushNow()
  t.equal(output.written, 'a\nb\n')
})

t.test('an error of the stream does not end the process', async (t) => {
  const sink = logStream('json', new Writable({ write (_chunk, _encoding, done) { done(new Error('broken')) } }))
  sink.write('a\n')
  await sink.flush(50)
  t.equal(sink.dropped, 1)
})

t.test('pretty lines', async (t) => {
  const stream = new PassThrough()
  const sink = logStream('pretty', stream)
  const write = (line: object): void => sink.write(JSON.stringify({ level: 30, time: 1, pid: 1, hostname: 'h', ...line }) + '\n')
  const request = {
    id: 'req-1',
    method: 'POST',
    path: '/v1/chat/completions',
    key: 'alice',
    provider: 'acme',
    model: 'large',
    stream: true,
    status: 200,
    outcome: 'done',
    firstByteMs: 12.3,
    ms: 56.8,
    tokens: { input: 3, cached: 0, output: 5 },
    bytesIn: 1,
    bytesOut: 2
  }
  const msg = 'request'
  write({ ...request, msg })
  write({ ...request, model: 'a\u001b[2Jb\nc\u009bd', status: 502, outcome: 'upstream_broke', error: 'upstream_broke', lossy: ['seed'], level: 40, msg })
  write({ id: 'req-2', method: 'GET', path: '/health', status: 200, outcome: 'done', ms: 1, msg: 'request' })
  write({ id: 'req-3', method: 'GET', path: '/usage', key: 'bob', status: 403, outcome: 'refused', error: 'ip_not_allowed', client: '192.0.2.1', ms: 1, msg })
  write({ port: 8080, text: 'a\u001b\u009bb', msg: 'Server\u001b[2J listening' })
  write({ err: { type: 'Error', message: 'oops', stack: 'Error: oops\n    at x' }, msg: 'failed' })
  sink.write('not JSON\n')
  await sink.flush()
  stream.end()
  // eslint-disable-next-line no-control-regex
  const lines = (await text(stream)).replace(/\u001b\[\d+m/g, '').replace(/^\[[\d:]+\] /gm, '').trimEnd().split('\n')
  t.same(lines, [
    'INFO: 200 POST /v1/chat/completions  alice  acme/large  streamed  56.8 ms (first byte 12.3)  3 in, 5 out  req-1',
    'WARN: 502 POST /v1/chat/completions  alice  acme/a[2Jbcd  streamed  56.8 ms (first byte 12.3)  3 in, 5 out  upstream_broke  not translated: seed  req-1',
    'INFO: 200 GET /health  1 ms  req-2',
    'INFO: 403 GET /usage  bob  1 ms  refused  ip_not_allowed  from 192.0.2.1  req-3',
    'INFO: Server[2J listening {"port":8080,"text":"a\\u001bb"}',
    'INFO: failed ',
    '    err: {',
    '      "type": "Error",',
    '      "message": "oops",',
    '      "stack":',
    '          Error: oops',
    '              at x',
    '    }',
    'not JSON'
  ])
})

/**
 * A process that writes 200 lines of 1 kB every 10 ms, ends itself when its stdin says so (with `finish` only once all is
 * out), and tells on stderr how it fared: lines dropped, and the longest time its event loop stood still.
 */
const program = `
import { flush, logStream } from ${JSON.stringify(new URL('../../../plugins/logging/sink.ts', import.meta.url).href)}
const sink = logStream('json')
let stalled = 0
let last = performance.now()
let written = 0
const timer = setInterval(() => {
  const now = performance.now()
  stalled = Math.max(stalled, now - last)
  for (let n = 0; n < 200; n++, written++) sink.write(JSON.stringify({ n: written, pad: 'p'.repeat(980) }) + '\\n')
  last = performance.now()
}, 10)
setInterval(() => process.stderr.write(JSON.stringify({ written, dropped: sink.dropped, stalled }) + '\\n'), 100)
process.stdin.on('data', async (command) => {
  if (String(command) === 'stop' || String(command) === 'finish') {
    clearInterval(timer)
    await flush(String(command) === 'finish' ? 30_000 : undefined)
    process.stderr.write(JSON.stringify({ written, dropped: sink.dropped, stalled }) + '\\n')
    process.exit(7)
  }
  throw new Error('crash')
})
`

interface State { written: number, dropped: number, stalled: number }

/** @param first shell commands, such as a `ulimit`, that the process inherits */
function start (stdout: 'pipe' | number, first = ':'): { child: ChildProcess, state: () => State | undefined, ended: Promise<number | null>, errors: () => string } {
  const stdio: StdioOptions = ['pipe', stdout, 'pipe']
  const child = spawn('sh', ['-c', `${first}; exec "$@"`, 'sh', process.execPath, '--input-type=module', '-e', program], { stdio })
  let errors = ''
  child.stderr?.on('data', (chunk) => { errors += chunk })
  return {
    child,
    state: () => {
      const last = errors.trimEnd().split('\n').findLast((line) => line.startsWith('{"written"') && line.endsWith('}'))
      return last === undefined ? undefined : JSON.parse(last)
    },
    ended: new Promise((resolve) => child.on('exit', resolve)),
    errors: () => errors
  }
}

t.test('a closed standard output neither ends the process nor keeps it (S26)', async (t) => {
  const { child, state, ended } = start('pipe')
  t.teardown(() => child.kill('SIGKILL'))
  child.stdout?.once('data', () => child.stdout?.destroy())
  await until(() => (state()?.dropped ?? 0) > 0, 20_000)
  const { written = 0 } = state() ?? {}
  await until(() => (state()?.written ?? 0) > written + 1000, 20_000)
  child.stdin?.write('stop')
  t.equal(await ended, 7)
})

t.test('a standard output that nobody reads holds up neither the process nor its end (S26)', async (t) => {
  const { child, state, ended } = start('pipe')
  t.teardown(() => child.kill('SIGKILL'))
  child.stdout?.pause()
  // 8 MB wait, the rest is dropped.
  await until(() => (state()?.dropped ?? 0) > 2000, 30_000)
  t.ok((state()?.stalled ?? Infinity) < 1000, `the longest stall was ${state()?.stalled} ms`)
  child.stdin?.write('stop')
  t.equal(await ended, 7)
})

t.test('a reader that comes back gets what waited, and the number of what did not (S26)', async (t) => {
  const { child, state, ended } = start('pipe')
  t.teardown(() => child.kill('SIGKILL'))
  await until(() => (state()?.dropped ?? 0) > 0, 30_000)
  let out = ''
  child.stdout?.on('data', (chunk) => { out += chunk })
  await until(() => out.includes('"level":40'), 20_000)
  child.stdin?.write('finish')
  t.equal(await ended, 7)
  await until(() => child.stdout?.readableEnded === true && child.stderr?.readableEnded === true)
  const all = out.trimEnd().split('\n').map((line) => JSON.parse(line))
  const numbers = all.filter(({ n }) => n !== undefined).map(({ n }) => n)
  t.same(numbers, numbers.toSorted((a, b) => a - b), 'in order')
  const told = all.reduce((sum, { dropped = 0 }) => sum + dropped, 0)
  // The last ones may be among the dropped: what was made only the process knows.
  t.equal(numbers.length + told, state()?.written, 'written and dropped is all there was')
})

t.test('a process that crashes writes its last lines to a file', async (t) => {
  const path = join(t.testdir(), 'out')
  const fd = openSync(path, 'w')
  const { child, state, ended } = start(fd)
  closeSync(fd)
  t.teardown(() => child.kill('SIGKILL'))
  await until(() => (state()?.written ?? 0) > 500, 20_000)
  child.stdin?.write('crash')
  t.equal(await ended, 1)
  const lines = readFileSync(path, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line))
  // A batch that was under way in the thread pool as the process crashed may land behind the last ones.
  t.same(lines.map(({ n }) => n).toSorted((a, b) => a - b), lines.map((_, n) => n), 'each line is there, once')
  t.ok(lines.length >= (state()?.written ?? Infinity))
})

t.test('half a line, which a full disk took, does not run into the next one', async (t) => {
  const path = join(t.testdir(), 'out')
  const fd = openSync(path, 'w')
  const { child, state, ended } = start(fd, 'ulimit -S -f 1000')
  closeSync(fd)
  t.teardown(() => child.kill('SIGKILL'))
  await until(() => (state()?.dropped ?? 0) > 0, 20_000)
  const { size } = statSync(path)
  t.equal(spawnSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']).status, 0)
  await until(() => statSync(path).size > size, 20_000)
  child.stdin?.write('finish')
  t.equal(await ended, 7)
  const halves = readFileSync(path, 'utf8').trimEnd().split('\n').filter((line) => !line.endsWith('}'))
  t.equal(halves.length, 1)
  const wholes = readFileSync(path, 'utf8').trimEnd().split('\n').filter((line) => line.endsWith('}'))
  for (const line of wholes) JSON.parse(line)
})
