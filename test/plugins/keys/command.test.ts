/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { spawnSync } from 'node:child_process'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { readKeys } from '../../../plugins/keys/file.ts'
import { digestOf } from '../../../plugins/keys/hashed.ts'
import { defaultProviders, loadBuiltin } from '../../../providers/index.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const CLI = fileURLToPath(new URL('../../../cli.ts', import.meta.url))
const providers = await Promise.all(defaultProviders.map(loadBuiltin))

interface Ran { code: number | null, out: string, error: string }

function build (t: Test, env: NodeJS.ProcessEnv = {}): { file: string, keys: (...args: string[]) => Ran, piped: (input: string, ...args: string[]) => Ran } {
  const folder = t.testdir({})
  const file = join(folder, 'keys.json')
  const piped = (input: string, ...args: string[]): Ran => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [CLI, 'keys', ...args], { cwd: folder, env: { PATH: process.env['PATH'], KEYS_FILE: file, ...env }, input, encoding: 'utf8' })
    return { code: status, out: stdout.trimEnd(), error: stderr.trimEnd() }
  }
  return { file, piped, keys: (...args) => piped('', ...args) }
}

t.test('a key\'s life', async (t) => {
  const { file, keys, piped } = build(t, { REAL: 'sk-env-0123456789' })
  const read = (): ReturnType<typeof readKeys> => readKeys(readFileSync(file), { providers, env: { REAL: 'sk-env-0123456789' } })
  const made = keys('create', '--provider', 'openai', '--api-key', '${REAL}', '--name', 'bob', '--expires-at', '2999-01-01T00:00:00Z', '--set', 'requests_per_minute=60', '--set', 'log=off')
  t.equal(made.code, 0, made.error)
  t.match(made.out, /^vk_[0-9A-Za-z]{33}$/, 'nothing but the key')
  t.match(made.error, /^made key "bob" \([0-9a-f]{12}\); above it is shown for the only time: the file has its SHA-256$/)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(read().get(digestOf(made.out)), { label: 'bob', apiKey: 'sk-env-0123456789', log: 'off', limits: [{ limit: 60 }], expiresAt: Date.parse('2999-01-01T00:00:00Z') })

  const second = piped('sk-piped-0123456789\n', 'create', '--provider', 'anthropic', '--api-key', '-')
  t.equal(second.code, 0, second.error)
  t.equal(read().get(digestOf(second.out))?.apiKey, 'sk-piped-0123456789')

  const rotated = keys('rotate', 'bob', '--overlap', '90m')
  t.equal(rotated.code, 0, rotated.error)
  t.match(rotated.error, /The old one works until 20\d\d-/)
  const ends = read().get(digestOf(made.out))?.expiresAt ?? 0
  t.ok(Math.abs(ends - Date.now() - 5_400_000) < 60_000)
  t.equal(read().get(digestOf(rotated.out))?.id, digestOf(made.out).slice(0, 12))

  const list = keys('list')
  t.equal(list.out.split('\n').length, 4)
  t.match(list.out, /^ID +KEY +PROVIDER +REAL KEY +STATE +STORED +NAME$/m)
  t.match(list.out, /^[0-9a-f]{12} +sha256:[0-9a-f]{12} +openai +\$\{REAL\} +until 20\S+Z +hashed +bob$/m)
  t.match(list.out, /anthropic +\(in the file\) +active +hashed +sha256:[0-9a-f]{12}…$/m)

  const off = keys('disable', 'bob')
  t.match(off.out, /^(disabled "bob" \([0-9a-f]{12}\), sha256:[0-9a-f]{12}\n?){2}$/)
  t.strictSame([...read().values()].map(({ disabled }) => disabled), [true, false, true])
  for (const secret of [made.out, second.out, rotated.out, 'sk-piped-0123456789']) t.notOk([list.out, off.out, off.error].join().includes(secret))
  for (const secret of [made.out, second.out, rotated.out]) t.notOk(readFileSync(file, 'utf8').includes(secret))
})

t.test('one line says why not, the code whose fault it is, and the file stays', async (t) => {
  const { file, keys } = build(t)
  const good = JSON.stringify({ virtual_keys: { vk_a_0123456789: { provider: 'openai', api_key: 'sk-real-0123456789', name: 'a' } } })
  writeFileSync(file, good, { mode: 0o600 })
  const from = ['create', '--provider', 'openai', '--api-key', '${REAL}']
  for (const [args, ended, reason] of [
    [['make'], 2, /create, list, rotate or disable must come next; see llm-gateway keys --help$/],
    [['create', '--provider', 'openai', '--api-key', 'sk-real-9876543210'], 2, /--api-key takes '\$\{NAME\}' or '\$\{file:PATH\}'/],
    [[...from, '--set', 'budget'], 2, /--set takes FIELD=VALUE/],
    [[...from, '--set', 'api_key=x'], 2, /--set does not take api_key$/],
    [['create', '--provider', 'openai'], 2, /create needs --provider NAME and --api-key/],
    [['list', '--all'], 2, /--all/],
    [['disable'], 2, /name one key/],
    [[...from, '--set', 'modles=["a"]'], 1, /unknown field "modles", did you mean "models"\?/],
    [['rotate', 'a', '--overlap', '1d'], 2, /--overlap is not a duration in Go's syntax; for example --overlap 24h$/],
    [['rotate', 'b'], 1, /there is no key of that name or id$/]
  ] as Array<[string[], number, RegExp]>) {
    const { code, out, error } = keys(...args)
    t.equal(code, ended, args.join(' '))
    t.match(error, reason)
    t.match(error, /^llm-gateway keys: [^\n]*$/, 'one line')
    t.notMatch(error, /sk-real/)
    t.equal(out, '')
    t.equal(readFileSync(file, 'utf8'), good)
  }
  t.match(keys('--help'), { code: 0, out: /llm-gateway keys rotate KEY \[--overlap 24h\]/ })
  t.match(keys(), { code: 2, error: /llm-gateway keys create/ })
})

t.test('variables that the file names and that are not set are warned of, whichever key is changed', async (t) => {
  const { keys } = build(t, { SET: 'sk-set-0123456789', EMPTY: '' })
  const warned = ({ error }: Ran): string[] => error.split('\n').filter((line) => /warning/.test(line))
  const made = keys('create', '--provider', 'openai', '--api-key', '${UNSET}', '--name', 'a')
  t.equal(made.code, 0, made.error)
  t.match(made.out, /^vk_[0-9A-Za-z]{33}$/, 'nothing but the key')
  const unset = 'llm-gateway keys: warning: the file names ${UNSET}, which is not set here; a gateway that does not have it either takes nothing of the file, and its old keys stay in force: make sure that it was started with UNSET'
  t.strictSame(warned(made), [unset])
  t.strictSame(warned(keys('create', '--provider', 'openai', '--api-key', '${SET}', '--name', 'b')), [unset], 'that of another key')
  t.strictSame(warned(keys('rotate', 'a', '--overlap', '0')), [unset], 'once for all its keys')
  const target = '[{"provider": "openai", "api_key": "${EMPTY}"}, {"provider": "openai", "api_key": "${SET}"}]'
  t.match(keys('create', '--provider', 'openai', '--api-key', '${SET}', '--set', `targets=${target}`), { code: 1, error: /^[^\n]*targets[^\n]*$/ }, 'what fails does not warn')
  const off = keys('disable', 'b')
  t.match(off, { code: 0, out: /^disabled "b"/ })
  t.strictSame(warned(off), [unset])
  t.equal(keys('list').error, '')
  t.strictSame(warned(keys('create', '--provider', 'openai', '--api-key', '${EMPTY}')).length, 2, 'an empty one is not set')
})

t.test('there is no file yet', async (t) => {
  t.match(build(t).keys('list'), { code: 1, error: /keys\.json: it does not exist: llm-gateway keys create makes it$/ })
})
