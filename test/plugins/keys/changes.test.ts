/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { join } from 'node:path'
import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { create, disable, list, rotate } from '../../../plugins/keys/changes.ts'
import { readKeys } from '../../../plugins/keys/file.ts'
import { digestOf, hashedName } from '../../../plugins/keys/hashed.ts'
import { changeKeys } from '../../../plugins/keys/keyring.ts'
import { defaultProviders, loadBuiltin } from '../../../providers/index.ts'

const providers = await Promise.all(defaultProviders.map(loadBuiltin))
const NOW = Date.UTC(2026, 10, 26, 12)
const HOUR = 3_600_000
const env = { KEY: 'sk-real-0123456789' }
const entry = (fields: object = {}): { provider: string, api_key: string } => ({ provider: 'openai', api_key: '${KEY}', ...fields })
const file = (virtualKeys: object): Buffer => Buffer.from(JSON.stringify({ virtual_keys: virtualKeys }, null, 2))
const read = (bytes: Buffer): ReturnType<typeof readKeys> => readKeys(bytes, { providers, env })
const OLD = 'vk_old_0123456789'

t.test('create puts in a hash, and tells the key', async (t) => {
  const before = file({ [OLD]: entry({ name: 'old' }) })
  const { bytes, result } = create(before, entry({ name: 'new', models: ['a'] }), NOW)
  t.match(result.token, /^vk_[0-9A-Za-z]{33}$/)
  t.notMatch(bytes.toString(), result.token)
  t.ok(bytes.toString().startsWith(before.toString().slice(0, -10)), 'the rest is as it was')
  t.match(read(bytes).get(digestOf(result.token)), { label: 'new', models: ['a'], id: result.id })
  t.match(result, { id: digestOf(result.token).slice(0, 12), state: 'active', plain: false, reference: '${KEY}', entry: { name: 'new' } })
  t.notMatch(JSON.stringify(result.entry), 'KEY')
  t.throws(() => create(bytes, entry({ name: 'new' }), NOW), { name: 'ChangeFault', message: /"name" is that of another key \([0-9a-f]{12}\): choose a different one/ })
})

t.test('rotate: both work for a while, as one key', async (t) => {
  const fields = { name: 'app', requests_per_minute: 5, log: 'off' }
  const first = rotate(file({ [OLD]: entry(fields) }), 'app', HOUR, NOW)
  const [old, made] = [read(first.bytes).get(digestOf(OLD)), read(first.bytes).get(digestOf(first.result.token))]
  t.equal(made?.id, old?.id)
  t.equal(old?.expiresAt, NOW + HOUR)
  t.equal(made?.expiresAt, undefined)
  t.match(made, { label: 'app', log: 'off', limits: [{ owner: old?.id, limit: 5 }] })
  t.match(first.result.old, { sha256: digestOf(OLD), plain: true, entry: { expires_at: '2026-11-26T13:00:00.000Z' } })

  // Again, within the overlap: it is the newest that is replaced.
  const second = rotate(first.bytes, 'app', 2 * HOUR, NOW + 1)
  t.equal(read(second.bytes).size, 3)
  t.equal(read(second.bytes).get(digestOf(OLD))?.expiresAt, NOW + HOUR)
  t.equal(read(second.bytes).get(digestOf(first.result.token))?.expiresAt, NOW + 1 + 2 * HOUR)
  t.equal(read(second.bytes).get(digestOf(second.result.token))?.id, old?.id)
})

t.test('an old key whose rotation was over a month ago is dropped with the next change, and no other', async (t) => {
  const DAY = 24 * HOUR
  const [month, week] = [new Date(NOW - 30 * DAY).toISOString(), new Date(NOW - 7 * DAY).toISOString()]
  const id = digestOf(OLD).slice(0, 12)
  const keys = {
    [OLD]: entry({ name: 'app', expires_at: month }),
    vk_between_0123456789: entry({ name: 'app', id, expires_at: month }),
    vk_recent_0123456789: entry({ name: 'app', id, expires_at: week }),
    vk_now_0123456789: entry({ name: 'app', id }),
    vk_expired_0123456789: entry({ name: 'over', expires_at: month }),
    vk_first_0123456789: entry({ name: 'gone', expires_at: month }),
    vk_second_0123456789: entry({ name: 'gone', id: digestOf('vk_first_0123456789').slice(0, 12), expires_at: month }),
    vk_off_0123456789: entry({ name: 'off', disabled: true })
  }
  const left = ['vk_recent_0123456789', 'vk_now_0123456789', 'vk_expired_0123456789', 'vk_second_0123456789', 'vk_off_0123456789']
  for (const text of [file(keys), Buffer.from(JSON.stringify({ virtual_keys: keys }))]) {
    const made = create(text, entry({ name: 'new' }), NOW)
    t.strictSame([...read(made.bytes).keys()], [...left.map(digestOf), digestOf(made.result.token)])
    t.equal(read(made.bytes).get(digestOf('vk_now_0123456789'))?.id, id)
    t.equal(read(rotate(text, 'app', HOUR, NOW).bytes).size, left.length + 1)
    t.equal(read(disable(text, 'app', NOW).bytes).size, left.length)
    t.equal(read(create(text, entry({ name: 'new' }), NOW - 1).bytes).size, 9, 'not before its time')
  }
})

t.test('rotate keeps an end that is nearer, and the new key ends when the old one would have', async (t) => {
  const end = '2026-11-26T12:30:00Z'
  const { bytes, result } = rotate(file({ [OLD]: entry({ expires_at: end }) }), digestOf(OLD).slice(0, 12), HOUR, NOW)
  t.strictSame([...read(bytes).values()].map(({ expiresAt }) => expiresAt), [Date.parse(end), Date.parse(end)])
  t.equal(result.entry.expires_at, end)
  for (const [fields, state] of [[{ disabled: true }, 'disabled'], [{ expires_at: '2026-11-26T12:00:00Z' }, 'expired']] as const) {
    t.throws(() => rotate(file({ [OLD]: entry({ name: 'x', ...fields }) }), 'x', HOUR, NOW), { message: `that key is ${state}: make a new one` })
  }
})

t.test('disable: all of one key, or only one of its texts', async (t) => {
  const { bytes, result } = rotate(file({ [OLD]: entry({ name: 'app' }), other: entry({ name: 'other' }) }), 'app', HOUR, NOW)
  const off = (which: string): Array<string | undefined> => list(disable(bytes, which, NOW).bytes, NOW).map(({ state, label }) => `${label} ${state}`)
  t.strictSame(off('app'), ['app disabled', 'other active', 'app disabled'])
  t.strictSame(off(result.id), ['app disabled', 'other active', 'app disabled'])
  t.strictSame(off(`sha256:${result.old.sha256.slice(0, 12)}`), ['app disabled', 'other active', 'app active'])
  t.strictSame(off(hashedName(OLD)), ['app disabled', 'other active', 'app active'])
  t.strictSame(off(OLD), ['app disabled', 'other active', 'app active'], 'one that has leaked, by itself')
  t.strictSame(off(result.token), ['app active', 'other active', 'app disabled'])
  const twice = disable(disable(bytes, 'app', NOW).bytes, 'app', NOW)
  t.equal(twice.bytes.toString(), disable(bytes, 'app', NOW).bytes.toString())
  t.equal(twice.result.length, 2)
  const enabled = disable(file({ [OLD]: entry({ disabled: false }) }), OLD, NOW).bytes
  t.equal(read(enabled).get(digestOf(OLD))?.disabled, true)
})

t.test('what is not one key', async (t) => {
  const bytes = file({ a: entry({ name: 'same' }), b: entry({ name: 'same' }) })
  t.throws(() => disable(bytes, 'same', NOW), { message: /^several keys are called so: say which by its id \([0-9a-f]{12}, [0-9a-f]{12}\)$/ })
  for (const which of ['', 'none', 'sha256:', 'sha256:ca97', '__proto__', 'A']) t.throws(() => disable(bytes, which, NOW), { message: 'there is no key of that name or id' })
})

t.test('the file is changed whole or not at all', async (t) => {
  const path = join(t.testdir({}), 'keys.json')
  const check = (bytes: Buffer): void => { read(bytes) }
  const { token } = await changeKeys(path, (bytes) => create(bytes, entry(), NOW), check)
  t.ok(read(readFileSync(path)).get(digestOf(token)))
  const good = readFileSync(path, 'utf8')
  await t.rejects(changeKeys(path, (bytes) => create(bytes, entry({ budget: 5 }), NOW), check), { name: 'ChangeFault', message: /^"budget" must be such as/ })
  t.equal(readFileSync(path, 'utf8'), good)
  writeFileSync(path, '{"virtual_keys": {"a": {}}}')
  await t.rejects(changeKeys(path, (bytes) => create(bytes, entry(), NOW), check), { message: /^it has a fault, which must be mended first: line 1, key "…": "provider" is missing$/ })
  writeFileSync(path, '')
  await t.rejects(changeKeys(path, (bytes) => create(bytes, entry(), NOW), check), { message: 'it has a fault, which must be mended first: it is empty' })
  t.equal(readFileSync(path, 'utf8'), '')
})

t.test('many at once: none is lost', async (t) => {
  const path = join(t.testdir({}), 'keys.json')
  const made = await Promise.all(Array.from({ length: 40 }, (_, index) => changeKeys(path, (bytes) => create(bytes, entry({ name: `key ${index}` }), NOW), (bytes) => { read(bytes) })))
  const keys = read(readFileSync(path))
  t.equal(keys.size, 40)
  t.ok(made.every(({ token }) => keys.has(digestOf(token))))
})

t.test('a list shows no real key of targets either', async (t) => {
  const targets = [{ provider: 'openai', api_key: 'sk-plain-0123456789' }, { provider: 'anthropic', api_key: '${KEY}', weight: 2 }]
  const [listed] = list(file({ [OLD]: { targets } }), NOW)
  t.notMatch(JSON.stringify(listed), /sk-plain/)
  t.match(listed, { entry: { targets: [{ provider: 'openai', api_key: '(in the file)' }, { provider: 'anthropic', api_key: '${KEY}', weight: 2 }] } })
  const { bytes } = rotate(file({ [OLD]: { targets } }), digestOf(OLD).slice(0, 12), HOUR, NOW)
  t.equal([...read(bytes).values()].filter((key) => key.targets?.[0].apiKey === 'sk-plain-0123456789').length, 2, 'and rotation keeps them')
})
