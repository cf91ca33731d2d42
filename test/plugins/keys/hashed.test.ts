import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readKeys } from '../../../plugins/keys/file.ts'
import { digestOf, hashedName } from '../../../plugins/keys/hashed.ts'
import { shorten } from '../../../plugins/keys/shorten.ts'
import { defaultProviders, loadBuiltin } from '../../../providers/index.ts'
import { CHAT_KEY, REAL_KEY, post, startGateway, startProvider, until } from '../../helper.ts'

t.setTimeout(120_000)

const TOKEN = 'vk_hashed_0123456789_abcdefghij'
const hex = (text: string): string => createHash('sha256').update(text).digest('hex')
const entry = (fields: object = {}): Record<string, unknown> => ({ provider: 'openai', api_key: REAL_KEY, ...fields })
const providers = await Promise.all(defaultProviders.map(loadBuiltin))
const read = (virtualKeys: object, adminKey?: string): ReturnType<typeof readKeys> =>
  readKeys(Buffer.from(JSON.stringify({ virtual_keys: virtualKeys })), { providers, env: {}, adminKey })

t.test('an entry may be named by the hash of its key (X20)', async (t) => {
  const name = hashedName(TOKEN)
  t.equal(name, `sha256:${hex(TOKEN)}`)
  for (const spelt of [name, `sha256:${hex(TOKEN).toUpperCase()}`]) {
    const key = read({ [spelt]: entry() }).get(hex(TOKEN))
    t.match(key, { id: hex(TOKEN).slice(0, 12), token: undefined })
    t.equal(key?.label.toLowerCase(), `sha256:${hex(TOKEN).slice(0, 12)}…`)
  }
  t.equal(digestOf(TOKEN), digestOf(name))
  t.equal(shorten('sha256:abc'), 'sha25…')
})

t.test('faults of such entries', async (t) => {
  const name = hashedName(TOKEN)
  const admin = 'an-admin-key-of-24-chars'
  for (const [virtualKeys, reason] of [
    [{ [TOKEN]: entry(), [name]: entry() }, /line 1, key "sha256:[0-9a-f]{12}…": it is the same key as that of line 1: remove one of the two$/],
    [{ [name]: entry(), [name.toUpperCase().replace('SHA', 'sha')]: entry() }, /it is the same key as that of line/],
    [{ [name.slice(0, -1)]: entry() }, /key "sha256:[0-9a-f]…": a key that is stored as its hash must be "sha256:" and the 64 hex digits of its SHA-256$/],
    [{ [name.replace('sha', 'SHA')]: entry() }, /a key that is stored as its hash must be/],
    [{ 'sha256:': entry() }, /a key that is stored as its hash must be/],
    [{ [name]: entry({ name: TOKEN }) }, /"name" holds a key/],
    [{ [hashedName(REAL_KEY)]: entry() }, /the same text is also used as a real key/],
    [{ [hashedName(admin)]: entry() }, /ADMIN_KEY is the same text as this key/]
  ] as Array<[object, RegExp]>) {
    t.throws(() => read(virtualKeys, admin), { name: 'KeysFault', message: reason })
  }
  const groups = Buffer.from(JSON.stringify({ groups: { [TOKEN]: {} }, virtual_keys: { [name]: entry() } }))
  t.throws(() => readKeys(groups, { providers, env: {} }), { message: /its name holds a key/ })
})

t.test('such a key works as any other, its hash is no key, and nothing of it is written down', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(429, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { message: `no more for ${TOKEN} and ${encodeURIComponent(TOKEN)}, ${REAL_KEY}` } }))
  })
  const gateway = await startGateway(t, provider.url, { keys: { [hashedName(TOKEN)]: entry() } })
  const body = { model: `m-${TOKEN}`, messages: [{ role: 'user', content: `my key is ${TOKEN}, in base64 ${Buffer.from(TOKEN).toString('base64')}` }] }
  const as = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })

  const reply = await post(`${gateway.url}/v1/chat/completions`, body, { ...as(TOKEN), 'x-request-id': `id-${TOKEN}` })
  t.equal(reply.status, 429)
  const text = await reply.text()
  t.notMatch(text, new RegExp(`${TOKEN}|${REAL_KEY}`))
  t.match(text, /no more for \[redacted\] and \[redacted\], \[redacted\]/)
  for (const bad of [hashedName(TOKEN), hex(TOKEN), `${TOKEN}x`]) t.equal((await post(`${gateway.url}/v1/chat/completions`, body, as(bad))).status, 401)
  t.equal((await fetch(`${gateway.url}/v1/${TOKEN}`, { headers: as(TOKEN) })).status, 404)
  t.equal((await post(`${gateway.url}/v1/chat/completions`, body, as(CHAT_KEY))).status, 429)

  const logs = join(gateway.folder, 'logs')
  const captured = (): string => existsSync(logs) ? readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8')).join('') : ''
  await until(() => captured().split('\n').length > 2)
  const id = hex(TOKEN).slice(0, 12)
  const mine = captured().split('\n').filter((line) => line.includes(`sha256:${id}…`)).join('\n')
  t.match(mine, /my key is \[redacted\], in base64 \[redacted\]/)
  t.notMatch(mine, TOKEN)
  t.notMatch(JSON.stringify(gateway.lines().filter(({ key }) => key !== undefined && String(key).startsWith('sha256:'))), TOKEN)
  await until(() => gateway.app.database?.flush() === true)
  const row = gateway.app.database?.get('SELECT * FROM requests WHERE key = ?', id)
  t.ok(row)
  t.notMatch(JSON.stringify(row), TOKEN)
})
