/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { errorTable } from '../../plugins/errors.ts'
import { newToken } from '../../plugins/keys/token.ts'
import { until } from '../helper.ts'
import { run } from '../process.ts'
import { contentModels, models, startHostile, startProxy } from './hostile.ts'
import { Client, Evidence, hashed, launch, PLUGIN, realKeys, Secrets, writeSecret } from './stage.ts'

const CHAT = '/v1/chat/completions'
const PATHS = [CHAT, '/v1/messages', '/v1/responses']

/** Codes of the table that this test does not cause, and why. */
const unreached: Record<string, string> = {
  internal_error: 'a fault of ours, which nothing from outside can cause: test/plugins/logging/index.test.ts throws one',
  overloaded: 'needs an event loop that lags by a second: test/plugins/load.test.ts'
}

t.setTimeout(180_000)

t.test('no key comes to light, whatever fails (X13, X14, X19, C62, C64, U37, U44, U60)', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-canary-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const secrets = new Secrets()
  const evidence = new Evidence()
  const real = realKeys(secrets)
  const ADMIN_KEY = secrets.make('ADMIN_KEY', 'admin-')
  const CANARY_TOKEN = secrets.add('a virtual key that nobody has shown', newToken())
  const proxyPassword = secrets.make('password of the proxy', 'pw')
  const byHash = secrets.add('virtual key byHash', newToken())
  const vk = (name: string): string => secrets.make(`virtual key ${name}`, 'vk_')
  const [open, msg, targets, limited, elsewhere, budget, spent, rate, down, loop, off, far] =
    ['open', 'msg', 'targets', 'limited', 'elsewhere', 'budget', 'spent', 'rate', 'down', 'loop', 'off', 'far'].map(vk) as [string, string, string, string, string, string, string, string, string, string, string, string]

  let url = ''
  const provider = await startHostile(t, () => url + CHAT)
  const other = await startHostile(t, () => '')
  const proxy = await startProxy(t)
  const common = {
    PROVIDERS: `openai,anthropic,deepseek,compatible:loop,compatible:far,compatible:other,${PLUGIN}`,
    OPENAI_BASE_URL: `${provider.url}/v1`,
    ANTHROPIC_BASE_URL: provider.url,
    DEEPSEEK_BASE_URL: 'http://127.0.0.1:1',
    LOOP_BASE_URL: `${provider.url}/loop`,
    FAR_BASE_URL: 'https://far.invalid/v1',
    OTHER_BASE_URL: other.url,
    HTTPS_PROXY: `http://user:${proxyPassword}@127.0.0.1:${proxy}`,
    CANARY_API_KEY: real.env,
    CANARY_TOKEN,
    ADMIN_KEY,
    REQUEST_TIMEOUT: '1s',
    MAX_BODY_SIZE: '64KB'
  }
  const own = { provider: 'openai', api_key: real.odd }
  const keys = {
    virtual_keys: {
      [open]: own,
      [msg]: { provider: 'anthropic', api_key: '${CANARY_API_KEY}' },
      [hashed(byHash)]: { provider: 'openai', api_key: `\${file:${writeSecret(folder, 'real', real.file)}}` },
      [targets]: { targets: [{ provider: 'openai', api_key: real.first }, { provider: 'anthropic', api_key: real.second }] },
      [limited]: { ...own, models: ['only-*'] },
      [elsewhere]: { ...own, allow_ips: ['10.0.0.0/8'] },
      [budget]: { ...own, budget: { usd: 1, per: 'day' } },
      [spent]: { ...own, budget: { usd: 0.000001, per: 'day' } },
      [rate]: { ...own, max_requests_per_hour: 0 },
      [down]: { provider: 'deepseek', api_key: real.env },
      [loop]: { provider: 'loop', api_key: real.env },
      [off]: { ...own, disabled: true },
      [far]: { provider: 'far', api_key: real.env },
      [hashed(CANARY_TOKEN)]: { provider: 'canary', api_key: '${CANARY_API_KEY}', max_parallel_requests: 1 },
      vk_other: { provider: 'other', api_key: real.second }
    }
  }
  const admin = { authorization: `Bearer ${ADMIN_KEY}` }
  const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` })
  const body = (model: string, more: object = {}): object => ({ model, max_tokens: 9, messages: [{ role: 'user', content: 'hi' }], input: 'hi', ...more })
  const own_ = (path: string, model: string, more: object = {}): object => {
    const { messages, input, max_tokens: max, ...rest } = body(model, more) as Record<string, unknown>
    return path === '/v1/responses' ? { ...rest, input } : { ...rest, messages, max_tokens: max }
  }

  const main = await launch(t, common, keys)
  url = main.url
  const client = new Client(url, evidence)
  const stalled = client.raw(`POST ${CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${open}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"model":"`, 'a body that stalls')

  // What providers do, in every dialect, streamed and whole, to keys whose real keys are kept in each of the ways.
  const statuses = [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529].map((status) => `status-${status}`)
  for (const path of PATHS) {
    await Promise.all([open, msg, byHash, targets].map(async (key) => {
      for (const model of [...models, ...statuses]) {
        for (const stream of [false, true]) {
          const { text } = await client.ask(path, { headers: bearer(key), body: own_(path, model, { stream }), except: contentModels.has(model) ? ['real key in keys.json', 'real key of ${ENV}', 'real key of ${file:}', 'real key of the first target', 'real key of the second target'] : [] })
          t.notMatch(text, /node_modules|\.ts:\d|ECONN|<html>|127\.0\.0\.1/, `${path} ${model}`)
          if (model === 'content' && key === msg) t.ok(text.includes(real.env), 'content is not the gateway\'s to edit')
        }
      }
    }))
  }
  await client.ask(CHAT, { headers: bearer(open), body: body('silent') })

  // What the gateway itself refuses.
  const refused: Array<[path: string, ask: Parameters<Client['ask']>[1]]> = [
    [CHAT, { headers: bearer(open), body: `{"model":"m","messages":"${open}"` }],
    [CHAT, { headers: bearer(open), body: { messages: [open], model: 5 } }],
    [CHAT, { headers: bearer(msg), body: body('m', { n: 2, user: msg }) }],
    ['/v1/embeddings', { headers: bearer(msg), body: { model: 'm', input: msg } }],
    [CHAT, { headers: bearer(budget), body: body('no-such-model') }],
    [CHAT, { headers: bearer(budget), body: body('gpt-5.4-mini', { tools: [{ type: 'web_search' }], web_search_options: {} }) }],
    [CHAT, { headers: bearer(spent), body: body('gpt-5.4-mini') }],
    [CHAT, { headers: bearer(rate), body: body('m') }],
    [CHAT, { headers: bearer(limited), body: body('another') }],
    [CHAT, { headers: bearer(limited), body: body(limited) }],
    [CHAT, { headers: bearer(limited), body: body(real.odd) }],
    [CHAT, { headers: bearer(elsewhere), body: body('m') }],
    [CHAT, { headers: bearer(down), body: body('m') }],
    [CHAT, { headers: bearer(far), body: body('m') }],
    [CHAT, { headers: bearer(loop), body: body('m') }],
    ['/v1/responses', { headers: bearer(open), body: { model: 'm', input: 'hi', previous_response_id: `resp_${open}` } }],
    [`/v1/responses/${encodeURIComponent(real.odd)}`, { headers: bearer(open) }],
    [`/v1/files/${open}`, { headers: bearer(open) }],
    [`/v1/models/${open}`, { headers: bearer(open) }],
    [`/v1/models/${encodeURIComponent(real.odd)}`, { headers: bearer(open) }],
    ['/v1/models/forbidden', { headers: bearer(open) }],
    [`/v1/models/${'m'.repeat(600)}`, { headers: bearer(limited) }],
    [`/v1/files/${'m'.repeat(600)}`, { headers: bearer(open) }],
    [CHAT, { headers: bearer(open), method: 'PUT', body: '{}' }],
    [CHAT, { headers: bearer(open), body: body('m', { pad: 'x'.repeat(70_000) }) }],
    [CHAT, { headers: { ...bearer(open), 'content-type': `text/plain; key=${open}` }, body: 'x' }],
    [CHAT, { headers: { ...bearer(open), 'content-encoding': real.env }, body: 'x' }],
    [CHAT, { headers: { ...bearer(open), 'x-request-id': open, 'x-gateway-usage': real.env }, body: body('status-400') }],
    ['/v1/models', { headers: { 'x-request-id': real.env } }],
    ['/v1/models', { headers: { ...bearer(open), 'x-request-id': msg } }],
    ['/usage', { headers: bearer(open) }]
  ]
  // Every way in which a key may come and not be taken.
  for (const key of [open, byHash, off, CANARY_TOKEN, real.odd, real.env, real.file, ADMIN_KEY, proxyPassword]) {
    const encoded = encodeURIComponent(key)
    refused.push(
      [CHAT, { headers: bearer(`${key}x`), body: body('m') }],
      [CHAT, { headers: { authorization: `Basic ${Buffer.from(`user:${key}`).toString('base64')}` }, body: body('m') }],
      [CHAT, { headers: { authorization: key }, body: body('m') }],
      [CHAT, { headers: { ...bearer(key), 'x-api-key': `${key}2` }, body: body('m') }],
      [`${CHAT}?key=${encoded}&api_key=${encoded}`, { body: body('m') }],
      [`/v1/models/${encoded}`, {}],
      [`/${encoded}/v1/models`, {}],
      [`/v1/bot${encoded}/x`, {}],
      [`/v1/key=${encoded}`, {}],
      [`/v1/${Buffer.from(`user:${key}`).toString('base64url')}`, {}],
      ['/admin/keys', { headers: bearer(`${key}x`) }]
    )
    if (!/[^\w-]/.test(key)) refused.push([CHAT, { headers: { [`x-${key}`]: '1', 'x-request-id': key }, body: body('m') }])
    if (key !== open && key !== byHash) refused.push([CHAT, { headers: bearer(key), body: body('m') }], [CHAT, { headers: { 'x-api-key': key }, body: body('m') }], ['/v1/models', { headers: bearer(key) }])
  }
  for (const [path, ask] of refused) await client.ask(path, ask)
  const head = (...lines: string[]): string => [`POST ${CHAT} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${open}`, 'Content-Type: application/json', 'Connection: close', ...lines, '', ''].join('\r\n')
  for (const bytes of [
    head('Content-Length: 5', 'Transfer-Encoding: chunked') + '0\r\n\r\n',
    head(`X: ${open.repeat(1000)}`),
    head(`Expect: ${open}`, 'Content-Length: 2') + '{}',
    head('Content-Length: 2', 'Upgrade: websocket').replace('close', 'Upgrade') + '{}',
    head('Content-Length: 2', 'Upgrade: h2c', `HTTP2-Settings: ${open}`) + '{}',
    head(`Authorization: Bearer ${msg}`, 'Content-Length: 2') + '{}',
    `GET /${open} ${open}\r\n\r\n`,
    `${open} / HTTP/1.1\r\n\r\n`,
    `GET http://${real.env}.invalid/${open} HTTP/1.1\r\nHost: ${open}\r\n\r\n`,
    `CONNECT ${open}:443 HTTP/1.1\r\nHost: ${open}\r\n\r\n`
  ]) await client.raw(bytes)
  // Leaves while it sends, and while it is answered.
  await Promise.all([CHAT, '/v1/messages'].map(async (path) => {
    const leaving = new AbortController()
    const left = fetch(url + path, { method: 'POST', headers: { ...bearer(open), 'content-type': 'application/json' }, body: JSON.stringify(own_(path, 'silent')), signal: leaving.signal }).catch(() => {})
    await sleep(50)
    leaving.abort()
    await left
  }))
  await client.leave(head('Content-Length: 50') + '{"model":"')

  // Keys made while it runs: each is told once, to its maker.
  const made: string[] = []
  const make = async (path: string, ask: Parameters<Client['ask']>[1]): Promise<string> => {
    const reply = await fetch(url + path, { method: 'POST', headers: { ...admin, 'content-type': 'application/json' }, body: JSON.stringify(ask.body) })
    const { key, ...rest } = await reply.json() as { key: string, id: string, fingerprint: string }
    made.push(secrets.add(`key made by ${path}`, key))
    evidence.add(`the rest of ${path}`, JSON.stringify(rest))
    return rest.id
  }
  const id = await make('/admin/keys', { body: { provider: 'openai', api_key: '${CANARY_API_KEY}', name: 'made' } })
  await make(`/admin/keys/${id}/rotate`, { body: { overlap: '1h' } })
  for (const key of made) {
    for (const model of ['status-400', 'html', 'sse-later']) await client.ask(CHAT, { headers: bearer(key), body: body(model, { stream: model === 'sse-later' }) })
    await client.ask(`/v1/models/${key}`, {})
  }
  const bad = { provider: 'openai', api_key: real.env }
  for (const [path, asked] of [['/admin/keys', { ...bad, name: real.env }], ['/admin/keys', { ...bad, provider: real.env }], ['/admin/keys', { ...bad, [real.env]: 1 }], ['/admin/keys', `{"api_key": ${real.env}}`], [`/admin/keys/${made[0]}/disable`, {}], [`/admin/keys/${encodeURIComponent(real.odd)}/rotate`, {}]] as const) await client.ask(path, { headers: admin, body: asked })

  // Bad files while it runs.
  const good = readFileSync(main.keysFile, 'utf8')
  for (const [text, said] of [[good.slice(0, good.indexOf(real.odd) + 20), 'keys not reloaded'], [JSON.stringify({ virtual_keys: { [open]: { ...own, [real.env]: real.odd } } }), 'unknown field']] as const) {
    writeFileSync(main.keysFile, text)
    await until(() => main.output().includes(said))
    await client.ask('/admin/keys', { headers: admin })
  }
  writeFileSync(main.keysFile, good)
  await until(() => main.output().includes('is again the one in force'))

  // Many guesses, and many wrong paths: what is said then is said too.
  const many = async (count: number, request: string): Promise<void> => { await client.raw(request.repeat(count) + request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'), `many of ${request.slice(0, 20)}`) }
  await many(700, `GET /v1/models HTTP/1.1\r\nHost: x\r\nx-api-key: ${real.env}\r\n\r\n`)
  await many(6100, `GET /none/${real.env} HTTP/1.1\r\nHost: x\r\n\r\n`)
  t.match(await stalled, /^HTTP\/1.1 408/)

  for (const path of ['/metrics', '/admin/usage', '/admin/requests?limit=200', '/admin/keys', '/health', '/ready', '/openapi.json']) {
    const { status } = await client.ask(path, { headers: admin })
    t.equal(status, 200, path)
  }
  for (const path of ['/admin/usage?group_by=model', '/admin/requests?format=csv']) await client.ask(path, { headers: admin })

  // It ends by an exception that nobody caught, and whose every text has a key in it.
  main.child.kill('SIGWINCH')
  t.equal(await main.ended, 1)
  t.ok(main.output().includes('stopping after an error'))
  evidence.add('the output of the first gateway', main.output())
  const files = evidence.addFolder('the folder of the first gateway', main.folder, ['keys.json'])
  t.ok(files.some((name) => name.endsWith('.jsonl')) && files.some((name) => name.endsWith('.db')), files.join())
  t.ok(evidence.text().includes('"it is [redacted] [redacted]"'), 'its copy in LOG_DIR is cleared, a key in two pieces too')

  // Another, without its stores, ended by a signal while it answers.
  const REDIS_URL = `redis://user:${secrets.make('password of Redis', 'pw')}@127.0.0.1:1/0`
  const DATABASE_URL = `postgres://user:${secrets.make('password of Postgres', 'pw')}@127.0.0.1:1/db`
  const lame = await launch(t, { ...common, REDIS_URL, DATABASE_URL, LOG_DIR: '/dev/null/logs', SHUTDOWN_TIMEOUT: '0' }, keys)
  const second = new Client(lame.url, evidence)
  await second.ask(CHAT, { headers: bearer(budget), body: body('gpt-5.4-mini') })
  lame.child.kill('SIGTERM')
  t.equal(await lame.ended, 0)
  evidence.add('the output of the second gateway', lame.output())

  const busy = await launch(t, { ...common, DATA_DIR: '/dev/null/data', MAX_UPSTREAM_CONNECTIONS: '1', MAX_QUEUE: '1', SHUTDOWN_TIMEOUT: '0', REQUEST_TIMEOUT: '30s' }, keys)
  const third = new Client(busy.url, evidence)
  await third.ask(CHAT, { headers: bearer(budget), body: body('gpt-5.4-mini') })
  await third.ask('/v1/files', { headers: bearer(open) })
  const waiting = [1, 2].map(async () => await third.ask(CHAT, { headers: bearer('vk_other'), body: body('silent') }).catch(() => {}))
  await until(() => other.requests.length === 1)
  await until(() => { void third.ask(CHAT, { headers: bearer('vk_other'), body: body('silent') }).catch(() => {}); return evidence.text().includes('upstream_busy') })
  busy.child.kill('SIGTERM')
  await Promise.all(waiting)
  t.equal(await busy.ended, 0)
  evidence.add('the output of the third gateway', busy.output())
  evidence.addFolder('the folder of the third gateway', busy.folder, ['keys.json'])

  // Starts that fail.
  const text = JSON.stringify(keys)
  const starts: Array<[env: Record<string, string>, keys: string]> = [
    [{}, text.slice(0, text.indexOf(real.odd) + 20)],
    [{}, JSON.stringify({ virtual_keys: { [open]: { ...own, [msg]: 1 } } })],
    [{}, JSON.stringify({ virtual_keys: { [open]: own, [real.odd]: own } })],
    [{}, JSON.stringify({ virtual_keys: { [open]: { ...own, provider: real.env } } })],
    [{ ADMIN_KEY: `${ADMIN_KEY} ${ADMIN_KEY}` }, text],
    [{ CANARY_MANNER: 'fails' }, text],
    [{ REDIS_URL: REDIS_URL.replace('redis:', 'redis') }, text],
    [{ DATABASE_URL: DATABASE_URL.replace(':1/', ':x/') }, text],
    [{ HTTPS_PROXY: `socks5://user:${proxyPassword}@h` }, text],
    [{ OPENAI_BASE_URL: `http://user:${real.env}@h/v1?key=${real.env}` }, text]
  ]
  await Promise.all(starts.map(async ([env, file]) => {
    const failing = run(t, { ...common, ...env }, file)
    t.equal(await failing.ended, 1, failing.output())
    evidence.add('the output of a start that fails', failing.output())
  }))

  t.same(evidence.find(secrets.all), [])
  const said = evidence.text()
  const missing = Object.keys(errorTable).filter((code) => !said.includes(`:"${code}"`))
  t.same(missing.sort(), Object.keys(unreached).sort(), 'every error was caused')
})
