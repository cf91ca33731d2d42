import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, until } from '../../helper.ts'
import { start } from '../../process.ts'
import { dialects, replyTo, request, send, statusOf } from './raw.ts'

t.setTimeout(120_000)

/** What clients, and what stands before them, send, and no provider is to see. */
const FROM_CLIENTS: Record<string, string> = {
  Cookie: 'session=1',
  'Proxy-Authorization': 'Basic eDp5',
  'X-Forwarded-For': '1.2.3.4',
  Forwarded: 'for=1.2.3.4',
  'X-Real-IP': '1.2.3.4',
  'X-Forwarded-Proto': 'https',
  'Keep-Alive': 'timeout=5',
  TE: 'trailers',
  'Proxy-Connection': 'keep-alive',
  'X-Api-Key': CHAT_KEY,
  'Api-Key': CHAT_KEY,
  'X-Goog-Api-Key': CHAT_KEY,
  'OpenAI-Organization': 'org-1',
  'OpenAI-Project': 'proj-1',
  'Anthropic-Organization-Id': 'org-2',
  'X-Stainless-Lang': 'js',
  'X-Request-Id': 'mine-1',
  'X-Secret': 'named by Connection',
  Via: '1.0 proxy',
  Referer: 'http://a/',
  Origin: 'http://a',
  'Accept-Language': 'de',
  'X-Amz-Security-Token': 't',
  Authorization2: 'x',
  'X-Custom': '1'
}

t.test('of a client\'s headers none crosses but those of the dialect; one credential goes, and the provider\'s own Host (X11)', async (t) => {
  const provider = await startProvider(t, (request, response) => response.setHeader('content-type', 'application/json').end(replyTo(request.url)))
  const gateway = await startGateway(t, provider.url)
  const ours = ['accept', 'accept-encoding', 'connection', 'content-length', 'content-type', 'host', 'user-agent', 'via']
  for (const { path, body } of dialects) {
    for (const key of [CHAT_KEY, MESSAGES_KEY]) {
      const headers = Object.entries(FROM_CLIENTS).map(([name, value]) => `${name}: ${value.replace(CHAT_KEY, key)}`)
      const answer = await send(gateway.url, request(`POST ${path}`, ['Host: gateway.example', `Authorization: Bearer ${key}`, ...headers], JSON.stringify(body)).replace('Connection: close', 'Connection: close, X-Secret'))
      t.equal(statusOf(answer), 200)
      const seen = provider.requests.at(-1)!.headers
      const credential = key === CHAT_KEY ? 'authorization' : 'x-api-key'
      t.same(Object.keys(seen).filter((name) => name !== 'anthropic-version').sort(), [...ours, credential].sort(), path)
      t.equal(String(seen[credential]).replace('Bearer ', ''), REAL_KEY)
      t.equal(seen.host, new URL(provider.url).host)
      t.match(seen.via, /^1\.1 llm-gateway-[0-9a-f]+$/)
      t.notMatch(JSON.stringify(seen), /session|1\.2\.3\.4|vk_test|org-|proj-|mine-1|gateway\.example/)
    }
  }
})

const FROM_PROVIDERS: Record<string, string | string[]> = {
  'set-cookie': ['a=1', 'b=2'],
  server: 'cloudflare',
  via: '1.1 google',
  'x-powered-by': 'x',
  'openai-organization': 'org-1',
  'openai-project': 'proj_1',
  'anthropic-organization-id': 'org-2',
  'cf-ray': '1',
  'alt-svc': 'h3=":443"',
  'keep-alive': 'timeout=99',
  'proxy-authenticate': 'Basic',
  upgrade: 'h2c',
  'strict-transport-security': 'max-age=1',
  'x-ratelimit-limit-requests': '7',
  'x-ratelimit-remaining-tokens': '7',
  'anthropic-ratelimit-requests-limit': '7',
  'access-control-allow-origin': '*',
  link: '</x>; rel=preload',
  'x-echo': REAL_KEY,
  'www-authenticate': REAL_KEY,
  'clear-site-data': '"*"',
  refresh: '0; url=http://a/',
  'content-disposition': 'attachment',
  'x-request-id': REAL_KEY,
  'openai-version': REAL_KEY
}

t.test('of a provider\'s headers none crosses but those of the dialect, with a reply, a stream and an error (X12, U68)', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    const { model } = JSON.parse(request.body) as { model: string }
    response.writeHead(model === 'bad' ? 400 : 200, { ...FROM_PROVIDERS, 'content-type': 'application/json', connection: 'x-hop', 'x-hop': '1' })
    response.end(model === 'bad' ? '{"error":{"message":"no","type":"x"},"type":"error"}' : replyTo(request.url))
  })
  const gateway = await startGateway(t, provider.url)
  const ours = /^(cache-control|connection|content-length|content-type|date|keep-alive|transfer-encoding|x-accel-buffering|x-request-id|request-id|retry-after|x-gateway-[a-z-]+)$/
  for (const { path, body } of dialects) {
    for (const key of [CHAT_KEY, MESSAGES_KEY]) {
      for (const more of [{}, { stream: true }, { model: 'bad' }]) {
        const reply = await post(gateway.url + path, { ...body, ...more }, { authorization: `Bearer ${key}` })
        const names = [...reply.headers.keys()]
        t.ok(names.every((name) => ours.test(name)), names.join())
        t.notMatch(JSON.stringify([...reply.headers]), /org-|proj_|cloudflare|google|sk-real|timeout=99/)
        t.notOk(names.some((name) => name.includes('ratelimit')), 'what the provider allows the gateway is not what the key may use')
        await reply.text()
      }
    }
  }
})

t.test('a field that a client calls by a key is not named in a header (X13)', async (t) => {
  const provider = await startProvider(t, (request, response) => response.setHeader('content-type', 'application/json').end(replyTo(request.url)))
  const gateway = await startGateway(t, provider.url)
  const { path, body } = dialects.find(({ path }) => path === '/v1/messages')!
  for (const secret of [REAL_KEY, CHAT_KEY]) {
    const reply = await post(gateway.url + path, { ...body, [secret]: 1, odd: 1 })
    t.equal(reply.status, 200)
    t.equal(reply.headers.get('x-gateway-lossy'), '[redacted], odd')
  }
})

t.test('a request id that is long or odd is replaced (X16)', async (t) => {
  const provider = await startProvider(t, (request, response) => response.setHeader('content-type', 'application/json').end(replyTo(request.url)))
  const gateway = await startGateway(t, provider.url)
  const own = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/
  const idOf = (answer: string): string => /^x-request-id: (.*)\r$/im.exec(answer)?.[1] ?? ''
  const ask = async (...headers: string[]): Promise<string> => idOf(await send(gateway.url, request('POST /v1/chat/completions', ['Host: x', `Authorization: Bearer ${CHAT_KEY}`, ...headers], JSON.stringify(dialects[0]!.body))))
  for (const id of ['mine-1', 'a'.repeat(128), 'trace/1:2+3=4.5_6']) t.equal(await ask(`X-Request-Id: ${id}`), id)
  for (const id of ['', 'a'.repeat(129), 'a'.repeat(10_000), 'a b', 'a"b', '{"a":1}', '\u00e9', '\u001b[31m', 'a\tb', '<script>', 'a,b', '%0d%0aX: 1', CHAT_KEY, MESSAGES_KEY, REAL_KEY, `x${CHAT_KEY}`, 'vk_there_is_no_such_key', 'xvk_guess']) {
    t.match(await ask(`X-Request-Id: ${id}`), own, id.slice(0, 40))
  }
  t.match(await ask('X-Request-Id: a', 'X-Request-Id: b'), own)
  t.match(await ask(), own)
})

t.test('the log stays one JSON object a line, whatever stands in model, headers and path (X15)', async (t) => {
  const odd = '\n{"level":60,"msg":"forged"}\r\n\u2028\u0000\u001b[31m\u202e"\\'
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(400, { 'content-type': 'application/json', 'x-request-id': 'a"b' }).end(JSON.stringify({ error: { message: odd, type: odd, code: odd, param: odd } }))
  })
  const gateway = await start(t, provider.url, { LOG_LEVEL: 'trace' })
  let count = 0
  for (const { path, body } of dialects) {
    for (const model of [odd, 'm'.repeat(10_000), '\ud800']) {
      await (await post(gateway.url + path, { ...body, model, user: odd, metadata: { [odd]: odd } }, { 'user-agent': 'a{"level":60}', 'x-request-id': '{"a":1}' })).text()
      count++
    }
  }
  for (const path of ['/v1/models/%0A%7B%22level%22%3A60%7D', '/%0d%0a{"level":60}', '/\u001b[31m', '/"},{"msg":"forged"}', `/${'x'.repeat(5000)}`, '/\u00ff', '/?\n']) {
    await send(gateway.url, request(`GET ${path.replace('\n', '%0a')}`, ['Host: x', `Authorization: Bearer ${CHAT_KEY}`, 'X-Odd: {"level":60}', 'Referer: "}'])).catch(() => {})
  }
  await until(() => gateway.output().split('"msg":"request"').length > count + 5)
  gateway.child.kill('SIGTERM')
  await gateway.ended
  const captured = readdirSync(join(gateway.folder, 'logs')).map((name) => readFileSync(join(gateway.folder, 'logs', name), 'utf8')).join('')
  t.equal(captured.trim().split('\n').length, count, 'one line a request')
  for (const line of [...gateway.output().trim().split('\n'), ...captured.trim().split('\n')]) {
    const { level, msg, path, model } = JSON.parse(line) as { level?: number, msg?: string, path?: string, model?: string }
    t.not(level, 60)
    t.not(msg, 'forged')
    t.ok((path ?? '').length <= 128)
    // eslint-disable-next-line no-control-regex
    t.notMatch(line, /[\u0000-\u001f\u007f-\u009f]/, 'nothing that a terminal obeys')
    if (msg === 'request' && model !== undefined) t.ok(model.length <= 128)
  }
})
