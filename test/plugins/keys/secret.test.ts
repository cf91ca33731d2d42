/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import config from '../../../plugins/config/index.ts'
import errors from '../../../plugins/errors.ts'
import { readKeys } from '../../../plugins/keys/file.ts'
import keys from '../../../plugins/keys/index.ts'
import { SecretFiles } from '../../../plugins/keys/secret.ts'
import { defaultProviders, loadBuiltin } from '../../../providers/index.ts'
import { until } from '../../helper.ts'

t.setTimeout(120_000)

const TOKEN = 'vk_user1_secret_token'
const providers = await Promise.all(defaultProviders.map(loadBuiltin))
const content = (apiKey: string): string => JSON.stringify({ virtual_keys: { [TOKEN]: { provider: 'openai', api_key: apiKey } } })
const secretIn = (apiKey: string, files?: SecretFiles): string | undefined =>
  [...readKeys(Buffer.from(content(apiKey)), { providers, env: {}, files }).values()][0]?.apiKey

interface Line { level: number, msg: string }

async function build (t: Test, apiKey: string): Promise<{ app: FastifyInstance, lines: Line[], real: () => string | undefined, file: string }> {
  const folder = t.testdirName
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'keys.json')
  writeFileSync(file, content(apiKey), { mode: 0o600 })
  const lines: Line[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } } })
  t.teardown(() => app.close())
  await app.register(rateLimit, { global: false })
  await app.register(errors)
  await app.register(config, { env: { KEYS_FILE: file } })
  await app.register(keys, { env: {}, pollInterval: 20 })
  await app.ready()
  return { app, lines, file, real: () => app.keys.find(TOKEN)?.apiKey }
}

t.test('a real key from a file, without the one line\'s end (X20)', async (t) => {
  const folder = t.testdir({ plain: 'sk-a', unix: 'sk-b\n', dos: 'sk-c\r\n' })
  for (const [name, secret] of [['plain', 'sk-a'], ['unix', 'sk-b'], ['dos', 'sk-c']] as const) t.equal(secretIn(`\${file:${join(folder, name)}}`), secret)
})

t.test('faults name the file and quote nothing of it', async (t) => {
  const folder = t.testdir({ empty: '', newline: '\n', two: 'sk-secret-1\n\n', spaced: 'sk-secret 2', big: 'x'.repeat(20_000), dir: {}, é: 'sk-é' })
  for (const [text, reason] of [
    [join(folder, 'none'), /: "api_key" takes the file .*none: it does not exist$/],
    [join(folder, 'plain', 'none'), /: it does not exist$/],
    [join(folder, 'dir'), /: it is not a regular file$/],
    ['/dev/null', /: it is not a regular file$/],
    [join(folder, 'empty'), /: it is empty$/],
    [join(folder, 'newline'), /: it is empty$/],
    [join(folder, 'two'), /: it holds spaces, control characters, non-ASCII characters or more than one line$/],
    [join(folder, 'spaced'), /: it holds spaces/],
    [join(folder, 'big'), /: it is too large for a key$/],
    ['relative', /: "api_key" must be \$\{file:PATH\} with a path from the root, such as \$\{file:\/run\/secrets\/provider\}$/],
    ['', /: "api_key" must be \$\{NAME\} and nothing else/]
  ] as const) {
    t.throws(() => secretIn(`\${file:${text}}`), { name: 'KeysFault', message: reason })
    try {
      secretIn(`\${file:${text}}`)
    } catch (error) {
      t.notMatch(String(error), 'sk-secret')
    }
  }
})

t.test('a file is read once, however many keys name it', async (t) => {
  const file = join(t.testdir({ secret: 'sk-a' }), 'secret')
  let reads = 0
  const entry = { provider: 'openai', api_key: `\${file:${file}}` }
  const bytes = Buffer.from(JSON.stringify({ virtual_keys: Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`vk_${index}`, entry])) }))
  readKeys(bytes, { providers, env: {}, files: { read: () => `sk-${++reads}` } })
  t.equal(reads, 1)
})

t.test('what was loaded and what is there now are told in the same words', async (t) => {
  const folder = t.testdir({ a: 'sk-a' })
  const files = new SecretFiles()
  const [a, none] = [join(folder, 'a'), join(folder, 'none')]
  files.read(a)
  t.throws(() => files.read(none))
  t.equal(await files.look(), files.loaded())
  t.notMatch(files.loaded(), 'sk-a')
  writeFileSync(none, 'sk-n')
  t.not(await files.look(), files.loaded())
  files.read(none)
  t.equal(await files.look(), files.loaded())
  rmSync(a)
  t.not(await files.look(), files.loaded())
  writeFileSync(a, 'sk-a')
  t.equal(await files.look(), files.loaded())
})

t.test('a running gateway takes what is new, by rename, in place and behind a symbolic link', async (t) => {
  const folder = t.testdir({ secret: 'sk-first\n', v2: 'sk-linked', v3: 'sk-linked-again' })
  const secret = join(folder, 'secret')
  const { lines, real } = await build(t, `\${file:${secret}}`)
  t.equal(real(), 'sk-first')
  writeFileSync(join(folder, 'new'), 'sk-renamed\n')
  renameSync(join(folder, 'new'), secret)
  await until(() => real() === 'sk-renamed')
  writeFileSync(secret, 'sk-in-place\n')
  await until(() => real() === 'sk-in-place')
  for (const name of ['v2', 'v3']) {
    symlinkSync(name, join(folder, 'link'))
    renameSync(join(folder, 'link'), secret)
    await until(() => real() === readFileSync(join(folder, name), 'utf8'))
  }
  t.equal(lines.filter(({ msg }) => msg === 'keys reloaded').length, 4)
  t.equal(lines.filter(({ level }) => level > 30).length, 0)
})

t.test('a bad file leaves the old key in force, and is reported once', async (t) => {
  const folder = t.testdir({ secret: 'sk-first\n' })
  const secret = join(folder, 'secret')
  const { lines, real, file } = await build(t, `\${file:${secret}}`)
  const errors = (): Line[] => lines.filter(({ level }) => level === 50)
  writeFileSync(secret, 'sk-bad key\n')
  await until(() => errors().length === 1)
  t.match(errors()[0]?.msg, /^keys not reloaded, the old ones stay in force: line 1, key "vk_user1…": "api_key" takes the file .*secret: it holds spaces/)
  rmSync(secret)
  await until(() => errors().length === 2)
  t.match(errors()[1]?.msg, /secret: it does not exist$/)
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(errors().length, 2)
  t.equal(real(), 'sk-first')
  writeFileSync(secret, 'sk-first\n')
  await until(() => lines.some(({ msg }) => msg === 'the keys file is again the one in force'))
  writeFileSync(secret, 'sk-second\n')
  await until(() => real() === 'sk-second')

  // Another file, which is not there yet.
  const later = join(folder, 'later')
  writeFileSync(file, content(`\${file:${later}}`))
  await until(() => errors().length === 3)
  t.equal(real(), 'sk-second')
  writeFileSync(later, 'sk-later')
  await until(() => real() === 'sk-later')
  t.notMatch(JSON.stringify(lines), /sk-/)
})
