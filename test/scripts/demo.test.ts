import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { until } from '../helper.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const script = fileURLToPath(new URL('../../scripts/demo.ts', import.meta.url))
const answer = 'I am sim-small, a simulated model of llm-gateway\'s simulator.'

interface Teardown { teardown (fn: () => unknown): void }

/** Starts the demo in a folder and with a temporary folder of its own. */
function demo (t: Teardown, args: string[], env: Record<string, string> = {}) {
  const home = mkdtempSync(join(tmpdir(), 'demo-test-'))
  const tmp = join(home, 'tmp')
  const work = join(home, 'work')
  for (const folder of [tmp, work]) mkdirSync(folder)
  writeFileSync(join(work, 'keys.json'), 'not to be read')
  writeFileSync(join(work, '.env'), 'KEYS_FILE=nowhere.json')
  const child = spawn(process.execPath, [script, ...args], {
    cwd: work, env: { ...process.env, TMPDIR: tmp, ...env }, stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => {
    child.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  })
  const running = { child, tmp, work, output: '', code: once(child, 'close').then(([code]) => code as number | null), says }
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { running.output += text })

  /** Waits for words of the output. */
  async function says (pattern: RegExp): Promise<RegExpExecArray> {
    const ended = running.code.then(() => { throw new Error(`ended without saying ${pattern}:\n${running.output}`) })
    ended.catch(() => {})
    while (true) {
      const found = pattern.exec(running.output)
      if (found !== null) return found
      await Promise.race([once(child.stdout, 'data'), ended])
    }
  }
  return running
}

/** Takes a port for the time of a test. */
async function take (t: Teardown, port: number): Promise<number> {
  const server = createServer().listen(port, '127.0.0.1')
  t.teardown(() => { server.close() })
  // It rejects where somebody else has it.
  await once(server, 'listening').catch(() => {})
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

t.test('--once talks through the gateway and leaves nothing behind', async t => {
  // Whether this takes it or somebody else has it: 8080 is not free.
  await take(t, 8080)
  const running = demo(t, ['--once'], {
    KEYS_FILE: '/nowhere/keys.json',
    SIMULATOR_BASE_URL: 'http://127.0.0.1:1',
    PROVIDERS: 'nobody',
    GATEWAY_PORT: '1',
    MAX_REQUESTS_PER_HOUR: '0',
    LOG_LEVEL: 'silent',
    LOG_BODIES: 'off'
  })
  t.equal(await running.code, 0, running.output)
  const { output } = running
  t.match(output, /gateway +http:\/\/127\.0\.0\.1:\d+ +\(8080 is taken\)/)
  t.notMatch(output, /127\.0\.0\.1:8080/)
  t.equal(output.split(answer).length - 1, 2, 'both keys got an answer')
  t.notMatch(output, /vk_|curl|full exchange/, 'nothing to try on a gateway that is gone')
  t.notMatch(output, /sim-[\w-]{32}/, 'no real key')
  t.same(readdirSync(running.tmp), [], 'the folder is removed')
  t.same(readdirSync(running.work).sort(), ['.env', 'keys.json'], 'nothing is written where it was started')
})

t.test('talks to a gateway that writes in colours, as on a terminal', async t => {
  const running = demo(t, ['--once'], { FORCE_COLOR: '1' })
  t.equal(await running.code, 0, running.output)
  // eslint-disable-next-line no-control-regex
  t.match(running.output, /\u001b\[3\dm200 POST /, 'in colours')
  t.match(running.output, /gateway +http:\/\/127\.0\.0\.1:\d+(?: +\(8080 is taken\))?\n/)
})

t.test('serves until Ctrl-C', async t => {
  const running = demo(t, [])
  await running.says(/Serving until Ctrl-C/)
  const [, url = ''] = await running.says(/gateway +(http:\S+)/)
  await running.says(/demo-chat +vk_chat_[\w-]{32} /)
  const [, token = ''] = await running.says(/demo-messages +(vk_\S+)/)
  const [, folder = ''] = await running.says(/folder +(\S+)/)
  await running.says(/curl -N http:\/\/127\.0\.0\.1:\d+\/v1\/chat\/completions/)
  await running.says(/export OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:\d+\/v1/)
  const [, capture = ''] = await running.says(/The full exchange is in (\S+)/)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  t.equal(statSync(join(folder, 'keys.json')).mode & 0o777, 0o600)
  t.ok(readFileSync(capture, 'utf8').includes(answer))

  const reply = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'x-request-id': 'after-the-start' },
    body: JSON.stringify({ model: 'sim-large', messages: [{ role: 'user', content: 'Hello' }] })
  })
  t.match(await reply.json(), { choices: [{ message: { content: 'Thank you. You said: “Hello”.' } }] })
  await running.says(/after-the-start/)

  running.child.kill('SIGINT')
  t.equal(await running.code, 0)
  t.same(readdirSync(running.tmp), [])
  await t.rejects(fetch(`${url}/health`), 'the gateway is gone')
})

t.test('--exec runs a command and ends with its code', async t => {
  const command = 'test -r "$KEYS_FILE" && test "$OPENAI_BASE_URL" = "$GATEWAY_URL/v1" && echo "key $(printf %s "$OPENAI_API_KEY" | wc -c)"; exit 7'
  const running = demo(t, ['--exec', command])
  t.equal(await running.code, 7)
  t.match(running.output, /^key +40$/m)
  t.same(readdirSync(running.tmp), [])
})

t.test('says what went wrong', async t => {
  const port = await take(t, 0)
  const running = demo(t, ['--port', String(port)])
  t.equal(await running.code, 1)
  t.match(running.output, /The demo failed: the gateway ended \(exit code 1\)\.\s+The gateway said:\s[^]*EADDRINUSE/)
  t.same(readdirSync(running.tmp), [])

  const wrong = demo(t, ['--port', 'x'])
  t.equal(await wrong.code, 2)
  t.match(wrong.output, /--port must be a number/)
})

t.test('tells its usage, by the name it was called', async t => {
  const wrong = demo(t, ['--bogus'])
  t.equal(await wrong.code, 2)
  t.match(wrong.output, /^Unknown option '--bogus'[^]*\nusage: npm run demo -- \[--once/)
  const asked = demo(t, ['demo', '--help'])
  t.equal(await asked.code, 0)
  t.match(asked.output, /^usage: llm-gateway demo \[--once/)
})

/** `npm run demo`, as the leader of a group of its own, so that all of it ends with the test. */
function npmDemo (t: Teardown, ...args: string[]) {
  const tmp = mkdtempSync(join(tmpdir(), 'demo-test-'))
  const npm = spawn('npm', ['run', 'demo', '--', ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    detached: true,
    env: { PATH: process.env['PATH'], HOME: tmp, TMPDIR: tmp, npm_config_update_notifier: 'false' },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  t.teardown(() => {
    try { process.kill(-npm.pid!, 'SIGKILL') } catch { /* All of it has ended. */ }
    rmSync(tmp, { recursive: true, force: true })
  })
  let output = ''
  for (const stream of [npm.stdout, npm.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
  const left = (): string[] => readdirSync(tmp).filter(name => name.startsWith('llm-gateway-demo-'))
  // Its output is closed once nothing that it started is left.
  return { npm, output: () => output, left, ended: once(npm, 'close') }
}

for (const [title, signal, group] of [['a SIGTERM for npm', 'SIGTERM', false], ['a Ctrl-C, which reaches npm and all that it started,', 'SIGINT', true]] as const) {
  t.test(`npm run demo: ${title} ends all of it`, async t => {
    const { npm, output, left, ended } = npmDemo(t)
    await until(() => output().includes('Serving until Ctrl-C') || npm.exitCode !== null)
    const [, url = ''] = /gateway +(http:\S+)/.exec(output()) ?? []
    t.equal((await fetch(`${url}/health`)).status, 200)
    process.kill(group ? -npm.pid! : npm.pid!, signal)
    await ended
    t.same(left(), [], output())
    t.match(output(), 'stopping on SIGTERM', 'the gateway was told')
    await t.rejects(fetch(`${url}/health`), 'the gateway is gone')
  })
}

t.test('npm run demo: a SIGTERM for npm ends the command of --exec, too, and what that started', async t => {
  const { npm, output, left, ended } = npmDemo(t, '--exec', 'sh -c "echo at work; sleep 1000; true"; true')
  await until(() => /^at work$/m.test(output()) || npm.exitCode !== null)
  npm.kill('SIGTERM')
  await ended
  t.same(left(), [], output())
})
