import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { until } from '../helper.ts'
import { Evidence, PLUGIN, Secrets } from './stage.ts'

const SERVER = fileURLToPath(new URL('../../server.ts', import.meta.url))

t.setTimeout(120_000)

t.test('what the system keeps of a crashed process has no key in it (X20)', { skip: !existsSync('/proc/self/coredump_filter') && 'this system has no /proc' }, async (t) => {
  const folder = t.testdir({})
  const secrets = new Secrets()
  const real = secrets.make('real key', 'sk-')
  const CANARY_API_KEY = secrets.make('real key of the environment', 'sk-')
  writeFileSync(join(folder, 'keys.json'), JSON.stringify({ virtual_keys: { [secrets.make('virtual key', 'vk_')]: { provider: 'openai', api_key: real } } }), { mode: 0o600 })
  const child = spawn('sh', ['-c', 'ulimit -c unlimited; exec "$@"', 'sh', process.execPath, SERVER], {
    cwd: folder,
    env: { PATH: process.env['PATH'], GATEWAY_PORT: '0', LOG_FORMAT: 'json', PROVIDERS: `openai,${PLUGIN}`, CANARY_MANNER: 'aborts', CANARY_API_KEY },
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const ended = once(child, 'close')
  t.teardown(() => child.kill('SIGKILL'))
  let output = ''
  child.stdout.on('data', (data) => { output += data })
  child.stderr.on('data', (data) => { output += data })
  await until(() => output.includes('listening at') || child.exitCode !== null)
  t.match(readFileSync(`/proc/${child.pid}/coredump_filter`, 'utf8'), /^0+\n$/, 'no part of its memory is dumped')
  child.kill('SIGWINCH')
  t.same((await ended)[1], 'SIGABRT')
  const evidence = new Evidence()
  evidence.add('the output', output)
  evidence.addFolder('the folder', folder, ['keys.json'])
  t.same(evidence.find(secrets.all), [], 'the dump itself, where the system keeps it in the folder')
})
