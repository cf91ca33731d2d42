import { createHash } from 'node:crypto'
import t from 'tap'
import { readKeys } from '../../../plugins/keys/file.ts'
import { defaultProviders, loadBuiltin } from '../../../providers/index.ts'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider } from '../../helper.ts'
import { dialects, replyTo, request, send, statusOf } from './raw.ts'

const HASHED = 'vk_hashed_0123456789'
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')
const ADMIN_KEY = 'admin-0123456789-abcdef'

t.test('whatever is wrong with a key, the answer is the same to the byte, in each dialect (X1, C59)', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.end())
  const entry = { provider: 'openai', api_key: REAL_KEY }
  const gateway = await startGateway(t, provider.url, {
    env: { ADMIN_KEY },
    keys: { vk_off_0123456789: { ...entry, disabled: true }, vk_old_0123456789: { ...entry, expires_at: '2020-01-01T00:00:00Z' }, [`sha256:${sha256(HASHED)}`]: entry }
  })
  const bad = [
    '', 'Authorization:', 'Authorization: Bearer', 'Authorization: Bearer ', `Authorization: ${CHAT_KEY}`, `Authorization: Basic ${Buffer.from(`${CHAT_KEY}:`).toString('base64')}`,
    ...['nobody', CHAT_KEY.slice(0, -1), `${CHAT_KEY}x`, CHAT_KEY.toUpperCase(), 'vk_off_0123456789', 'vk_old_0123456789', sha256(HASHED), `sha256:${sha256(HASHED)}`, sha256(CHAT_KEY), `sha256:${sha256(CHAT_KEY)}`, `${HASHED}x`, REAL_KEY, ADMIN_KEY, '__proto__', 'constructor', 'toString', 'hasOwnProperty', '\' OR 1=1 --', '"\\', 'x'.repeat(7000)].map((key) => `Authorization: Bearer ${key}`),
    `X-Api-Key: ${CHAT_KEY}\r\nX-Api-Key: ${CHAT_KEY}`, `X-Api-Key: ${CHAT_KEY}\r\nApi-Key: ${MESSAGES_KEY}`, `X-Api-Key: ${CHAT_KEY.slice(0, -1)}`
  ]
  for (const { path, body } of dialects) {
    const answers = new Set<string>()
    for (const header of bad) {
      const answer = await send(gateway.url, request(`POST ${path}`, ['Host: x', ...header === '' ? [] : [header]], JSON.stringify(body)))
      t.equal(statusOf(answer), 401, header.slice(0, 80))
      t.notMatch(answer.slice(answer.indexOf('\r\n\r\n')), /request.?id|vk_|sk-/i, 'no id and no key in the body')
      answers.add(answer.replace(/^(x-request-id|request-id|date): .*$/gim, '$1'))
    }
    t.equal(answers.size, 1, path)
  }
  t.equal(provider.requests.length, 0)
})

t.test('a key is looked up in a Map, by its SHA-256, whichever way it is stored (X2)', async (t) => {
  const providers = await Promise.all(defaultProviders.map(loadBuiltin))
  const entry = { provider: 'openai', api_key: REAL_KEY }
  const keys = readKeys(Buffer.from(JSON.stringify({ virtual_keys: { [CHAT_KEY]: entry, [`sha256:${sha256(HASHED).toUpperCase()}`]: entry } })), { env: {}, providers })
  t.ok(keys instanceof Map)
  t.same([...keys.keys()], [sha256(CHAT_KEY), sha256(HASHED)])
})

t.test('a used-up quota stays so, however the key, the path or the address is spelled (X4)', async (t) => {
  const provider = await startProvider(t, (request, response) => response.setHeader('content-type', 'application/json').end(replyTo(request.url)))
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { max_requests_per_hour: 1 } } })
  t.equal((await post(`${gateway.url}/v1/chat/completions`, dialects[0]!.body)).status, 200)
  const sent = provider.requests.length
  const key = `Authorization: Bearer ${CHAT_KEY}`
  const addresses = ['X-Forwarded-For: 1.2.3.4', 'X-Forwarded-For: 127.0.0.1, 8.8.8.8', 'Forwarded: for=1.2.3.4', 'X-Real-IP: 1.2.3.4', 'CF-Connecting-IP: 1.2.3.4', 'True-Client-IP: 1.2.3.4', 'X-Client-IP: 1.2.3.4']
  const others = ['X-Request-Id: another', 'X-RateLimit-Bypass: 1', 'X-Original-URL: /health', 'X-HTTP-Method-Override: GET', 'X-Gateway-Usage: 1', 'User-Agent: another', 'OpenAI-Organization: another', 'OpenAI-Project: another', 'Cookie: key=another', 'Idempotency-Key: another', 'Cache-Control: no-cache', 'Prefer: respond-async', 'X-Stainless-Retry-Count: 1']
  const spelled = [`Authorization: bearer ${CHAT_KEY}`, `Authorization: BEARER  ${CHAT_KEY}`, `authorization:Bearer ${CHAT_KEY}`, `X-Api-Key: ${CHAT_KEY}`, `Api-Key: ${CHAT_KEY}`, `X-Goog-Api-Key: ${CHAT_KEY}`, `Authorization: Bearer ${CHAT_KEY}\r\nX-Api-Key: ${CHAT_KEY}`,
    `X-Api-Key: ${CHAT_KEY.toUpperCase()}`, `X-Api-Key:  ${CHAT_KEY}  `, `X-Api-Key: ${CHAT_KEY}%20`, `X-Api-Key: ${CHAT_KEY};`, `X-Api-Key: "${CHAT_KEY}"`, `X-Api-Key: ${CHAT_KEY}\t`, `X-Api-Key: ${sha256(CHAT_KEY)}`]
  const paths = dialects.flatMap(({ path }) => [path, path.slice(3), `${path}/`, `/${path}`, path.toUpperCase(), `${path}?x=1`, `${path}%20`, path.replace('/v1', '/v1/.'), path.replace('/v1/', '/v1//'), path.replace('/v1/', '/v1%2f'), `/x/..${path}`, `${path};x=1`, `/v2${path.slice(3)}`, `${path}#x`])
  const body = JSON.stringify({ ...dialects[0]!.body, max_tokens: 9, input: 'hi' })
  const asked = [
    ...[...addresses, ...others].map((header) => request('POST /v1/chat/completions', ['Host: x', key, header], body)),
    ...spelled.map((header) => request('POST /v1/chat/completions', ['Host: x', header], body)),
    ...paths.map((path) => request(`POST ${path}`, ['Host: x', key], body)),
    ...['/v1/embeddings', '/v1/completions', '/v1/moderations', '/v1/responses/compact', '/v1/messages', '/v1/images/generations'].map((path) => request(`POST ${path}`, ['Host: x', key], JSON.stringify({ model: 'm', input: 'hi', prompt: 'hi', messages: [{ role: 'user', content: 'hi' }], max_tokens: 9 }))),
    request('GET /v1/files', ['Host: x', key]),
    request('GET /v1/batches', ['Host: x', key])
  ]
  for (const bytes of asked) {
    const status = statusOf(await send(gateway.url, bytes))
    t.ok([400, 401, 404, 405, 429].includes(status), `${status}: ${bytes.slice(0, 120)}`)
  }
  t.equal(provider.requests.length, sent, 'nothing of it went out')
})

t.test('what is the administrator\'s is nobody else\'s (X5)', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  const credentials = ['', `Authorization: Bearer ${CHAT_KEY}`, `X-Api-Key: ${REAL_KEY}`, `Authorization: Bearer ${ADMIN_KEY}x`, `Authorization: Basic ${Buffer.from(`admin:${ADMIN_KEY}`).toString('base64')}`, `X-Admin-Key: ${ADMIN_KEY}`, `Authorization: Bearer ${CHAT_KEY}\r\nX-Api-Key: ${ADMIN_KEY}`, `Cookie: key=${ADMIN_KEY}`]
  const lines = ['GET /admin/usage', 'GET /admin/requests', 'GET /admin/requests/x', 'GET /admin/keys', 'POST /admin/keys', 'POST /admin/keys/x/rotate', 'POST /admin/keys/x/disable', 'GET /metrics', 'HEAD /admin/keys', 'GET /admin', 'GET /ADMIN/keys', 'GET //admin/keys', 'GET /v1/admin/keys', 'GET /admin/keys/', 'GET /%61dmin/keys', `GET /admin/keys?key=${ADMIN_KEY}`]
  for (const line of lines) {
    for (const credential of credentials) {
      const answer = await send(gateway.url, request(line, ['Host: x', ...credential === '' ? [] : [credential]], line.startsWith('POST') ? '{"provider":"openai","api_key":"sk-0123456789"}' : ''))
      t.ok([401, 403, 404].includes(statusOf(answer)), `${line} with ${credential}: ${statusOf(answer)}`)
      t.notMatch(answer, /"data"|llm_gateway_|fingerprint/, 'no data')
    }
  }
  t.equal(gateway.app.keys.size, 2)
})

t.test('sixty requests of three keys at once: each has its own answer, of its own account (X18)', async (t) => {
  const provider = await startProvider(t, async (request, response) => {
    const { user } = JSON.parse(request.body) as { user: string }
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 50))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ ...dialects[0]!.reply, id: `${user} ${request.headers.authorization}` }))
  })
  const names = ['vk_a_0123456789', 'vk_b_0123456789', 'vk_c_0123456789']
  const gateway = await startGateway(t, provider.url, { keys: Object.fromEntries(names.map((name) => [name, { provider: 'openai', api_key: `sk-${name}` }])) })
  await Promise.all(Array.from({ length: 60 }, async (_, i) => {
    const name = names[i % 3]!
    const reply = await post(`${gateway.url}/v1/chat/completions`, { ...dialects[0]!.body, user: `${name} ${i}` }, { authorization: `Bearer ${name}` })
    t.match(await reply.json(), { id: `${name} ${i} Bearer sk-${name}` })
  }))
  t.equal(provider.requests.length, 60)
})

t.test('no reply may be kept by a cache, and none is given twice (X17)', async (t) => {
  let count = 0
  const provider = await startProvider(t, (request, response) => {
    const body = request.method === 'GET' ? '{"object":"list","data":[]}' : replyTo(request.url)
    response.writeHead(count++ % 2 === 0 ? 200 : 400, { 'content-type': 'application/json', 'cache-control': 'public, max-age=3600', etag: '"x"', expires: 'Wed, 01 Jan 2031 00:00:00 GMT', age: '5' }).end(body)
  })
  const gateway = await startGateway(t, provider.url, { env: { ADMIN_KEY } })
  for (const { path, body } of dialects) {
    for (const key of [CHAT_KEY, MESSAGES_KEY]) {
      for (let time = 0; time < 2; time++) {
        const reply = await post(gateway.url + path, body, { authorization: `Bearer ${key}`, 'if-none-match': '"x"' })
        t.equal(reply.headers.get('cache-control'), 'private, no-store', `${path} ${reply.status}`)
        for (const name of ['etag', 'expires', 'age']) t.equal(reply.headers.get(name), null)
      }
    }
  }
  t.equal(provider.requests.length, 12, 'each was asked for')
  count = 0
  for (const [path, key] of [['/v1/models', CHAT_KEY], ['/usage', CHAT_KEY], ['/admin/usage', ADMIN_KEY], ['/admin/requests', ADMIN_KEY], ['/admin/keys', ADMIN_KEY]] as const) {
    const reply = await fetch(gateway.url + path, { headers: { 'x-api-key': key } })
    t.equal(reply.status, 200, path)
    t.equal(reply.headers.get('cache-control'), 'private, no-store', path)
  }
})
