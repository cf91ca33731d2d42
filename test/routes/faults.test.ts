import { connect, type Socket } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import OpenAI from 'openai'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, startRawProvider, until } from '../helper.ts'

const CHAT = '/v1/chat/completions'
const ask = { model: 'm1', messages: [{ role: 'user', content: 'hi' }] }
const completion = JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm1', choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }] })
const chunk = (delta: unknown, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm1', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const json = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n'
const sse = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n'

t.test('a provider that cannot be reached is a 502 without its address', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:1', { env: { MAX_REQUESTS_PER_HOUR: '5', DEEPSEEK_BASE_URL: 'http://no-such-host.invalid' }, keys: { vk_dns_0123456789: { provider: 'deepseek', api_key: REAL_KEY } } })
  for (const key of [CHAT_KEY, 'vk_dns_0123456789']) {
    const reply = await post(gateway.url + CHAT, ask, { authorization: `Bearer ${key}` })
    t.equal(reply.status, 502)
    const text = await reply.text()
    t.match(JSON.parse(text), { error: { code: 'upstream_unreachable', type: 'server_error' } })
    t.notMatch(text, /127\.0\.0\.1|ECONN|ENOTFOUND|invalid\b.*host/)
    t.equal(reply.headers.get('x-ratelimit-remaining-requests'), '5', 'it never reached a provider')
  }
})

t.test('silence is a 504 in time, and the provider is let go', async (t) => {
  const provider = await startProvider(t, (_request, response) => { response.on('error', () => {}) })
  const gateway = await startGateway(t, provider.url, { env: { REQUEST_TIMEOUT: '300ms', MAX_REQUESTS_PER_HOUR: '5' } })
  const begun = performance.now()
  const reply = await post(gateway.url + CHAT, ask)
  const took = performance.now() - begun
  t.equal(reply.status, 504)
  t.match(await reply.json(), { error: { code: 'upstream_timeout' } })
  t.ok(took >= 295 && took < 1800, `${took} ms`)
  t.equal(reply.headers.get('x-ratelimit-remaining-requests'), '4', 'it counts')
  await provider.requests[0]!.aborted
})

t.test('headers that trickle in do not put the timeout off', async (t) => {
  const provider = await startRawProvider(t, async (socket) => {
    for (const byte of json + 'x-long: '.padEnd(400, 'y')) {
      if (socket.destroyed) return
      socket.write(byte)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })
  const gateway = await startGateway(t, provider.url, { env: { REQUEST_TIMEOUT: '300ms' } })
  t.equal((await post(gateway.url + CHAT, ask)).status, 504)
})

t.test('a stream that keeps talking is never cut; one that falls silent ends in an error event', async (t) => {
  const provider = await startProvider(t, async (request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const talks = JSON.parse(request.body).model === 'talks'
    for (let i = 0; i < 8; i++) {
      response.write(talks ? chunk({ content: 'a' }) : i === 0 ? chunk({ content: 'a' }) : '')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    if (talks) response.end(chunk({}, 'stop') + 'data: [DONE]\n\n')
  })
  const gateway = await startGateway(t, provider.url, { env: { REQUEST_TIMEOUT: '300ms' } })
  const talks = await (await post(gateway.url + CHAT, { ...ask, model: 'talks', stream: true })).text()
  t.equal(talks.match(/"content":"a"/g)?.length, 8)
  t.ok(talks.endsWith('data: [DONE]\n\n'))
  const silent = await (await post(gateway.url + CHAT, { ...ask, stream: true })).text()
  t.match(silent, /"content":"a".*\n\ndata: \{"error":\{.*upstream_timeout.*\}\}\n\n$/s)
  t.notMatch(silent, /\[DONE\]|finish_reason":"/)
})

const replies: Array<[name: string, raw: string | Buffer, status: number, code: RegExp]> = [
  ['a reset before headers', '', 502, /upstream_broke/],
  ['no HTTP at all', 'SSH-2.0-OpenSSH_9.2\r\n', 502, /upstream/],
  ['a bad status line', 'HTTP/1.1 2000 OK\r\n\r\n', 502, /upstream/],
  ['headers that are too large', `${json}x: ${'y'.repeat(200_000)}\r\n\r\n`, 502, /upstream/],
  ['two lengths', `${json}content-length: 5\r\ncontent-length: 6\r\n\r\n{"a":1`, 502, /upstream/],
  ['a bad chunk size', `${json}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`, 502, /upstream/],
  ['JSON shorter than promised', `${json}content-length: 500\r\nconnection: close\r\n\r\n${completion}`, 502, /upstream_broke/],
  ['JSON cut off, cleanly framed', `${json}connection: close\r\n\r\n${completion.slice(0, 50)}`, 502, /upstream_bad_reply/],
  ['HTML with 200', 'HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>', 502, /upstream_bad_reply/],
  ['nothing with 200', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 502, /upstream_bad_reply/],
  ['204', 'HTTP/1.1 204 No Content\r\n\r\n', 502, /upstream_bad_reply/],
  ['an error with 200', `${json}connection: close\r\n\r\n{"error":{"message":"overloaded ${REAL_KEY}"}}`, 502, /upstream_error/],
  ['an unknown encoding', `${json}content-encoding: ${'gzip, '.repeat(500)}gzip\r\nconnection: close\r\n\r\nx`, 502, /upstream_bad_reply/],
  ['corrupt gzip', Buffer.concat([Buffer.from(`${json}content-encoding: gzip\r\nconnection: close\r\n\r\n`), gzipSync(completion).subarray(0, 12), Buffer.from('garbage garbage')]), 502, /upstream_bad_reply/],
  ['a redirect', 'HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\n\r\n', 502, /upstream_bad_reply/],
  ['an HTML page with 404', 'HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>', 404, /not_found/],
  ['an HTML page with 502', 'HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\ncontent-length: 13\r\n\r\n<html></html>', 502, /upstream_error/],
  ['an empty 500', 'HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n', 500, /upstream_error/]
]

t.test('what is no reply is an error in the dialect', async (t) => {
  let raw: string | Buffer = ''
  const provider = await startRawProvider(t, (socket) => raw === '' ? socket.resetAndDestroy() : socket.end(raw))
  const gateway = await startGateway(t, provider.url)
  for (const [name, bytes, status, code] of replies) {
    for (const stream of [false, true]) {
      raw = bytes
      const reply = await post(gateway.url + CHAT, { ...ask, stream })
      t.equal(reply.status, status, `${name}, stream ${stream}`)
      const text = await reply.text()
      t.match(JSON.parse(text).error.code, code, name)
      t.notMatch(text, /html|sk-real|\bat \//i, name)
      t.equal(reply.headers.get('location'), null)
      t.ok(reply.headers.get('x-request-id'))
    }
  }
})

t.test('provider errors keep status and message, without the key', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    const { model } = JSON.parse(request.body)
    response.writeHead(Number(model), { 'content-type': 'application/json', 'retry-after': model === '429' ? '7' : new Date(Date.now() + 90_000).toUTCString() })
    response.end(JSON.stringify({ error: { message: `no, ${REAL_KEY} is limited`, type: 'some_type', param: 'x', code: 'some_code' } }))
  })
  const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '50' } })
  for (const status of [400, 402, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529]) {
    const reply = await post(gateway.url + CHAT, { ...ask, model: String(status) })
    t.equal(reply.status, status)
    t.same(await reply.json(), { error: { message: 'no, [redacted] is limited', type: 'some_type', param: 'x', code: 'some_code' } })
    const after = Number(reply.headers.get('retry-after'))
    t.ok(status === 429 ? after === 7 : after > 80 && after <= 90, `retry-after ${after}`)
  }
  for (const status of [401, 403]) {
    const reply = await post(gateway.url + CHAT, { ...ask, model: String(status) })
    t.equal(reply.status, 502)
    t.match(await reply.json(), { error: { code: 'upstream_credential_refused', message: /gateway's own credential/ } })
  }
  t.notMatch(JSON.stringify(gateway.lines()), REAL_KEY)
  await until(() => gateway.lines().some(({ msg }) => msg === 'the provider refused the real key'))
})

t.test('errors of a provider of another dialect are said in the client\'s', async (t) => {
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(529, { 'content-type': 'application/json' })
    response.end('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}')
  })
  const gateway = await startGateway(t, provider.url)
  const reply = await post(gateway.url + CHAT, ask, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.equal(reply.status, 529)
  t.match(await reply.json(), { error: { message: 'Overloaded', param: null } })
})

const cuts: Array<[name: string, text: string, outcome: RegExp]> = [
  ['after a token', chunk({ content: 'a' }), /upstream_broke|incomplete/],
  ['inside an event', chunk({ content: 'a' }) + 'data: {"id":"c1","cho', /upstream_broke|incomplete/],
  ['inside a character', chunk({ content: 'a' }) + Buffer.from('data: "é').subarray(0, 8).toString('latin1'), /upstream_broke|incomplete/]
]

t.test('a cut stream ends in an error event, never in a finish', async (t) => {
  let text = ''
  let reset = false
  const provider = await startRawProvider(t, (socket) => {
    socket.write(sse + text, () => setTimeout(() => reset ? socket.resetAndDestroy() : socket.end(), 30))
  })
  const gateway = await startGateway(t, provider.url)
  const client = new OpenAI({ apiKey: CHAT_KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0 })
  for (const [name, bytes] of cuts) {
    for (reset of [false, true]) {
      text = bytes
      const got = await (await post(gateway.url + CHAT, { ...ask, stream: true })).text()
      t.ok(got.startsWith(chunk({ content: 'a' }) + 'data: {"error":'), `${name}: ${got}`)
      t.ok(got.endsWith('}}\n\n'), name)
      t.notMatch(got, /\[DONE\]|finish_reason":"/, name)
      const stream = await client.chat.completions.create({ model: 'm1', messages: [], stream: true })
      await t.rejects(async () => { for await (const part of stream) t.ok(part) }, { code: 'upstream_broke' }, 'the SDK throws')
    }
  }
  await until(() => gateway.lines().filter(({ outcome }) => /upstream_broke|incomplete/.test(String(outcome))).length === 12)
})

t.test('an empty stream has a status; a finished one needs no terminator', async (t) => {
  let text = ''
  const provider = await startRawProvider(t, (socket) => socket.end(sse + text))
  const gateway = await startGateway(t, provider.url)
  t.equal((await post(gateway.url + CHAT, { ...ask, stream: true })).status, 502)
  text = chunk({ content: 'a' }) + chunk({}, 'stop')
  const reply = await post(gateway.url + CHAT, { ...ask, stream: true })
  t.equal(await reply.text(), text)
  await until(() => gateway.lines().some(({ outcome }) => outcome === 'done'))
})

t.test('an error event passes, without the key, and ends the stream', async (t) => {
  const provider = await startRawProvider(t, (socket) => {
    socket.write(sse + chunk({ content: 'a' }) + `data: {"error":{"message":"bad ${REAL_KEY}","code":"x","type":"server_error","param":null}}\n\ndata: [DONE]\n\n`)
  })
  const gateway = await startGateway(t, provider.url)
  const text = await (await post(gateway.url + CHAT, { ...ask, stream: true })).text()
  t.equal(text, chunk({ content: 'a' }) + 'data: {"error":{"message":"bad [redacted]","code":"x","type":"server_error","param":null}}\n\n')
  await until(() => gateway.lines().some(({ outcome }) => outcome === 'upstream_error'))
})

t.test('replies that come compressed are read all the same', async (t) => {
  for (const [encoding, pack] of [['gzip', gzipSync], ['br', brotliCompressSync], ['deflate', deflateSync]] as const) {
    const stream = chunk({ content: 'a' }) + chunk({}, 'stop') + 'data: [DONE]\n\n'
    const provider = await startProvider(t, (request, response) => {
      const streamed = JSON.parse(request.body).stream === true
      response.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json', 'content-encoding': encoding })
      response.end(pack(streamed ? stream : completion))
    })
    const gateway = await startGateway(t, provider.url)
    t.equal(await (await post(gateway.url + CHAT, ask)).text(), completion, encoding)
    const reply = await post(gateway.url + CHAT, { ...ask, stream: true })
    t.equal(await reply.text(), stream, encoding)
    t.equal(reply.headers.get('content-encoding'), null)
  }
})

t.test('JSON to a streamed request, a stream to a whole one', async (t) => {
  const provider = await startProvider(t, (request, response) => {
    const streamed = JSON.parse(request.body).stream === true
    response.writeHead(200, { 'content-type': streamed ? 'application/json' : 'text/event-stream' })
    response.end(streamed ? completion : chunk({ role: 'assistant', content: 'hel' }) + chunk({ content: 'lo' }) + chunk({}, 'stop') + 'data: [DONE]\n\n')
  })
  const gateway = await startGateway(t, provider.url)
  t.match(await (await post(gateway.url + CHAT, ask)).json(), { object: 'chat.completion', choices: [{ message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }] })
  const client = new OpenAI({ apiKey: CHAT_KEY, baseURL: `${gateway.url}/v1`, maxRetries: 0 })
  let text = ''
  for await (const part of await client.chat.completions.create({ model: 'm1', messages: [], stream: true })) text += part.choices[0]?.delta.content ?? ''
  t.equal(text, 'hello')
})

t.test('early hints are skipped, blank lines before JSON are fine', async (t) => {
  const provider = await startRawProvider(t, (socket) => socket.end(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${json}connection: close\r\n\r\n\n\n\n${completion}`))
  const gateway = await startGateway(t, provider.url)
  t.match(await (await post(gateway.url + CHAT, ask)).json(), { id: 'c1' })
})

t.test('an idle connection that the provider closed costs nobody a request', async (t) => {
  const head = `${json}content-length: ${completion.length}\r\n\r\n`
  // Every connection answers once, and dies the moment it is used again.
  const used = new WeakSet<Socket>()
  const provider = await startRawProvider(t, (socket) => {
    if (used.has(socket)) socket.resetAndDestroy()
    else socket.write(head + completion)
    used.add(socket)
  })
  const gateway = await startGateway(t, provider.url)
  for (let round = 0; round < 5; round++) t.equal((await post(gateway.url + CHAT, ask)).status, 200)
})

t.test('a giant line passes in pieces', async (t) => {
  const line = Buffer.from(`data: {"id":"c1","choices":[{"index":0,"delta":{"content":"${'x'.repeat(8 * 1024 * 1024)}"},"finish_reason":null}]}\n\n`)
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(Buffer.concat([line, Buffer.from(chunk({}, 'stop') + 'data: [DONE]\n\n')]))
  })
  const gateway = await startGateway(t, provider.url)
  const text = await (await post(gateway.url + CHAT, { ...ask, stream: true })).text()
  t.equal(text.length, line.length + chunk({}, 'stop').length + 'data: [DONE]\n\n'.length)
})

t.test('raw requests that are not one clear request', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end(completion))
  const gateway = await startGateway(t, provider.url)
  const port = Number(new URL(gateway.url).port)
  const send = (text: string): Promise<string> => new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let got = ''
    socket.on('data', (data) => {
      got += data.toString('latin1')
      const final = got.replace(/^HTTP\/1.1 100 Continue\r\n\r\n/, '')
      if (final.includes('\r\n\r\n')) setTimeout(() => socket.destroy(), 50)
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(got))
  })
  const body = JSON.stringify(ask)
  const head = (...more: string[]): string => [`POST ${CHAT} HTTP/1.1`, 'Host: x', `Authorization: Bearer ${CHAT_KEY}`, 'Content-Type: application/json', ...more, '', ''].join('\r\n')
  const refused: Array<[string, RegExp]> = [
    [head('Content-Length: 5', 'Transfer-Encoding: chunked') + '0\r\n\r\n', /^HTTP\/1.1 400/],
    [head('Content-Length: 5', 'Content-Length: 6') + '{}', /^HTTP\/1.1 400/],
    [head('Content-Length: +2') + '{}', /^HTTP\/1.1 400/],
    [head('Transfer-Encoding: xchunked') + '{}', /^HTTP\/1.1 (400|501)/],
    [head('X : y') + '{}', /^HTTP\/1.1 400/],
    [head('Host: y', `Content-Length: ${body.length}`) + body, /^HTTP\/1.1 400/],
    [head('Transfer-Encoding: gzip, chunked') + '2\r\n{}\r\n0\r\n\r\n', /^HTTP\/1.1 400/],
    [head(`Content-Length: ${body.length}`).replace('Host: x\r\n', '') + body, /^HTTP\/1.1 400/],
    [head(`Content-Length: ${body.length}`).replace(CHAT, `http://127.0.0.1:9${CHAT}`) + body, /^HTTP\/1.1 400/],
    [head(`Content-Length: ${body.length}`, 'Connection: Upgrade', 'Upgrade: websocket') + body, /^HTTP\/1.1 426/],
    [head(`Content-Length: ${body.length}`).replace('application/json', 'application/json;;garbage') + body, /^HTTP\/1.1 415/],
    ['\x16\x03\x01\x02\x00\x01\x00\x01', /^HTTP\/1.1 400/],
    [head(`X: ${'y'.repeat(100_000)}`), /^HTTP\/1.1 431/],
    [head('Expect: 200-ok', `Content-Length: ${body.length}`) + body, /^HTTP\/1.1 417/],
    [head('Content-Length: 2147483648'), /^HTTP\/1.1 413/],
    [head(`Authorization: Bearer ${CHAT_KEY}`, `Content-Length: ${body.length}`) + body, /^HTTP\/1.1 401/],
    [head('Expect: 100-continue', `Content-Length: ${body.length}`).replace(CHAT_KEY, 'nobody'), /^HTTP\/1.1 401/],
    ['GET http://127.0.0.1:9/x HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1.1 400/],
    [`GET /v1/models/%2e%2e%2fadmin HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${CHAT_KEY}\r\n\r\n`, /^HTTP\/1.1 404/]
  ]
  for (const [text, status] of refused) {
    const got = await send(text)
    const name = JSON.stringify(text.slice(0, 200))
    t.match(got, status, name)
    const answer = got.slice(got.indexOf('\r\n\r\n') + 4)
    t.match(answer, /^\{"error":\{"message":".+\}\}$/, name)
    t.match(got, /x-request-id/i)
  }
  t.match(await send(head('Expect: 100-continue', `Content-Length: ${body.length}`) + body), /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/)
  t.match(await send(head(`Content-Length: ${body.length}`).replace('HTTP/1.1', 'HTTP/1.0') + body), /^HTTP\/1.1 200[^]*content-length/)
  t.equal(provider.requests.filter(({ method }) => method === 'POST').length, 2)
})

t.test('a cut stream of a provider of another dialect, and of Messages on both sides', async (t) => {
  const events = [
    { type: 'message_start', message: { id: 'msg_1', type: 'message', role: 'assistant', model: 'x', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 1, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'a' } }
  ]
  const begun = events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
  const failing = `${begun}event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded ${REAL_KEY}"}}\n\n`
  let text = ''
  let reset = false
  const provider = await startRawProvider(t, (socket) => {
    socket.write(sse + text, () => setTimeout(() => reset ? socket.resetAndDestroy() : socket.end(), 30))
  })
  const gateway = await startGateway(t, provider.url)
  const body = { ...ask, max_tokens: 9, stream: true }
  const headers = { authorization: `Bearer ${MESSAGES_KEY}` }
  for (const bytes of [begun, `${begun}event: content_block_delta\ndata: {"type":"conte`]) {
    for (reset of [false, true]) {
      text = bytes
      const chat = await (await post(gateway.url + CHAT, body, headers)).text()
      t.match(chat, /"content":"a"[^]*\n\ndata: \{"error":\{[^\n]*upstream_broke[^\n]*\}\}\n\n$/)
      t.notMatch(chat, /\[DONE\]|finish_reason":"/)
      const messages = await (await post(`${gateway.url}/v1/messages`, body, headers)).text()
      t.ok(messages.startsWith(begun))
      t.match(messages, /\n\nevent: error\ndata: \{"type":"error","error":\{"type":"api_error"[^\n]*\}\}\n\n$/)
      t.notMatch(messages, /message_stop|message_delta/)
    }
  }
  text = failing
  const chat = await (await post(gateway.url + CHAT, body, headers)).text()
  t.match(chat, /\n\ndata: \{"error":\{"message":"Overloaded \[redacted\]"[^\n]*\}\}\n\n$/)
  const messages = await (await post(`${gateway.url}/v1/messages`, body, headers)).text()
  t.equal(messages, failing.replace(REAL_KEY, '[redacted]'))
  t.match(await (await post(`${gateway.url}/v1/messages`, '{}', headers)).json(), { type: 'error', error: { type: 'invalid_request_error' } })
  t.match(await (await post(`${gateway.url}/v1/messages`, body, { authorization: 'Bearer nobody' })).json(), { type: 'error', error: { type: 'authentication_error' } })
})
