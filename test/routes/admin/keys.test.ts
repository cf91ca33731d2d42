/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { spawn } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Teardown } from '../../helper.ts'
import { CHAT_KEY, REAL_KEY, post, startGateway, startProvider, until, type TestGateway } from '../../helper.ts'

t.setTimeout(120_000)

const ADMIN_KEY = 'an-admin-key-of-24-chars'
const CHAT = '/v1/chat/completions'
const CLI = fileURLToPath(new URL('../../../cli.ts', import.meta.url))

interface Shown { id: string, fingerprint: string, state: string, stored: string, api_key: string | null, entry: Record<string, unknown> }
interface Made extends Shown { key: string, old: Shown }
interface Answer<T> { status: number, body: T, text: string }

const provider = (t: Teardown): ReturnType<typeof startProvider> => startProvider(t, (_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ id: 'c', object: 'chat.completion', model: 'm', choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } }))
})

async function admin <T> (gateway: TestGateway, method: string, path: string, body?: unknown, key = ADMIN_KEY): Promise<Answer<T>> {
  const reply = await fetch(`${gateway.url}/admin/keys${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, ...body !== undefined && { 'content-type': 'application/json' } },
    ...body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }
  })
  const text = await reply.text()
  return { status: reply.status, text, body: JSON.parse(text) as T }
}

const ask = async (gateway: TestGateway, key: string): Promise<number> =>
  (await post(gateway.url + CHAT, { model: 'm', messages: [{ role: 'user', content: 'hi' }] }, { authorization: `Bearer ${key}` })).status

t.test('a key\'s life: each step is in force when it is answered', async (t) => {
  const upstream = await provider(t)
  const gateway = await startGateway(t, upstream.url, { env: { ADMIN_KEY, REAL: 'sk-from-env-0123456789' } })
  const made = await admin<Made>(gateway, 'POST', '', { provider: 'openai', api_key: '${REAL}', name: 'app', requests_per_minute: 3 })
  t.equal(made.status, 201)
  t.match(made.body, { key: /^vk_[0-9A-Za-z]{33}$/, state: 'active', stored: 'hashed', api_key: '${REAL}', entry: { name: 'app', requests_per_minute: 3 } })
  t.equal(await ask(gateway, made.body.key), 200)
  t.equal(upstream.requests.at(-1)?.headers.authorization, 'Bearer sk-from-env-0123456789')

  const rotated = await admin<Made>(gateway, 'POST', '/app/rotate', { overlap: '1h' })
  t.equal(rotated.status, 201)
  t.equal(rotated.body.id, made.body.id)
  t.match(rotated.body.old, { fingerprint: made.body.fingerprint, state: 'active', entry: { expires_at: /Z$/ } })
  t.equal(await ask(gateway, rotated.body.key), 200)
  t.equal(await ask(gateway, made.body.key), 200, 'the third of three a minute')
  t.equal(await ask(gateway, rotated.body.key), 429, 'both count as one')

  const listed = await admin<{ data: Shown[] }>(gateway, 'GET', '')
  t.strictSame(listed.body.data.map(({ stored, state, api_key: from }) => [stored, state, from]), [
    ['plain', 'active', null], ['plain', 'active', null], ['hashed', 'active', '${REAL}'], ['hashed', 'active', '${REAL}']
  ])
  for (const secret of [made.body.key, rotated.body.key, CHAT_KEY, REAL_KEY, 'sk-from-env']) t.notMatch(listed.text, secret)

  t.equal((await admin(gateway, 'POST', `/${encodeURIComponent(made.body.fingerprint)}/disable`)).status, 200)
  t.equal(await ask(gateway, made.body.key), 401)
  t.equal(await ask(gateway, rotated.body.key), 429)
  const off = await admin<{ data: Shown[] }>(gateway, 'POST', `/${made.body.id}/disable`)
  t.strictSame(off.body.data.map(({ state }) => state), ['disabled', 'disabled'])
  t.equal(await ask(gateway, rotated.body.key), 401)
  // A key that has leaked may be called by itself, and is in no line of the log then.
  t.equal((await admin(gateway, 'POST', `/${rotated.body.key}/disable`)).status, 200)
  t.equal(await ask(gateway, CHAT_KEY), 200)

  const log = JSON.stringify(gateway.lines())
  t.match(log, /a key was made.*a key was rotated.*a key was disabled/)
  for (const secret of [made.body.key, rotated.body.key, 'sk-from-env']) {
    t.notMatch(log, secret)
    t.notMatch(readFileSync(join(gateway.folder, 'keys.json'), 'utf8'), secret)
  }
})

t.test('what is not taken, in the gateway\'s words and without a secret', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  const file = join(gateway.folder, 'keys.json')
  const before = readFileSync(file, 'utf8')
  const secret = 'sk-secret-0123456789'
  const entry = { provider: 'openai', api_key: secret }
  for (const [path, body, status, code, message] of [
    ['', undefined, 400, 'invalid_request', /"provider" is missing\.$/],
    ['', '[]', 400, 'invalid_json', /must be a JSON object/],
    ['', `{"provider": ${secret}}`, 400, 'invalid_json', /see line 1, column 14/],
    ['', `{"api_key": "${secret}", "api_key": "x"}`, 400, 'invalid_json', /the same field is there twice/],
    ['', { ...entry, provider: 'none' }, 400, 'invalid_request', /provider "none" is not loaded/],
    ['', { ...entry, api_key: '${NOT_SET}' }, 400, 'invalid_request', /NOT_SET, which is not set/],
    ['', { ...entry, api_key: ADMIN_KEY }, 400, 'invalid_request', /ADMIN_KEY is the same text/],
    ['', { ...entry, modles: [] }, 400, 'invalid_request', /unknown field "modles", did you mean "models"\?/],
    ['', { ...entry, name: secret }, 400, 'invalid_request', /"name" holds a key/],
    ['', { ...entry, id: '0123456789ab' }, 400, 'invalid_request', /takes no "id"/],
    ['', '{"__proto__": {"provider": "x"}}', 400, 'invalid_request', /The keys file was not changed/],
    ['/none/rotate', {}, 404, 'not_found', /no key of that name or id/],
    ['/none/disable', undefined, 404, 'not_found', /no key of that name or id/],
    ['/__proto__/disable', undefined, 404, 'not_found', /no key of that name or id/],
    ['/none/rotate', { overlap: '1d' }, 400, 'invalid_request', /"overlap" must be/],
    ['/none/rotate', { overlap: 5 }, 400, 'invalid_request', /"overlap" must be/],
    ['/none/rotate', { until: 5 }, 400, 'invalid_request', /only "overlap"/]
  ] as Array<[string, unknown, number, string, RegExp]>) {
    const answer = await admin<{ error: { code: string, message: string } }>(gateway, 'POST', path, body)
    t.equal(answer.status, status, `${path} ${JSON.stringify(body)}`)
    t.match(answer.body.error, { code, message })
    t.notMatch(answer.text, secret)
    t.equal(readFileSync(file, 'utf8'), before)
  }
  for (const [method, path] of [['GET', ''], ['POST', ''], ['POST', '/x/rotate'], ['POST', '/x/disable']] as const) {
    for (const key of [CHAT_KEY, 'nonsense']) t.equal((await admin(gateway, method, path, undefined, key)).status, 401)
  }
  t.notMatch(JSON.stringify(gateway.lines()), secret)
  const document = await (await fetch(`${gateway.url}/openapi.json`)).json() as { paths: Record<string, Record<string, { requestBody?: unknown }>> }
  t.ok(document.paths['/admin/keys']?.['post']?.requestBody)
  t.ok(document.paths['/admin/keys/{key}/rotate']?.['post'])
})

t.test('a file that cannot be changed stays, and so do the keys', async (t) => {
  const gateway = await startGateway(t, (await provider(t)).url, { env: { ADMIN_KEY } })
  const file = join(gateway.folder, 'keys.json')
  writeFileSync(file, '{"virtual_keys": {"vk_new_key": {}}}')
  const answer = await admin<{ error: object }>(gateway, 'POST', '', { provider: 'openai', api_key: 'sk-0123456789' })
  t.equal(answer.status, 409)
  t.match(answer.body.error, { code: 'keys_file_unusable', message: /it has a fault, which must be mended first: line 1, key "vk_ne…": "provider" is missing\.$/ })
  t.match(await admin(gateway, 'GET', ''), { status: 409 })
  t.equal(await ask(gateway, CHAT_KEY), 200)
  rmSync(file)
  t.match(await admin(gateway, 'GET', ''), { status: 409, body: { error: { message: /it does not exist/ } } })
})

t.test('changes by requests and by the command at once: none is lost', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY, REAL: 'sk-from-env-0123456789' } })
  const file = join(gateway.folder, 'keys.json')
  const command = (name: string): Promise<number | null> => new Promise((resolve) => {
    spawn(process.execPath, [CLI, 'keys', 'create', '--provider', 'openai', '--api-key', '${REAL}', '--name', name], { env: { PATH: process.env['PATH'], KEYS_FILE: file }, stdio: 'ignore' }).once('exit', resolve)
  })
  const done: unknown[] = []
  const commands = Promise.all(['c1', 'c2', 'c3'].map(command))
  void commands.then((codes) => { done.push(codes) })
  const statuses: number[] = []
  do {
    const made = await Promise.all(Array.from({ length: 5 }, () => admin<Made>(gateway, 'POST', '', { provider: 'openai', api_key: REAL_KEY, name: `a${statuses.length}-${Math.random()}` })))
    statuses.push(...made.map(({ status }) => status))
  } while (done.length === 0)
  t.strictSame(await commands, [0, 0, 0])
  const { virtual_keys: keys } = JSON.parse(readFileSync(file, 'utf8')) as { virtual_keys: Record<string, { name?: string }> }
  t.equal(Object.values(keys).filter(({ name }) => name?.startsWith('c')).length, 3)
  t.equal(Object.values(keys).filter(({ name }) => name?.startsWith('a')).length, statuses.filter((status) => status === 201).length)
  t.ok(statuses.length > 10)
  await until(() => gateway.app.keys.size === Object.keys(keys).length)
  t.ok(statuses.every((status) => status === 201))
})
