import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { keysOf } from '../process.ts'
import { CHAT_KEY, until } from '../helper.ts'

/** `npm start`, as the leader of a group of its own, so that all of it ends with the test. */
function npmStart (t: Test, keys: Record<string, string>): { npm: ChildProcess, output: () => string, ended: Promise<unknown[]> } {
  const folder = t.testdir(keys)
  const npm = spawn('npm', ['start'], {
    detached: true,
    env: { PATH: process.env['PATH'], HOME: folder, KEYS_FILE: `${folder}/keys.json`, DATA_DIR: `${folder}/data`, LOG_BODIES: 'off', GATEWAY_PORT: '0', LOG_FORMAT: 'json', npm_config_update_notifier: 'false' },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  npm.stdout.on('data', (data) => { output += data })
  npm.stderr.on('data', (data) => { output += data })
  t.teardown(() => {
    try { process.kill(-npm.pid!, 'SIGKILL') } catch { /* All of it has ended. */ }
  })
  // Its output is closed once nothing that it started is left.
  return { npm, output: () => output, ended: once(npm, 'close') }
}

t.test('npm start: a SIGTERM for npm stops the gateway, and npm waits for it', async (t) => {
  const { npm, output, ended } = npmStart(t, { 'keys.json': keysOf(CHAT_KEY) })
  await until(() => /listening at /.test(output()) || npm.exitCode !== null)
  const gateway = Number(/"pid":(\d+)/.exec(output())?.[1])
  npm.kill('SIGTERM')
  const [code] = await once(npm, 'exit')
  t.equal(code, 0, output())
  t.throws(() => process.kill(gateway, 0), { code: 'ESRCH' }, 'no orphan')
  await ended
  t.match(output(), 'stopping on SIGTERM')
})

t.test('npm start: a Ctrl-C, which reaches npm and all that it started, is one signal for the gateway', async (t) => {
  const { npm, output, ended } = npmStart(t, { 'keys.json': keysOf(CHAT_KEY) })
  await until(() => /listening at /.test(output()) || npm.exitCode !== null)
  process.kill(-npm.pid!, 'SIGINT')
  t.same(await ended, [0, null], output())
  t.match(output(), 'stopping on SIGINT')
  t.notMatch(output(), 'second')
})

t.test('npm start: a start that fails is a failure of npm', async (t) => {
  const { output, ended } = npmStart(t, {})
  t.same(await ended, [1, null], output())
})
