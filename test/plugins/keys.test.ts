/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { createHash } from 'node:crypto'
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import rateLimit from '@fastify/rate-limit'
import Fastify, { type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import config from '../../plugins/config/index.ts'
import errors from '../../plugins/errors.ts'
import { parseJson } from '../../plugins/file/json.ts'
import { keepReloading } from '../../plugins/file/reload.ts'
import { KeysFault } from '../../plugins/keys/faults.ts'
import { readKeys } from '../../plugins/keys/file.ts'
import keys from '../../plugins/keys/index.ts'
import { KeysSchema } from '../../plugins/keys/schema.ts'
import { shorten } from '../../plugins/keys/shorten.ts'
import { parseDateTime } from '../../plugins/moment.ts'
import { nearest } from '../../plugins/nearest.ts'
import { loadBuiltin, defaultProviders } from '../../providers/index.ts'

const TOKEN = 'vk_user1_secret_token'
const REAL = 'sk-real-key-0123456789'
const providers = await Promise.all(defaultProviders.map(loadBuiltin))

interface Line { level: number, msg: string, file?: string, added?: number, removed?: number, changed?: number }

const WARN = 40
const ERROR = 50

async function build (t: Test, file: string, env: NodeJS.ProcessEnv = {}): Promise<{ app: FastifyInstance, lines: Line[] }> {
  const lines: Line[] = []
  const app = Fastify({
    logger: { stream: { write: (line: string) => { lines.push(JSON.parse(line)) } } }
  })
  t.teardown(() => app.close())
  await app.register(rateLimit, { global: false })
  await app.register(errors)
  await app.register(config, { env: { KEYS_FILE: file, ...env } })
  await app.register(keys, { env, pollInterval: 20 })
  await app.register(async (guarded) => {
    guarded.addHook('onRequest', guarded.authenticate)
    guarded.get('/who', { logLevel: 'silent' }, (request) => request.key.id)
  })
  await app.ready()
  return { app, lines }
}

/** Writes a keys file that only its owner can read. */
function write (t: Test, content: unknown, name = 'keys.json'): string {
  const file = join(t.testdirName, name)
  mkdirSync(t.testdirName, { recursive: true })
  writeFileSync(file, typeof content === 'string' || Buffer.isBuffer(content) ? content : JSON.stringify(content), { mode: 0o600 })
  return file
}

function entry (fields: object = {}): object {
  return { provider: 'openai', api_key: REAL, ...fields }
}

function idOf (token: string): string {
  return createHash('sha256').update(token).digest('hex').slice(0, 12)
}

async function until (condition: () => boolean): Promise<void> {
  const end = Date.now() + 10_000
  while (!condition() && Date.now() < end) await sleep(5)
}

t.test('what a key holds', async (t) => {
  t.testdir({})
  const { app, lines } = await build(t, write(t, {
    $schema: './keys.schema.json',
    virtual_keys: {
      [TOKEN]: entry(),
      second: entry({
        api_key: '${SECOND_KEY}',
        name: 'Zoë\'s key',
        max_requests_per_hour: 'unlimited',
        models: ['small-*', 'large'],
        model_aliases: { fast: 'small-1' },
        upstream_dialects: ['openai-chat'],
        expires_at: '2999-12-31T23:59:59.5+02:00',
        disabled: false,
        log: 'off'
      }),
      third: entry({ max_requests_per_hour: 0 })
    }
  }), { SECOND_KEY: 'sk-second' })
  t.equal(app.keys.size, 3)
  t.strictSame(app.keys.find(TOKEN), {
    id: idOf(TOKEN),
    label: 'vk_user1…',
    token: TOKEN,
    provider: 'openai',
    apiKey: REAL,
    disabled: false,
    groups: [],
    limits: []
  })
  t.strictSame(app.keys.find('second'), {
    id: idOf('second'),
    label: 'Zoë\'s key',
    token: 'second',
    provider: 'openai',
    apiKey: 'sk-second',
    disabled: false,
    groups: [],
    limits: [{ name: 'max_requests_per_hour', owner: idOf('second'), label: 'Zoë\'s key', unit: 'requests', per: 'hour', limit: Infinity, dryRun: false }],
    models: ['small-*', 'large'],
    modelAliases: new Map([['fast', 'small-1']]),
    upstreamDialects: ['openai-chat'],
    expiresAt: Date.parse('2999-12-31T21:59:59.5Z'),
    log: 'off'
  })
  t.strictSame(app.keys.find('third')?.limits.map(({ limit }) => limit), [0])
  t.strictSame(lines, [])
})

t.test('limits of a key and of its groups', async (t) => {
  const read = readKeys(Buffer.from(JSON.stringify({
    groups: { research: { tokens_per_day: 1000, budget: { usd: 0.1, per: 'total' } }, Köln: { max_parallel_requests: { limit: 3, dry_run: true } } },
    virtual_keys: {
      [TOKEN]: entry({
        name: 'mine',
        groups: ['research', 'Köln'],
        requests_per_minute: { limit: 7 },
        budget: [{ usd: 20.000000001, per: 'month', timezone: 'Asia/Kolkata', dry_run: true }, { usd: 1, per: 'week' }]
      })
    }
  })), { providers, env: {} })
  const [key] = [...read.values()]
  t.strictSame(key?.groups, ['research', 'Köln'])
  const mine = { owner: idOf(TOKEN), label: 'mine' }
  const research = { owner: 'group:research', label: 'research' }
  t.strictSame(key?.limits, [
    { name: 'budget', ...mine, unit: 'money', per: 'month', limit: 20_000_000_001, timezone: 'Asia/Kolkata', dryRun: true },
    { name: 'budget', ...mine, unit: 'money', per: 'week', limit: 1e9, timezone: 'UTC', dryRun: false },
    { ...mine, name: 'requests_per_minute', unit: 'requests', per: 'minute', limit: 7, dryRun: false },
    { name: 'budget', ...research, unit: 'money', per: 'total', limit: 1e8, dryRun: false },
    { ...research, name: 'tokens_per_day', unit: 'tokens', per: 'day', timezone: 'UTC', limit: 1000, dryRun: false },
    { owner: 'group:Köln', label: 'Köln', name: 'max_parallel_requests', unit: 'parallel', per: 'held', limit: 3, dryRun: true }
  ])
})

t.test('refused at the start', async (t) => {
  const one = (fields: unknown, token = TOKEN): unknown => ({ virtual_keys: { [token]: fields } })
  const cases: [content: unknown, reason: RegExp][] = [
    ['', /: it is empty$/],
    ['  \n', /: it is empty$/],
    ['{"virtual_keys": {\n  "vk_user1_secret_token": sk-real-key-0123456789 }', /: it is not valid JSON: see line 2, column 28, where a value must be, texts and names in double quotes$/],
    ['{"virtual_keys": {}', /: it is not valid JSON: it ends too early$/],
    ['{"virtual_keys": {},}', /: it is not valid JSON: see line 1, column 21, "\}" behind a comma: the last entry has none$/],
    ['{"virtual_keys": {}} sk-real-key-0123456789', /: it is not valid JSON: see line 1, column 22, where the end must be$/],
    [Buffer.from([0x7b, 0xff, 0x7d]), /: it is not UTF-8$/],
    ['['.repeat(100_000), /: it is nested too deeply: see line 1, column 34$/],
    ['null', /: it must be an object; the file is \{"virtual_keys": \{"vk_…": \{"provider": …, "api_key": …\}\}\}$/],
    ['[]', /: it must be an object; the file is \{"virtual_keys": /],
    ['{}', /: "virtual_keys" is missing; the file is \{"virtual_keys": /],
    [{ keys: {} }, /: "virtual_keys" is missing; the file is \{"virtual_keys": \{"vk_…": \{"provider": …, "api_key": …\}\}\}$/],
    [{ virtual_keys: [] }, /: "virtual_keys" must be an object; the file is \{"virtual_keys": /],
    [{ virtual_keys: null }, /: "virtual_keys" must be an object; the file is \{"virtual_keys": /],
    [{ virtual_key: {} }, /: unknown field "virtu…", did you mean "virtual_keys"\?$/],
    [{ [TOKEN]: entry() }, /: "virtual_keys" is missing; the file is \{"virtual_keys": /],
    [{ virtual_keys: {}, [TOKEN]: entry() }, /: unknown field "vk_user1…" beside "virtual_keys"$/],
    [one(REAL), /: line 1, key "vk_user1…": it must be an object with "provider" and "api_key"$/],
    [one({}), /: line 1, key "vk_user1…": "provider" is missing$/],
    [one({ provider: 'openai' }), /: line 1, key "vk_user1…": "api_key" is missing$/],
    [one({ provider: 'openai', apikey: REAL }), /: unknown field "apikey", did you mean "api_key"\?$/],
    [one(entry({ max_requests: 5 })), /: unknown field "max_requests"$/],
    [one(entry({ max_request_per_hour: 5 })), /: unknown field "max_request_per_hour", did you mean "max_requests_per_hour"\?$/],
    [one(entry({ [REAL]: 1 })), /: unknown field "sk-real-…"$/],
    [one(entry({ provider: '' })), /: "provider" must be the name of a provider$/],
    [one(entry({ provider: 7 })), /: "provider" must be the name of a provider$/],
    [one(entry({ provider: 'opena1' })), /: provider "opena1" is not loaded, did you mean "openai"\?; PROVIDERS loads openai, anthropic, deepseek: add the provider's name, package or path there$/],
    [one({ provider: REAL, api_key: 'openai' }), /: provider "sk-real-…" is not loaded; PROVIDERS loads/],
    [one(entry({ provider: 'constructor' })), /: provider "constructor" is not loaded; /],
    [one(entry({ api_key: '' })), /: "api_key" must be a real key, or \$\{NAME\}/],
    [one(entry({ api_key: null })), /: "api_key" must be a real key/],
    [one(entry({ api_key: `${REAL} ` })), /: "api_key" must be a real key/],
    [one(entry({ api_key: `${REAL}\n` })), /: "api_key" must be a real key/],
    [one(entry({ api_key: 'sk-réal' })), /: "api_key" must be a real key/],
    [one(entry({ api_key: '${UNSET}' })), /: "api_key" takes the environment variable UNSET, which is not set$/],
    [one(entry({ api_key: '${EMPTY}' })), /: "api_key" takes the environment variable EMPTY, which is not set$/],
    [one(entry({ api_key: '${constructor}' })), /: "api_key" takes the environment variable constructor, which is not set$/],
    [one(entry({ api_key: '${SPACED}' })), /: "api_key" takes the environment variable SPACED, which holds spaces, control characters or non-ASCII characters$/],
    [one(entry({ api_key: 'Bearer-${SPACED}' })), /: "api_key" must be \$\{NAME\} and nothing else/],
    [one(entry({ api_key: '$SPACED' })), /: "api_key" must be \$\{NAME\} and nothing else/],
    [one(entry({ max_requests_per_hour: -1 })), /: "max_requests_per_hour" must be a whole number from 0, "unlimited", or such as \{"limit": 100, "dry_run": true\}$/],
    [one(entry({ max_requests_per_hour: 1.5 })), /: "max_requests_per_hour" must be/],
    [one(entry({ max_requests_per_hour: '5' })), /: "max_requests_per_hour" must be/],
    [one(entry({ tokens_per_minute: 'unlimited' })), /: "tokens_per_minute" must be a whole number from 0, or such as \{"limit": 100, "dry_run": true\}$/],
    [one(entry({ requests_per_minute: { limit: 1.5 } })), /: "requests_per_minute" must be/],
    [one(entry({ requests_per_minute: {} })), /: "requests_per_minute" must be/],
    [one(entry({ tokens_per_day: { limit: 5, dryrun: true } })), /: "tokens_per_day" has an unknown field "dryrun", did you mean "dry_run"\?$/],
    [one(entry({ max_parallel_requests: -1 })), /: "max_parallel_requests" must be/],
    [one(entry({ max_parallel_request: 1 })), /: unknown field "max_parallel_request", did you mean "max_parallel_requests"\?$/],
    [one(entry({ budget: 5 })), /: "budget" must be such as \{"usd": 20, "per": "month", /],
    [one(entry({ budget: [] })), /: "budget" must be/],
    [one(entry({ budget: { usd: 5 } })), /: "budget" must be/],
    [one(entry({ budget: { usd: -1, per: 'day' } })), /: "budget" must be/],
    [one(entry({ budget: { usd: 1e7, per: 'day' } })), /: "budget" must be/],
    [one(entry({ budget: { usd: 1, per: 'year' } })), /: "budget" must be/],
    [one(entry({ budget: [{ usd: 1, per: 'day', time_zone: 'UTC' }] })), /: "budget" has an unknown field "time_zone", did you mean "timezone"\?$/],
    [one(entry({ budget: { usd: 1, per: 'day', [REAL]: 1 } })), /: "budget" has an unknown field "sk-real-…"$/],
    [one(entry({ budget: { usd: 0.1234567891, per: 'day' } })), /: "budget" has "usd" with more than nine decimals: the nearest is 0\.123456789$/],
    [one(entry({ budget: { usd: 1, per: 'day', timezone: 'Europe/Berln' } })), /: "budget" has an unknown "timezone", did you mean "Europe\/Berlin"\?$/],
    [one(entry({ budget: { usd: 1, per: 'day', timezone: REAL } })), /: "budget" has an unknown "timezone": it must be such as Europe\/Berlin or UTC$/],
    [one(entry({ budget: { usd: 1, per: 'day', timezone: '+01:00' } })), /: "budget" has an unknown "timezone"/],
    [one(entry({ budget: { usd: 1, per: 'total', timezone: 'UTC' } })), /: "budget" for "total" takes no "timezone": it never begins anew$/],
    [one(entry({ budget: [{ usd: 1, per: 'day' }, { usd: 2, per: 'month' }, { usd: 3, per: 'day', dry_run: true }] })), /: "budget" is there twice for "day"$/],
    [one(entry({ groups: 'research' })), /: "groups" must be a list of names of "groups", not empty, each once$/],
    [one(entry({ groups: ['a', 'a'] })), /: "groups" must be/],
    [one(entry({ groups: ['research'] })), /: "groups" names "research", which is none of the file's "groups"$/],
    [{ groups: { research: {} }, virtual_keys: { [TOKEN]: entry({ groups: ['reserch'] }) } }, /: "groups" names "reserch", which is none of the file's "groups", did you mean "research"\?$/],
    [{ groups: [], virtual_keys: {} }, /: "groups" must be an object$/],
    [{ groups: { research: 5 }, virtual_keys: {} }, /: line 1, group "research": it must be an object of limits$/],
    [{ groups: { research: { tokens_per_min: 5 } }, virtual_keys: {} }, /: line 1, group "research": unknown field "tokens_per_min", did you mean "tokens_per_minute"\?$/],
    [{ groups: { research: { max_requests_per_hour: '5' } }, virtual_keys: {} }, /: line 1, group "research": "max_requests_per_hour" must be a whole number/],
    [{ groups: { research: { budget: { usd: 1, per: 'week', timezone: 'Nowhere' } } }, virtual_keys: {} }, /: line 1, group "research": "budget" has an unknown "timezone"/],
    [{ groups: { 'a b': {} }, virtual_keys: {} }, /: line 1, group "a b": the name of a group must have 1 to 64 letters, digits, dots, underscores and hyphens$/],
    [{ groups: { [TOKEN]: {} }, virtual_keys: { [TOKEN]: entry() } }, /: line 1, group "vk_user1…": its name holds a key, which logs would show$/],
    [one(entry({ models: [] })), /: "models" must be a list of model names, not empty, with "\*" only at the end of a name$/],
    [one(entry({ models: [''] })), /: "models" must be/],
    [one(entry({ models: ['a*b'] })), /: "models" must be/],
    [one(entry({ models: 'a' })), /: "models" must be/],
    [one(entry({ model_aliases: { a: '' } })), /: "model_aliases" must be an object of model names/],
    [one(entry({ model_aliases: {} })), /: "model_aliases" must be/],
    [one(entry({ upstream_dialects: ['anthropic-messages'] })), /: "upstream_dialects" names "anthropi…", which provider "openai" does not speak \(it speaks openai-chat, openai-responses, openai-embeddings, .*\)$/],
    [one(entry({ upstream_dialects: [] })), /: "upstream_dialects" must be a list of dialects, not empty$/],
    [one(entry({ expires_at: '2027-01-31T10:00:00' })), /: "expires_at" must be a date and time with its zone, such as 2027-01-31T23:59:59Z$/],
    [one(entry({ expires_at: '2027-02-30T10:00:00Z' })), /: "expires_at" must be/],
    [one(entry({ disabled: 'yes' })), /: "disabled" must be true or false$/],
    [one(entry({ log: 'none' })), /: "log" must be "full", "metadata" or "off"$/],
    [one(entry({ name: '' })), /: "name" must be a text of 1 to 100 characters on one line$/],
    [one(entry({ name: 'a\nb' })), /: "name" must be/],
    [one(entry({ name: TOKEN })), /: "name" holds a key, which logs would show$/],
    [one(entry({ name: `my ${REAL}` })), /: "name" holds a key/],
    [{ virtual_keys: { [TOKEN]: entry({ name: 'x' }), other: entry({ name: TOKEN }) } }, /key "ot…": "name" holds a key/],
    [{ virtual_keys: { [TOKEN]: entry(), [REAL]: entry({ api_key: 'x' }) } }, /key "sk-real-…": the same text is also used as a real key \("api_key"\)$/],
    [one(entry(), ''), /key "…": a virtual key must have 1 to 512 visible ASCII characters, no spaces and no commas$/],
    [one(entry(), `${TOKEN} x`), /key "vk_user1…": a virtual key must have/],
    [one(entry(), `${TOKEN},x`), /key "vk_user1…": a virtual key must have/],
    [one(entry(), `${TOKEN}é`), /key "vk_user1…": a virtual key must have/],
    [one(entry(), 'x'.repeat(513)), /key "xxxxxxxx…": a virtual key must have/],
    [`{"virtual_keys": {\n"${TOKEN}": {"provider": "openai", "api_key": "a"},\n"${TOKEN}": {"provider": "openai", "api_key": "b"}}}`,
      /: the same virtual key is there twice: see line 3, column 1$/],
    ['{"virtual_keys": {"a": {}, "\\u0061": {}}}', /: the same virtual key is there twice: see line 1, column 28$/],
    ['{"groups": {"a": {}, "a": {}}, "virtual_keys": {}}', /: the same group is there twice: see line 1, column 22$/],
    ['{"virtual_keys": {}, "virtual_keys": {}}', /: the same field is there twice: see line 1, column 22$/],
    [`{"virtual_keys": {"${TOKEN}": {"api_key": "a",\n "provider": "openai", "api_key": "b"}}}`, /: the same field is there twice: see line 2, column 24$/]
  ]
  t.testdir({})
  for (const [content, reason] of cases) {
    const file = write(t, content)
    const message = await build(t, file, { EMPTY: '', SPACED: `${REAL} ` }).then(() => 'started', (error: Error) => error.message)
    t.match(message, reason)
    t.ok(message.startsWith(`${file}: `), 'names the file')
    t.notMatch(message, /\n/, 'one line')
    for (const secret of [TOKEN, REAL]) t.notOk(message.includes(secret), 'no key in it')
  }
  for (const [file, reason] of [
    [join(t.testdirName, 'none.json'), /none\.json: it does not exist: copy keys\.json\.example there, or set KEYS_FILE$/],
    [t.testdirName, /: it is a directory; KEYS_FILE must name a file$/],
    ['/dev/null', /^\/dev\/null: it is not a regular file$/]
  ] as const) await t.rejects(build(t, file), { message: reason })
})

t.test('lines of large and oddly written files', async (t) => {
  const entries = Array.from({ length: 3000 }, (_, index) => `\r\n  "vk_${index}" : ${JSON.stringify(entry({ models: ['a', 'b'], model_aliases: { a: 'b' } }))}`)
  const text = `\uFEFF{ "virtual_keys": {${entries.join(',')}} }`
  t.equal(parseJson(Buffer.from(text)).lines().get('vk_2999'), 3001)
  t.equal(readKeys(Buffer.from(text), { providers, env: {} }).size, 3000)
  for (const json of ['[1, -0.5e+3, true, false, null, "\\u00e9\\n", [], {}]', '{"a": {"b": [{"c": 1}, {"c": 2}]}}', ' 0 ']) {
    t.strictSame(parseJson(Buffer.from(json)).value, JSON.parse(json))
  }
  for (const json of ['{"a":1,"a":1}', '{"a":1,"\\u0061":2}', '{"__proto__":1,"__proto__":{}}', '{":":{"b":1,"\\":":[],"b":1}}', `${'['.repeat(33)}1${']'.repeat(33)}`]) {
    t.throws(() => parseJson(Buffer.from(json)), { name: 'JsonFault' }, json)
  }
  for (const json of ['{"__proto__":{":":"\\":\\\\"},"a":["{\\"b\\":1,\\"b\\":1}"]}', `${'['.repeat(32)}1${']'.repeat(32)}`]) {
    t.strictSame(parseJson(Buffer.from(json)).value, JSON.parse(json), json)
  }
  for (const json of ['01', '1.', '+1', '.5', '"\t"', '"\\x"', '\'a\'', '[1,]', '[1 2]', '{a:1}', '{"a" 1}', 'nul', 'NaN', '"', '[', '{"a":', '{"a":1', '1 1', '\u00a01']) {
    t.throws(() => parseJson(Buffer.from(json)), { name: 'JsonFault' }, json)
  }
})

t.test('targets', async (t) => {
  const read = (more: object): ReturnType<typeof readKeys> => readKeys(Buffer.from(JSON.stringify({ virtual_keys: { [TOKEN]: more } })), { providers, env: { SECOND_KEY: 'sk-second' } })
  const one = { provider: 'openai', api_key: REAL }
  const key = [...read({ targets: [one, { provider: 'openai', api_key: '${SECOND_KEY}', model: 'm2', weight: 2.5 }], upstream_dialects: ['openai-chat'] }).values()][0]
  t.match(key, { provider: 'openai', apiKey: REAL, targets: [{ name: 'openai', apiKey: REAL }, { name: 'openai#2', apiKey: 'sk-second', model: 'm2', weight: 2.5 }] })
  t.not(key?.targets?.[0].healthId, key?.targets?.[1]?.healthId)
  for (const [entry, reason] of [
    [{ ...one, targets: [one] }, /give either/],
    [{ targets: [] }, /"targets" must be a list/],
    [{ targets: [{ provider: 'openai' }] }, /"targets" must be a list/],
    [{ targets: [{ ...one, weight: 0 }] }, /no "weight" above 0/],
    [{ targets: [one, { ...one, provider: 'nobody' }] }, /provider "nobody" is not loaded/],
    [{ targets: [one, { ...one, api_key: TOKEN }] }, /also used as a real key/],
    [{ provider: 'openai' }, /"api_key" is missing/],
    [{ api_key: REAL }, /"provider" is missing/],
    [{ ...one, timeouts: { request: '5' } }, /"timeouts" must be an object/],
    [{ ...one, timeouts: { total: '5s' } }, /"timeouts" must be an object/]
  ] as const) t.throws(() => read(entry), { message: reason }, JSON.stringify(entry))
})

t.test('small tools', async (t) => {
  for (const [key, short] of [['', '…'], ['a', '…'], ['abcd', 'ab…'], ['sk-real-key', 'sk-re…'], [TOKEN, 'vk_user1…']] as const) t.equal(shorten(key), short)
  t.equal(nearest('modles', ['models', 'name']), 'models')
  t.equal(nearest('budget', ['models', 'name']), undefined)
  for (const [text, time] of [
    ['2027-01-31T23:59:59Z', Date.UTC(2027, 0, 31, 23, 59, 59)],
    ['2028-02-29t00:00:00.25+01:30', Date.UTC(2028, 1, 28, 22, 30, 0, 250)]
  ] as const) t.equal(parseDateTime(text), time)
  for (const text of ['2027-02-29T00:00:00Z', '2027-01-31', '2027-01-31 10:00:00Z', '2027-13-01T00:00:00Z', '2027-01-01T25:00:00Z', '2027-01-01T00:00:00+0100', 'tomorrow']) {
    t.equal(parseDateTime(text), undefined, text)
  }
})

t.test('committed files', async (t) => {
  const schema = readFileSync('keys.schema.json', 'utf8')
  t.equal(schema, `${JSON.stringify(KeysSchema, null, 2)}\n`, 'keys.schema.json is stale: write JSON.stringify(KeysSchema, null, 2) of plugins/keys/schema.ts to it, and a newline')
  const examples = [...readKeys(readFileSync('keys.json.example'), { providers, env: {} }).values()]
  t.equal(new Set(examples.map(({ label }) => label)).size, 3)
  t.notOk(examples.some(({ label }) => label.endsWith('…')), 'logs tell them apart')
})

t.test('warnings (X20)', async (t) => {
  t.testdir({})
  const file = write(t, { virtual_keys: {} })
  const { app, lines } = await build(t, file)
  t.match(lines, [{ level: WARN, msg: /no virtual keys/, file }])
  t.equal((await app.inject({ url: '/who', headers: { 'x-api-key': 'any' } })).statusCode, 401)
  chmodSync(file, 0o640)
  const exposed = await build(t, file)
  t.match(exposed.lines, [{ level: WARN }, { level: WARN, msg: /chmod 600/ }])
})

t.test('credentials (C58, C59, C60, C61, C62, C63, C65, C66, C67, C68)', async (t) => {
  t.testdir({})
  const long = 'l'.repeat(512)
  const { app } = await build(t, write(t, {
    virtual_keys: JSON.parse(`{
      "${TOKEN}": ${JSON.stringify(entry())},
      "__proto__": ${JSON.stringify(entry())},
      "${long}": ${JSON.stringify(entry())},
      "vk_off": ${JSON.stringify(entry({ disabled: true }))},
      "vk_old": ${JSON.stringify(entry({ expires_at: '2020-01-01T00:00:00Z' }))}
    }`)
  }))
  type Headers = Record<string, string | string[]>
  const good: Headers[] = [
    { authorization: `Bearer ${TOKEN}` },
    { authorization: `bearer  ${TOKEN}` },
    { 'x-api-key': TOKEN },
    { 'api-key': TOKEN },
    { 'x-goog-api-key': TOKEN },
    { authorization: `BEARER ${TOKEN}`, 'x-api-key': TOKEN, 'api-key': TOKEN, 'x-goog-api-key': TOKEN },
    { 'x-api-key': '__proto__' },
    { 'x-api-key': long }
  ]
  for (const headers of good) {
    const reply = await app.inject({ url: '/who', headers })
    t.equal(reply.statusCode, 200, JSON.stringify(headers))
  }
  const bad: Headers[] = [
    {},
    { authorization: '' },
    { authorization: 'Bearer' },
    { authorization: 'Bearer ' },
    { authorization: TOKEN },
    { authorization: `Basic ${Buffer.from(`${TOKEN}:`).toString('base64')}` },
    { authorization: `Bearer ${TOKEN}, Bearer ${TOKEN}` },
    { authorization: `Bearer ${TOKEN},${TOKEN}` },
    { authorization: [`Bearer ${TOKEN}`, `Bearer ${TOKEN}`] },
    { authorization: [`Bearer ${TOKEN}`, 'Bearer other'] },
    { 'x-api-key': '' },
    { 'x-api-key': `Bearer ${TOKEN}` },
    { 'x-api-key': [TOKEN, TOKEN] },
    { 'x-api-key': TOKEN.slice(0, -1) },
    { 'x-api-key': `${TOKEN}x` },
    { 'x-api-key': TOKEN.toUpperCase() },
    { 'x-api-key': REAL },
    { 'x-api-key': 'vk_off' },
    { 'x-api-key': 'vk_old' },
    { 'x-api-key': 'constructor' },
    { 'x-api-key': 'toString' },
    { 'x-api-key': '\' OR 1=1 --' },
    { 'x-api-key': 'clé' },
    { 'x-api-key': 'x'.repeat(7000) },
    { 'x-api-key': TOKEN, 'api-key': 'other' },
    { 'x-api-key': 'other', 'api-key': TOKEN },
    { 'x-api-key': TOKEN, authorization: '' },
    { authorization: `Bearer ${TOKEN}`, 'x-goog-api-key': '' }
  ]
  const answers = new Set<string>()
  for (const headers of bad) {
    const { statusCode, body, headers: { 'www-authenticate': challenge, 'content-type': type } } = await app.inject({ url: '/who', headers })
    t.equal(statusCode, 401, JSON.stringify(headers).slice(0, 80))
    answers.add(JSON.stringify([body, challenge, type]))
  }
  t.equal(answers.size, 1, 'the same to the byte')
  t.match([...answers][0], /"Bearer"/)
  t.equal((await app.inject({ url: `/who?key=${TOKEN}&api_key=${TOKEN}` })).statusCode, 401)
})

t.test('a key expires while the gateway runs', async (t) => {
  t.testdir({})
  const { app } = await build(t, write(t, { virtual_keys: { [TOKEN]: entry({ expires_at: new Date(Date.now() + 3600_000).toISOString() }) } }))
  t.ok(app.keys.find(TOKEN))
  const { now } = Date
  t.teardown(() => { Date.now = now })
  Date.now = () => now() + 3600_001
  t.equal(app.keys.find(TOKEN), undefined)
  t.equal(app.keys.size, 1)
})

t.test('guessing is limited by address, good keys are not (C59, X3)', async (t) => {
  t.testdir({})
  const { app } = await build(t, write(t, { virtual_keys: { [TOKEN]: entry() } }))
  const ask = (token: string, remoteAddress = '192.0.2.1') => app.inject({ url: '/who', remoteAddress, headers: { 'x-api-key': token, 'x-forwarded-for': token } })
  const statuses = new Set<number>()
  for (let count = 0; count < 600; count++) statuses.add((await ask(`guess-${count}`)).statusCode)
  t.strictSame([...statuses], [401])
  const limited = await ask('guess')
  t.equal(limited.statusCode, 429)
  t.match(limited.headers['retry-after'], /^[1-9]\d?$/)
  t.equal((await ask(TOKEN)).statusCode, 200)
  t.equal((await ask('guess', '192.0.2.2')).statusCode, 401)
})

t.test('reload by rename, in place, and of bad files (S19, S21)', async (t) => {
  t.testdir({})
  const file = write(t, { virtual_keys: { kept: entry(), gone: entry(), changed: entry({ models: ['a'] }) } })
  const { app, lines } = await build(t, file)
  const replace = (content: unknown): void => renameSync(write(t, content, 'keys.json.tmp'), file)
  const errorsOf = (): Line[] => lines.filter(({ level }) => level === ERROR)

  replace({ virtual_keys: { kept: entry(), added: entry(), changed: entry({ models: ['b'] }) } })
  await until(() => app.keys.find('added') !== undefined)
  t.equal(app.keys.healthy, true)
  t.equal(app.keys.find('gone'), undefined)
  t.strictSame(app.keys.find('changed')?.models, ['b'])
  t.match(lines, [{ msg: 'keys reloaded', added: 1, removed: 1, changed: 1, file }])

  writeFileSync(file, JSON.stringify({ virtual_keys: { in_place: entry() } }))
  await until(() => app.keys.find('in_place') !== undefined)
  t.equal(app.keys.size, 1)

  let reported = 0
  for (const [change, reason] of [
    [() => replace(`{"virtual_keys": {"${TOKEN}": ${REAL}`), /: it is not valid JSON: see line 1, column /],
    [() => replace({ virtual_keys: { [TOKEN]: entry(), bad: entry({ api_key: '${UNSET}' }) } }), /key "b…": .* UNSET/],
    [() => replace(''), /: it is empty$/],
    [() => unlinkSync(file), /: it does not exist/],
    [() => mkdirSync(file), /: it is a directory/],
    [() => { rmSync(file, { recursive: true }); replace('[]') }, /: it must be an object/]
  ] as const) {
    change()
    reported++
    await until(() => errorsOf().length === reported)
    t.match(errorsOf().at(-1)?.msg, reason)
    t.match(errorsOf().at(-1)?.msg, /the old ones stay in force/)
    t.ok(app.keys.find('in_place'), 'the old keys stay')
    t.equal(app.keys.find(TOKEN), undefined, 'and nothing of the new ones comes')
    t.equal(app.keys.healthy, false)
  }
  await sleep(100)
  t.equal(errorsOf().length, reported, 'reported once each')
  t.notMatch(JSON.stringify(lines), new RegExp(`${TOKEN}|${REAL}`))

  writeFileSync(file, JSON.stringify({ virtual_keys: { in_place: entry() } }))
  await until(() => lines.some(({ msg }) => /again the one in force/.test(msg)))
  t.equal(app.keys.healthy, true)
  replace('[]')
  reported++
  await until(() => errorsOf().length === reported)
  t.equal(app.keys.healthy, false)
  replace({ virtual_keys: { well: entry() } })
  await until(() => app.keys.find('well') !== undefined)
  t.equal(app.keys.healthy, true)
  t.equal(app.keys.size, 1)
  t.equal(errorsOf().length, reported)
})

t.test('reload by the symbolic links of a ConfigMap, twice (S20)', async (t) => {
  const content = (token: string): string => JSON.stringify({ virtual_keys: { [token]: entry() } })
  const dir = t.testdir({ ...version('1', content('first')), ...version('2', content('second')), ...version('3', content('third')) })
  symlinkSync('..version1', join(dir, '..data'))
  symlinkSync('..data/keys.json', join(dir, 'keys.json'))
  const { app } = await build(t, join(dir, 'keys.json'))
  t.ok(app.keys.find('first'))
  for (const [number, token] of [['2', 'second'], ['3', 'third']] as const) {
    symlinkSync(`..version${number}`, join(dir, '..data_tmp'))
    renameSync(join(dir, '..data_tmp'), join(dir, '..data'))
    await until(() => app.keys.find(token) !== undefined)
    t.equal(app.keys.size, 1)
    t.ok(app.keys.find(token))
  }

  function version (number: string, text: string): Record<string, Record<string, string>> {
    return { [`..version${number}`]: { 'keys.json': text } }
  }
})

t.test('what cannot be loaded for a reason of nobody\'s is not in force either', async (t) => {
  t.testdir({})
  const file = write(t, 'old')
  let fails = true
  const log = { info () {}, error () {} } as unknown as FastifyBaseLogger
  const reload = keepReloading({
    source: { path: file, setting: 'KEYS_FILE', remedy: '' },
    name: 'keys',
    interval: 5,
    bytes: Buffer.from('old'),
    log,
    load () { if (fails) throw new TypeError('oh no') }
  })
  t.teardown(reload.stop)
  writeFileSync(file, 'new')
  await until(() => !reload.healthy)
  await sleep(50)
  t.equal(reload.healthy, false)
  fails = false
  writeFileSync(file, 'newer')
  await until(() => reload.healthy)
  t.equal(reload.healthy, true)
})

t.test('a file that is replaced where it is mounted from is missed, and that is said once (S19)', { skip: process.platform !== 'linux' && 'needs /proc' }, async (t) => {
  t.testdir({})
  const file = write(t, { virtual_keys: { old: entry() } })
  // A descriptor leads to its file, whatever becomes of the file's name, as a mount of the file alone does.
  const descriptor = openSync(file, 'r')
  t.teardown(() => closeSync(descriptor))
  const path = `/proc/self/fd/${descriptor}`
  const { app, lines } = await build(t, path)
  const errorsOf = (): Line[] => lines.filter(({ level }) => level === ERROR)
  writeFileSync(file, JSON.stringify({ virtual_keys: { old: entry(), older: entry() } }))
  await until(() => app.keys.find('older') !== undefined)
  t.equal(app.keys.healthy, true, 'in place it may be written')
  renameSync(write(t, { virtual_keys: { fresh: entry() } }, 'keys.json.tmp'), file)
  await until(() => errorsOf().length > 0)
  t.match(errorsOf()[0], { file: path, msg: /^keys not reloaded, the old ones stay in force: the file was replaced or deleted where it is mounted from.* restart, and mount its folder/ })
  t.equal(app.keys.healthy, false)
  t.ok(app.keys.find('old'))
  await sleep(100)
  t.equal(errorsOf().length, 1, 'once')
})

t.test('a file caught half-written is not reported (S22)', async (t) => {
  t.testdir({})
  const file = write(t, 'old')
  const said: unknown[] = []
  const log = { info: (...words: unknown[]) => said.push(words), error: (...words: unknown[]) => said.push(words) } as unknown as FastifyBaseLogger
  const seen: string[] = []
  const { stop } = keepReloading({
    source: { path: file, setting: 'KEYS_FILE', remedy: '' },
    name: 'keys',
    interval: 5,
    bytes: Buffer.from('old'),
    log,
    load (bytes) {
      seen.push(bytes.toString())
      if (bytes.toString() !== 'half') return
      // The writer goes on while the first half is being judged.
      writeFileSync(file, 'half and half')
      throw new KeysFault('half')
    }
  })
  t.teardown(stop)
  writeFileSync(file, 'half')
  await until(() => seen.includes('half and half'))
  await sleep(50)
  t.strictSame(seen, ['half', 'half and half'])
  t.strictSame(said, [])
})
