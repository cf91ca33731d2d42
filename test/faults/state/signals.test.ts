import { connect } from 'node:net'
import t, { type Test as Tap } from 'tap'
import { until } from '../../helper.ts'
import { start } from '../../process.ts'
import { dialects, keysFile, send, startSpeaker } from '../speak.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const stopping = (signal: string) => ({ output }: { output: () => string }) => (): boolean => output().includes(`stopping on ${signal}`)

async function endsWhole (t: Tap, signal: 'SIGTERM' | 'SIGINT'): Promise<void> {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, {}, keysFile())
  // A connection from before, which is not idle: its next request is told so.
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  let said = ''
  socket.on('error', () => {}).on('data', (data) => { said += data })
  socket.write('GET /health HTTP/1.1\r\nhost: x\r\n\r\n')
  await until(() => said.includes('"ok"'))
  const streams = await Promise.all(dialects.flatMap((spoken) => [1, 2].map(async () => ({ spoken, reply: await send(gateway.url, spoken, { model: 'talks', stream: true }) }))))
  gateway.child.kill(signal)
  await until(stopping(signal)(gateway))
  await t.rejects(fetch(`${gateway.url}/health`), 'the listener is closed')
  said = ''
  socket.write('POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n')
  await until(() => said === '' ? socket.destroyed : /shutting_down/.test(said))
  if (said !== '') t.match(said, /^HTTP\/1\.1 503 [^]*connection: close/i)
  const before = performance.now()
  provider.done()
  for (const { spoken: { name, first, more, last }, reply } of streams) {
    const text = (await reply.text()).replaceAll(': still there\n\n', '')
    t.ok(text.startsWith(first + more + last), `${name}: ${text.slice(-200)}`)
  }
  t.equal(await gateway.ended, 0)
  t.ok(performance.now() - before < 6000, 'at most 6 s after the last')
}

t.test('SIGTERM with open streams of every dialect: each ends whole, nothing new comes in, and the end is 0 (S3)', (t) => endsWhole(t, 'SIGTERM'))

t.test('SIGINT is as SIGTERM (S6)', (t) => endsWhole(t, 'SIGINT'))

t.test('SIGTERM with idle connections: the end is 0 within 5 s (S4)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, {}, keysFile())
  const port = Number(new URL(gateway.url).port)
  // Some that have asked, and some that never said anything.
  for (const spoken of dialects) await (await send(gateway.url, spoken)).text()
  const idle = Array.from({ length: 50 }, () => connect(port, '127.0.0.1').on('error', () => {}))
  await until(() => idle.every(({ connecting }) => !connecting))
  const told = performance.now()
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.ended, 0)
  t.ok(performance.now() - told < 5000)
})

t.test('SIGTERM with a provider that hangs: the error of each dialect, and the end is 0 within 15 s (S5)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, { REQUEST_TIMEOUT: '10m' }, keysFile())
  const silent = dialects.flatMap((spoken) => [true, false].map(async (stream) => ({ spoken, reply: await send(gateway.url, spoken, { model: 'silent', stream }) })))
  const hung = await Promise.all(dialects.map(async (spoken) => ({ spoken, reply: await send(gateway.url, spoken, { model: 'hangs', stream: true }) })))
  await until(() => provider.requests.length === 9)
  const told = performance.now()
  gateway.child.kill('SIGTERM')
  for (const { spoken, reply } of hung) {
    const text = await reply.text()
    t.ok(text.startsWith(spoken.first), spoken.name)
    t.match(text.slice(spoken.first.length - 2), spoken.broken, spoken.name)
    t.notMatch(text, /\[DONE\]|message_stop|response\.completed/)
  }
  for (const { spoken, reply } of await Promise.all(silent)) {
    t.equal(reply.status, 503, spoken.name)
    t.match(spoken.codeOf(await reply.text()), /shutting_down|api_error|overloaded_error/)
  }
  t.equal(await gateway.ended, 0)
  t.ok(performance.now() - told < 15_000, `${performance.now() - told} ms`)
  await Promise.all(provider.requests.map(({ aborted }) => aborted))
  t.equal(gateway.output().match(/"outcome":"shutdown"/g)?.length, 9, 'each has its line')
})

t.test('a second signal ends it at once, whatever is open (S6)', async (t) => {
  for (const [one, two] of [['SIGTERM', 'SIGTERM'], ['SIGINT', 'SIGTERM'], ['SIGTERM', 'SIGINT']] as const) {
    const provider = await startSpeaker(t)
    const gateway = await start(t, provider.url, {}, keysFile())
    const open = dialects.map((spoken) => send(gateway.url, spoken, { model: 'silent' }).catch(() => {}))
    await until(() => provider.requests.length === 3)
    gateway.child.kill(one)
    await until(stopping(one)(gateway))
    const told = performance.now()
    gateway.child.kill(two)
    t.equal(await gateway.ended, 1)
    t.ok(performance.now() - told < 5000)
    await Promise.all(open)
  }
})
