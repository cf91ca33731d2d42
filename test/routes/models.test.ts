import type { Socket } from 'node:net'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, startRawProvider } from '../helper.ts'

const OTHER_KEY = 'sk-other-0123456789-abcdefghij'

const get = (url: string, key = CHAT_KEY): Promise<Response> => fetch(url, { headers: { 'x-api-key': key } })

t.test('the models a key may use, in one shape whoever lists them', async (t) => {
  const provider = await startProvider(t, ({ url, headers }, response) => {
    response.setHeader('content-type', 'application/json')
    if (headers['anthropic-version'] !== undefined) {
      return response.end('{"data":[{"type":"model","id":"claude-x","display_name":"X","created_at":"2026-01-01T00:00:00Z"}],"has_more":false}')
    }
    if (url === '/v1/models/unlisted') return response.end('{"id":"unlisted","object":"model","created":2,"owned_by":"maker"}')
    if (url !== '/v1/models') return response.writeHead(404).end('{"error":{"message":"no"}}')
    response.end('{"object":"list","data":[{"id":"a/one","object":"model","created":1,"owned_by":"maker"},{"id":"two","object":"model","created":2,"owned_by":"maker"}]}')
  })
  const gateway = await startGateway(t, provider.url, {
    env: { MAX_REQUESTS_PER_HOUR: '1' },
    keys: { [CHAT_KEY]: { models: ['a/*', 'unlisted', 'gone'], model_aliases: { mine: 'a/one' } } }
  })
  for (const path of ['/v1/models', '/models']) {
    const reply = await get(gateway.url + path)
    t.equal(reply.status, 200)
    t.same(await reply.json(), {
      object: 'list',
      data: ['a/one', 'mine'].map((id) => ({ id, object: 'model', created: 1, owned_by: 'maker' }))
    })
  }
  t.match(await (await get(`${gateway.url}/v1/models`, MESSAGES_KEY)).json(), { data: [{ id: 'claude-x', object: 'model', created: 1767225600 }] })
  t.equal(provider.requests.at(-1)?.headers['x-api-key'], REAL_KEY)

  t.match(await (await get(`${gateway.url}/v1/models/a/one`)).json(), { id: 'a/one', object: 'model' })
  t.match(await (await get(`${gateway.url}/v1/models/mine`)).json(), { id: 'mine', object: 'model' })
  t.match(await (await get(`${gateway.url}/v1/models/unlisted`)).json(), { id: 'unlisted' }, 'known to the provider though it does not list it')
  for (const id of ['two', 'gone', 'a/..%2f..%2fadmin', 'a/%00']) {
    const reply = await get(`${gateway.url}/v1/models/${id}`)
    t.equal(reply.status, 404, id)
    t.match(await reply.json(), { error: { code: 'model_not_found' } })
  }
  t.ok(provider.requests.every(({ url }) => /^\/v1\/models(\/(unlisted|gone)|\?limit=1000)?$/.test(url)), 'nothing else was asked')
  t.equal(gateway.app.quota.headers(gateway.app.keys.find(CHAT_KEY)!)['x-ratelimit-remaining-requests'], '1', 'it costs nothing')
})

t.test('of several targets the first that answers tells the models', async (t) => {
  const KEY = 'vk_targets_0123456789'
  let play = (socket: Socket): void => { socket.resetAndDestroy() }
  let asked = 0
  const first = await startRawProvider(t, (socket) => {
    asked++
    play(socket)
  })
  const second = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end('{"data":[{"id":"m1","object":"model","created":1,"owned_by":"maker"}]}'))
  const gateway = await startGateway(t, first.url, {
    env: { ANTHROPIC_BASE_URL: first.url, OPENAI_BASE_URL: `${second.url}/v1`, ANTHROPIC_REQUEST_TIMEOUT: '300ms', ADMIN_KEY: 'admin-0123456789-abcdef' },
    keys: { [KEY]: { name: 'team', targets: [{ provider: 'anthropic', api_key: REAL_KEY }, { provider: 'openai', api_key: OTHER_KEY }] } }
  })
  const reply = (status: string, body = '{}') => (socket: Socket): void => { socket.end(`HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`) }
  const failures: Array<[play: typeof play, code: string]> = [
    [play, 'upstream_broke'],
    [() => {}, 'upstream_timeout'],
    [reply('401 No'), 'upstream_credential_refused'],
    [reply('403 No'), 'upstream_credential_refused'],
    [reply('429 No'), 'upstream_error'],
    [reply('503 No'), 'upstream_error'],
    [reply('200 OK', '<html>'), 'upstream_bad_reply']
  ]
  for (const [fails, code] of failures) {
    play = fails
    for (const path of ['/v1/models', '/v1/models/m1']) {
      const { length } = gateway.lines()
      const answer = await get(gateway.url + path, KEY)
      t.equal(answer.status, 200, `${path}: ${code}`)
      t.equal(answer.headers.get('x-gateway-target'), 'openai')
      t.match(await answer.json(), path === '/v1/models' ? { data: [{ id: 'm1' }] } : { id: 'm1' })
      const told = gateway.lines().slice(length).filter(({ level, msg }) => level === 40 && msg !== 'request')
      t.match(told, [{ key: 'team', target: 'anthropic', error: code, id: answer.headers.get('x-request-id') }])
    }
    t.equal(second.requests.at(-1)?.headers['authorization'], `Bearer ${OTHER_KEY}`)
  }
  const metrics = await (await fetch(`${gateway.url}/metrics`, { headers: { authorization: 'Bearer admin-0123456789-abcdef' } })).text()
  t.match(metrics, /llm_gateway_fallbacks_total\{[^}]*provider="anthropic"[^}]*reason="upstream_timeout"[^}]*\} 2/)

  const before = { asked, second: second.requests.length }
  play = reply('200 OK', '{"data":[{"type":"model","id":"claude-x","created_at":"2026-01-01T00:00:00Z"}]}')
  const good = await get(`${gateway.url}/v1/models`, KEY)
  t.equal(good.headers.get('x-gateway-target'), 'anthropic')
  t.match(await good.json(), { data: [{ id: 'claude-x' }] })
  t.same([asked - before.asked, second.requests.length - before.second], [1, 0], 'one request to one target')
  play = reply('404 No')
  t.match(await (await get(`${gateway.url}/v1/models`, KEY)).json(), { data: [] }, 'to have no list is an answer')
  t.equal(second.requests.length, before.second)
  t.notMatch(JSON.stringify(gateway.lines()), new RegExp(`${REAL_KEY}|${OTHER_KEY}`))
})

t.test('where no target tells the models, the last failure is told', async (t) => {
  const KEY = 'vk_targets_0123456789'
  const provider = await startProvider(t, (_request, response) => response.writeHead(401).end('{}'))
  const gateway = await startGateway(t, 'http://127.0.0.1:9', {
    env: { OPENAI_BASE_URL: `${provider.url}/v1` },
    keys: { [KEY]: { targets: [{ provider: 'anthropic', api_key: REAL_KEY }, { provider: 'openai', api_key: OTHER_KEY }] } }
  })
  const reply = await get(`${gateway.url}/v1/models`, KEY)
  t.equal(reply.status, 502)
  t.match(await reply.json(), { error: { code: 'upstream_credential_refused' } })
  t.equal(reply.headers.get('x-gateway-target'), null)
})

t.test('embeddings pass through where the provider has them, and are refused clearly where not', async (t) => {
  const answer = '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10,1e-7]}],"model":"e","usage":{"prompt_tokens":1,"total_tokens":1}}'
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end(answer))
  const gateway = await startGateway(t, provider.url)
  const body = '{"model":"e","input":["x"],"encoding_format":"float"}'
  t.equal(await (await post(`${gateway.url}/v1/embeddings`, body)).text(), answer)
  t.equal(provider.requests[0]?.body, body)
  t.equal(provider.requests[0]?.url, '/v1/embeddings')
  const refused = await post(`${gateway.url}/v1/embeddings`, body, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.equal(refused.status, 400)
  t.match(await refused.json(), { error: { code: 'unsupported_endpoint', message: /anthropic/ } })
  t.equal(provider.requests.length, 1)
})

t.test('what needs no key, and what is not there', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9')
  t.same(await (await fetch(`${gateway.url}/health`)).json(), { status: 'ok' })
  t.same(await (await fetch(`${gateway.url}/ready`)).json(), { status: 'ready' })
  const document = await (await fetch(`${gateway.url}/openapi.json`)).json() as { openapi: string, paths: Record<string, unknown> }
  t.match(document.openapi, /^3\.1/)
  for (const path of ['/v1/chat/completions', '/v1/embeddings', '/v1/models', '/health']) t.ok(path in document.paths, path)
  const missing = await fetch(`${gateway.url}/v1/nothing`)
  t.equal(missing.status, 404)
  t.match(await missing.json(), { error: { code: 'not_found', type: 'invalid_request_error' } })
  for (const [method, path, allow] of [['GET', '/v1/chat/completions', 'POST'], ['DELETE', '/v1/embeddings', 'POST'], ['POST', '/v1/models/x', 'GET, HEAD'], ['PUT', '/health', 'GET, HEAD']]) {
    const reply = await fetch(gateway.url + path, { method: method! })
    t.equal(reply.status, 405, `${method} ${path}`)
    t.equal(reply.headers.get('allow'), allow)
  }
})
