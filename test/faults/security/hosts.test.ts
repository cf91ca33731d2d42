import { createServer } from 'node:net'
import t, { type Test } from 'tap'
import { CHAT_KEY, MESSAGES_KEY, post, startGateway, startProvider } from '../../helper.ts'
import { dialects, replyTo, request, send, statusOf } from './raw.ts'

/** A host that nobody must speak to. */
async function startCanary (t: Test): Promise<{ host: string, contacted: () => number }> {
  let contacted = 0
  const server = createServer((socket) => {
    contacted++
    socket.on('error', () => {})
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.close() })
  return { host: `127.0.0.1:${(server.address() as { port: number }).port}`, contacted: () => contacted }
}

const key = `Authorization: Bearer ${CHAT_KEY}`

t.test('no path reaches another one at the provider (X6)', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(request.method === 'GET' ? '{"object":"list","data":[]}' : replyTo(request.url))
  })
  const gateway = await startGateway(t, provider.url, { env: { ADMIN_KEY: 'admin-0123456789-abcdef' } })
  const bent = [
    '/../admin/keys', '/v1/../admin/keys', '/v1/models/../../admin/keys', '/v1/models/%2e%2e/%2e%2e/admin/keys', '/v1/models/..%2f..%2fadmin%2fkeys', '/v1/models/..%5c..%5cadmin', '/v1/models/%252e%252e%252fadmin',
    '/v1/models/a%00b', '/v1/models/%00', '/v1/models/a//b', '/v1/models/.', '/v1/models/..', '/v1/models/%2F', '/v1/models/%0d%0aX-Injected:%201', '/v1/models/%u002e', '/v1/models/\u00e9', '/v1/models/%ff',
    '//admin/keys', '/v1//models', '/v1/%2e/models', '/v1/files/../models', '/v1/files/..%2fmodels', '/v1/files/%2e%2e%2fmodels', '/v1/files/%2e%2e/content', '/v1/files/a%2fb/content', '/v1/batches/..%2ffiles', '/v1/responses/..%2fmodels', '/v1/responses/%00', '/v1/responses/a/../../files',
    '/v1/conversations/..%2f..%2f', '/etc/passwd', '/v1/chat/completions/../../../etc/passwd', '/.env', '/keys.json', '/%2e%2e/%2e%2e/keys.json', '/v1/;/admin/keys', '/v1/models;/../admin', '/\\admin'
  ]
  for (const path of bent) {
    for (const method of ['GET', 'POST']) {
      const answer = await send(gateway.url, request(`${method} ${path}`, ['Host: x', key], method === 'POST' ? JSON.stringify(dialects[0]!.body) : ''))
      t.ok([400, 401, 404, 405].includes(statusOf(answer)), `${method} ${path}: ${statusOf(answer)}`)
      t.notMatch(answer, /root:|virtual_keys|x-injected/i)
    }
  }
  // The provider is asked for its list alone, and for one model by its name.
  for (const { method, url } of provider.requests) t.match(`${method} ${url}`, /^GET \/v1\/models(\/[\w%-]+)*$/)
  t.notOk(provider.requests.some(({ url }) => /\.\.|%2e|%2f|%5c|%00|\/\/|admin/i.test(url)), provider.requests.map(({ url }) => url).join(' '))
})

t.test('the path that is judged is the one that is served, whatever the Host and other headers say (X7)', async (t) => {
  const provider = await startProvider(t, (request, response) => response.setHeader('content-type', 'application/json').end(replyTo(request.url)))
  const gateway = await startGateway(t, provider.url)
  const body = JSON.stringify(dialects[0]!.body)
  const port = new URL(gateway.url).port
  const refused: Array<[string, string[]]> = [
    ['POST /v1/chat/completions', ['Host: a', 'Host: b', key]],
    ['POST /v1/chat/completions', ['Host: a, b', key]],
    ['POST /v1/chat/completions', [key]],
    [`POST http://127.0.0.1:${port}/v1/chat/completions`, ['Host: x', key]],
    ['POST //x/v1/chat/completions', ['Host: x', key]],
    ['POST /v1/chat/completions@x', ['Host: x', key]],
    ['POST @x/v1/chat/completions', ['Host: x', key]],
    ['POST v1/chat/completions', ['Host: x', key]],
    ['POST *', ['Host: x', key]]
  ]
  for (const [line, headers] of refused) t.ok([400, 404].includes(statusOf(await send(gateway.url, request(line, headers, body)))), `${line} ${headers.join()}`)
  t.equal(provider.requests.length, 0)
  // These are for others, and change nothing.
  for (const header of ['X-Original-URL: /health', 'X-Rewrite-URL: /health', 'X-Forwarded-Prefix: /admin', 'X-Forwarded-Path: /admin', 'X-HTTP-Method-Override: GET', 'X-Method-Override: DELETE', 'X-Forwarded-Host: admin', 'X-Host: admin']) {
    t.equal(statusOf(await send(gateway.url, request('POST /v1/chat/completions', ['Host: admin.internal', key, header], body))), 200, header)
    t.equal(statusOf(await send(gateway.url, request('POST /v1/chat/completions', ['Host: x', header], body))), 401, `${header} without a key`)
  }
  for (const { method, url, headers } of provider.requests) {
    t.equal(`${method} ${url}`, 'POST /v1/chat/completions')
    t.equal(headers.host, new URL(provider.url).host)
  }
})

t.test('nothing in a body picks a host, and nothing is fetched for it (X8)', async (t) => {
  const canary = await startCanary(t)
  const provider = await startProvider(t, (request, response) => response.setHeader('content-type', 'application/json').end(replyTo(request.url)))
  const gateway = await startGateway(t, provider.url)
  const url = `http://${canary.host}/`
  const fields = Object.fromEntries(['base_url', 'baseURL', 'api_base', 'endpoint', 'url', 'host', 'target', 'proxy', 'webhook', 'callback_url', 'upstream', 'provider', 'api_key', 'api_version', 'deployment', 'model_list', 'custom_llm_provider', 'extra_headers'].map((name) => [name, url]))
  const image = { type: 'image_url', image_url: { url: `${url}a.png` } }
  for (const { path, body } of dialects) {
    for (const credential of [CHAT_KEY, MESSAGES_KEY]) {
      for (const more of [fields, { model: url }, { model: `${canary.host}/m` }, { model: `../../${canary.host}` }, { metadata: fields }]) {
        const reply = await post(gateway.url + path, { ...body, ...more }, { authorization: `Bearer ${credential}` })
        t.ok(reply.status === 200 || reply.status === 400, `${path} ${reply.status}`)
      }
    }
  }
  for (const credential of [CHAT_KEY, MESSAGES_KEY]) {
    t.equal((await post(`${gateway.url}/v1/chat/completions`, { ...dialects[0]!.body, messages: [{ role: 'user', content: [image] }] }, { authorization: `Bearer ${credential}` })).status, 200)
    t.equal((await post(`${gateway.url}/v1/messages`, { ...dialects[1]!.body, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'url', url } }] }] }, { authorization: `Bearer ${credential}` })).status, 200)
    t.equal((await post(`${gateway.url}/v1/responses`, { ...dialects[2]!.body, input: [{ role: 'user', content: [{ type: 'input_image', image_url: url }] }] }, { authorization: `Bearer ${credential}` })).status, 200)
  }
  t.equal(canary.contacted(), 0)
  for (const { headers } of provider.requests) t.equal(headers.host, new URL(provider.url).host)
})

t.test('nothing in a header picks a host (X9)', async (t) => {
  const canary = await startCanary(t)
  const provider = await startProvider(t, (request, response) => response.setHeader('content-type', 'application/json').end(replyTo(request.url)))
  const gateway = await startGateway(t, provider.url)
  const url = `http://${canary.host}/`
  const headers = [
    `Host: ${canary.host}`, `X-Forwarded-Host: ${canary.host}`, `X-Forwarded-Server: ${canary.host}`, `Forwarded: host=${canary.host};for=1.2.3.4`, `X-Host: ${canary.host}`, `X-Original-Host: ${canary.host}`, `X-Backend-Host: ${canary.host}`, `X-Upstream: ${url}`,
    `X-Target-URL: ${url}`, `X-Base-URL: ${url}`, `Helicone-Target-URL: ${url}`, `Helicone-OpenAI-Api-Base: ${url}`, `X-Portkey-Custom-Host: ${url}`, `X-Portkey-Config: {"custom_host":"${url}"}`, `X-Provider: ${url}`, `X-Gateway-Target: ${url}`, `Proxy: ${url}`, `Http-Proxy: ${url}`, `Referer: ${url}`, `Origin: ${url}`, `Location: ${url}`, `Destination: ${url}`, `Alt-Used: ${canary.host}`
  ]
  for (const { path, body } of dialects) {
    for (const header of headers) {
      const answer = await send(gateway.url, request(`POST ${path}`, [...header.startsWith('Host') ? [] : ['Host: x'], key, header], JSON.stringify(body)))
      t.equal(statusOf(answer), 200, `${path} ${header}`)
      t.notOk(answer.includes(canary.host))
    }
  }
  t.equal(canary.contacted(), 0)
  for (const { headers } of provider.requests) t.equal(headers.host, new URL(provider.url).host)
})

t.test('the gateway is no proxy (X10)', async (t) => {
  const canary = await startCanary(t)
  const provider = await startProvider(t, (_request, response) => response.end())
  const gateway = await startGateway(t, provider.url)
  for (const line of [`GET http://${canary.host}/`, `POST http://${canary.host}/v1/chat/completions`, `GET https://${canary.host}/`, `OPTIONS http://${canary.host}/`, `HEAD http://${canary.host}/`, `GET ftp://${canary.host}/`, `POST HTTP://${canary.host}/v1/messages`]) {
    for (const headers of [[`Host: ${canary.host}`], [`Host: ${canary.host}`, key]]) {
      t.equal(statusOf(await send(gateway.url, request(line, headers))), 400, line)
    }
  }
  for (const headers of [[`Host: ${canary.host}`], [`Host: ${canary.host}`, key], [`Host: ${canary.host}`, `Proxy-Authorization: Bearer ${CHAT_KEY}`]]) {
    const answer = await send(gateway.url, `${request(`CONNECT ${canary.host}`, headers)}GET / HTTP/1.1\r\nHost: x\r\n\r\n`)
    t.ok(answer === '' || statusOf(answer) >= 400, answer)
  }
  t.equal(canary.contacted(), 0)
  t.equal(provider.requests.length, 0)
})
