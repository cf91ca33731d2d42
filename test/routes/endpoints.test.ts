import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { once } from 'node:events'
import { connect, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import OpenAI, { toFile } from 'openai'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, startRawProvider, until, type TestGateway } from '../helper.ts'

const sdk = ({ url }: TestGateway, apiKey = CHAT_KEY): OpenAI => new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })
const event = (value: { type: string }): string => `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`
const line = (gateway: TestGateway, path: string): Record<string, unknown> | undefined => gateway.lines().find((entry) => entry['path'] === path && entry['msg'] === 'request')
const json = { 'content-type': 'application/json' }

t.test('the SDK\'s calls pass, each to its own path, verbatim, metered and logged', async (t) => {
  const replies: Record<string, [headers: Record<string, string>, body: string]> = {
    '/v1/embeddings': [json, '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.10]}],"model":"e","usage":{"prompt_tokens":3,"total_tokens":3}}'],
    '/v1/moderations': [json, '{"id":"m","model":"omni","results":[{"flagged":false}]}'],
    '/v1/completions': [json, '{"id":"c","object":"text_completion","created":1,"model":"t","choices":[{"text":"b","index":0,"finish_reason":"length","logprobs":null}],"usage":{"prompt_tokens":2,"completion_tokens":5,"total_tokens":7}}'],
    '/v1/images/generations': [json, '{"created":1,"data":[{"b64_json":"AAAA"}],"usage":{"input_tokens":10,"output_tokens":20,"total_tokens":30,"input_tokens_details":{"text_tokens":10,"image_tokens":0}}}'],
    '/v1/images/edits': [json, '{"created":1,"data":[{"b64_json":"BBBB"}]}'],
    '/v1/images/variations': [json, '{"created":1,"data":[{"url":"https://example.com/a"}]}'],
    '/v1/audio/speech': [{ 'content-type': 'audio/mpeg' }, 'ID3 sound'],
    '/v1/audio/transcriptions': [json, '{"text":"hello","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":4,"total_tokens":18}}'],
    '/v1/audio/translations': [{ 'content-type': 'text/vtt; charset=utf-8' }, 'WEBVTT\n\nhé'],
    '/v1/responses/compact': [json, '{"id":"resp_c","object":"response.compaction","created_at":1,"output":[],"usage":{"input_tokens":9,"output_tokens":3,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":12}}']
  }
  const provider = await startProvider(t, ({ url }, response) => {
    const [headers, body] = replies[url] ?? [{}, '']
    response.writeHead(200, headers).end(body)
  })
  const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '100' } })
  const client = sdk(gateway)
  const file = await toFile(Buffer.from('RIFF sound'), 'a.wav', { type: 'audio/wav' })
  const image = await toFile(Buffer.from('PNG picture'), 'a.png', { type: 'image/png' })

  t.match(await client.embeddings.create({ model: 'e', input: 'x', encoding_format: 'float' }), { data: [{ embedding: [0.1] }] })
  t.match(await client.moderations.create({ input: 'x' }), { model: 'omni' })
  t.match(await client.completions.create({ model: 't', prompt: 'a' }), { choices: [{ text: 'b' }] })
  t.match(await client.images.generate({ prompt: 'a cat' }), { data: [{ b64_json: 'AAAA' }] })
  t.match(await client.images.edit({ model: 'i', image, prompt: 'a hat' }), { data: [{ b64_json: 'BBBB' }] })
  t.match(await client.images.createVariation({ image }), { data: [{ url: 'https://example.com/a' }] })
  const speech = await client.audio.speech.create({ model: 's', voice: 'alloy', input: 'hello' })
  t.equal(speech.headers.get('content-type'), 'audio/mpeg')
  t.equal(Buffer.from(await speech.arrayBuffer()).toString(), 'ID3 sound')
  t.match(await client.audio.transcriptions.create({ model: 'w', file }), { text: 'hello' })
  t.equal(await client.audio.translations.create({ model: 'w', file, response_format: 'vtt' }), 'WEBVTT\n\nhé')
  t.match(await client.responses.compact({ model: 'r', input: 'x' }), { id: 'resp_c' })

  t.same(provider.requests.map(({ url }) => url), order)
  for (const { url, headers } of provider.requests) t.equal(headers.authorization, `Bearer ${REAL_KEY}`, url)
  const upload = provider.requests.find(({ url }) => url === '/v1/audio/transcriptions')!
  t.match(upload.headers['content-type'], /^multipart\/form-data; boundary=/)
  t.match(upload.body, /name="file"; filename="a\.wav"\r\nContent-Type: audio\/wav\r\n\r\nRIFF sound\r\n/)

  await until(() => line(gateway, '/v1/responses/compact') !== undefined)
  t.match(line(gateway, '/v1/embeddings'), { status: 200, outcome: 'done', tokens: { input: 3 } })
  t.match(line(gateway, '/v1/completions'), { tokens: { input: 2, output: 5 } })
  t.match(line(gateway, '/v1/images/generations'), { tokens: { input: 10, output: 20 } })
  t.match(line(gateway, '/v1/audio/transcriptions'), { model: 'w', tokens: { input: 0, audioInput: 14, output: 4 } })
  t.match(line(gateway, '/v1/responses/compact'), { tokens: { input: 9, output: 2, reasoning: 1 } })
  t.equal(gateway.app.quota.headers(gateway.app.keys.find(CHAT_KEY)!)['x-ratelimit-remaining-requests'], '90', 'one request each')
})

t.test('the log has a form\'s texts and counts what is no text', async (t) => {
  const provider = await startProvider(t, ({ url }, response) => {
    if (url.endsWith('speech')) return response.writeHead(200, { 'content-type': 'audio/mpeg' }).end(Buffer.alloc(5000, 200))
    response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('line\n"two"')
  })
  const gateway = await startGateway(t, provider.url)
  const client = sdk(gateway)
  await (await client.audio.speech.create({ model: 's', voice: 'alloy', input: 'hello' })).arrayBuffer()
  await client.audio.transcriptions.create({ model: 'w', file: await toFile(Buffer.alloc(3000, 200), 'a.wav'), response_format: 'text' })
  await gateway.app.close()
  const [file = ''] = readdirSync(join(gateway.folder, 'logs'))
  const records = readFileSync(join(gateway.folder, 'logs', file), 'utf8').trim().split('\n').map((text) => JSON.parse(text) as object)
  t.match(records, [
    { model: 's', request: { input: 'hello' }, reply: { media_type: 'audio/mpeg', bytes: 5000 } },
    { model: 'w', request: { model: 'w', response_format: 'text', file: { filename: 'a.wav', bytes: 3000 } }, reply: 'line\n"two"' }
  ])
})

const order = [
  '/v1/embeddings', '/v1/moderations', '/v1/completions', '/v1/images/generations', '/v1/images/edits', '/v1/images/variations', '/v1/audio/speech',
  '/v1/audio/transcriptions', '/v1/audio/translations', '/v1/responses/compact'
]

t.test('each also without /v1, and a clear answer where the provider has none', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, json).end('{"ok":true}'))
  const gateway = await startGateway(t, provider.url, {
    env: { PROVIDERS: 'openai,anthropic,compatible:local', LOCAL_BASE_URL: `${provider.url}/api` },
    keys: { vk_local_0123456789ab: { provider: 'local', api_key: 'x' } }
  })
  const body = '{"model":"m","input":"x","prompt":"x","query":"q","documents":["a"]}'
  for (const path of order) {
    t.equal((await post(gateway.url + path.slice('/v1'.length), body)).status, 200, path)
    const refused = await post(gateway.url + path, body, { authorization: `Bearer ${MESSAGES_KEY}` })
    t.equal(refused.status, 400, path)
    t.match(await refused.json(), { error: { code: 'unsupported_endpoint', message: /anthropic/ } })
  }
  for (const path of ['/v1/rerank', '/rerank', '/v2/rerank']) {
    t.equal((await post(gateway.url + path, body, { authorization: 'Bearer vk_local_0123456789ab' })).status, 200)
    t.equal(provider.requests.at(-1)?.url, '/api/rerank')
    t.equal((await post(gateway.url + path, body)).status, 400)
  }
})

t.test('a completion streams, with the usage asked for by the gateway withheld', async (t) => {
  const piece = (text: string, finish: string | null = null, more: object = {}): string =>
    `data: ${JSON.stringify({ id: 'c', object: 'text_completion', created: 1, model: 't', choices: [{ index: 0, text, finish_reason: finish }], ...more })}\n\n`
  const usage = piece('', null, { choices: [], usage: { prompt_tokens: 2, completion_tokens: 2, total_tokens: 4 } })
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(piece('a') + piece('b', 'stop') + usage + 'data: [DONE]\n\n')
  })
  const gateway = await startGateway(t, provider.url)
  let text = ''
  for await (const chunk of await sdk(gateway).completions.create({ model: 't', prompt: 'x', stream: true })) text += chunk.choices[0]?.text
  t.equal(text, 'ab')
  t.match(JSON.parse(provider.requests[0]!.body), { stream_options: { include_usage: true } })
  await until(() => line(gateway, '/v1/completions') !== undefined)
  t.match(line(gateway, '/v1/completions'), { outcome: 'done', tokens: { input: 2, output: 2 } })
})

t.test('streams of typed events end where the provider ends them, however large an event is; cut, they say so', async (t) => {
  const picture = 'A'.repeat(300_000)
  const events = [
    event({ type: 'image_generation.partial_image', b64_json: picture } as { type: string }),
    event({ type: 'image_generation.completed', b64_json: picture, usage: { input_tokens: 1, output_tokens: 7, total_tokens: 8 } } as { type: string })
  ]
  const provider = await startProvider(t, ({ body }, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(body.includes('cut') ? events[0] : events.join(''))
  })
  const gateway = await startGateway(t, provider.url)
  const reply = await post(`${gateway.url}/v1/images/generations`, { model: 'i', prompt: 'x', stream: true, n: 2 })
  t.match(reply.headers.get('content-type'), 'text/event-stream')
  t.equal(await reply.text(), events.join(''))
  await until(() => line(gateway, '/v1/images/generations') !== undefined)
  t.match(line(gateway, '/v1/images/generations'), { outcome: 'done', tokens: { input: 1, output: 7 } })
  const cut = await (await post(`${gateway.url}/v1/images/generations`, { model: 'i', prompt: 'cut', stream: true })).text()
  t.ok(cut.startsWith(events[0]!) && cut.includes('upstream_broke'))
})

t.test('a transcription is what the provider makes of it: events, JSON or text, asked for or not', async (t) => {
  const done = { type: 'transcript.text.done', text: 'hi', usage: { type: 'tokens', input_tokens: 3, output_tokens: 2, total_tokens: 5 } }
  const provider = await startProvider(t, ({ body }, response) => {
    if (body.includes('whisper-1')) return response.writeHead(200, json).end('{"text":"hi","usage":{"type":"duration","seconds":9}}')
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' }).end(event({ type: 'transcript.text.delta' }) + event(done))
  })
  const gateway = await startGateway(t, provider.url)
  const file = (): Promise<File> => toFile(Buffer.from('sound'), 'a.wav')
  const types = []
  for await (const { type } of await sdk(gateway).audio.transcriptions.create({ model: 'w', file: await file(), stream: true })) types.push(type)
  t.same(types, ['transcript.text.delta', 'transcript.text.done'])
  await until(() => line(gateway, '/v1/audio/transcriptions') !== undefined)
  t.match(line(gateway, '/v1/audio/transcriptions'), { outcome: 'done', stream: true, tokens: { input: 3, output: 2 } })
  const form = new FormData()
  form.set('model', 'whisper-1')
  form.set('stream', 'true')
  form.set('file', await file())
  const whole = await fetch(`${gateway.url}/v1/audio/transcriptions`, { method: 'POST', headers: { authorization: `Bearer ${CHAT_KEY}` }, body: form })
  t.match(whole.headers.get('content-type'), 'application/json')
  t.equal(await whole.text(), '{"text":"hi","usage":{"type":"duration","seconds":9}}')
})

t.test('a form\'s model is held to the key\'s list, and an alias changes it and nothing else', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, json).end('{"text":""}'))
  const gateway = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { models: ['real-*'], model_aliases: { fast: 'real-1' } } } })
  const send = (body: string, type = 'multipart/form-data; boundary="b 1"'): Promise<Response> =>
    post(`${gateway.url}/v1/audio/transcriptions`, body, { 'content-type': type })
  const part = (name: string, content: string): string => `--b 1\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${content}\r\n`
  const form = (...models: string[]): string => `${models.map((model) => part('model', model)).join('')}${part('language', 'fast')}--b 1--\r\n`

  t.equal((await send(form('fast'))).status, 200)
  t.equal(provider.requests[0]?.body, form('real-1'))
  t.equal(provider.requests[0]?.headers['content-type'], 'multipart/form-data; boundary="b 1"')
  const refused: Array<[string, number, string]> = [
    [form('other'), 403, 'model_not_allowed'],
    [form('fast', 'other'), 400, 'invalid_request'],
    [form(), 400, 'invalid_request'],
    [form('fast').slice(0, -6), 400, 'invalid_request'],
    ['', 400, 'invalid_request']
  ]
  for (const [body, status, code] of refused) {
    const reply = await send(body)
    t.equal(reply.status, status)
    t.match(await reply.json(), { error: { code } })
  }
  t.equal((await send(form('fast'), 'multipart/form-data')).status, 415)
  t.equal((await send('x', 'text/plain')).status, 415)
  t.equal((await post(`${gateway.url}/v1/embeddings`, form('fast'), { 'content-type': 'multipart/form-data; boundary="b 1"' })).status, 415, 'only where forms are taken')
  const unnamed = await post(`${gateway.url}/v1/moderations`, { input: 'x' })
  t.equal(unnamed.status, 403, 'a model must be named')
  t.match(await unnamed.json(), { error: { message: /must name one: real-\*/ } })
  t.equal(provider.requests.length, 1)
})

t.test('an upload beyond MAX_BODY_SIZE is refused at once', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, json).end('{}'))
  const gateway = await startGateway(t, provider.url, { env: { MAX_BODY_SIZE: '1MB' } })
  const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  socket.write(`POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${CHAT_KEY}\r\ncontent-type: multipart/form-data; boundary=b\r\ncontent-length: 2000000\r\n\r\n`)
  const [said] = await once(socket, 'data') as [Buffer]
  t.match(said.toString(), /^HTTP\/1\.1 413 [^]*request_too_large/)
  socket.destroy()
  t.equal(provider.requests.length, 0)
})

t.test('speech streams through as it comes, and a broken one breaks off', async (t) => {
  const chunk = Buffer.alloc(64 * 1024, 7)
  const server = createServer((request, response) => {
    request.resume()
    request.on('end', () => {
      response.writeHead(200, { 'content-type': 'audio/mpeg' })
      response.write(chunk)
      go = () => response.end(chunk)
      cut = () => response.destroy()
    })
  })
  let go = (): void => {}
  let cut = (): void => {}
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.closeAllConnections(); server.close() })
  const gateway = await startGateway(t, `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const ask = { model: 's', input: 'x', voice: 'v' }
  const reply = await post(`${gateway.url}/v1/audio/speech`, ask)
  t.equal(reply.headers.get('x-content-type-options'), 'nosniff')
  const reader = reply.body!.getReader()
  let read = (await reader.read()).value!.length
  t.ok(read > 0, 'before the provider has ended')
  go()
  for (let part = await reader.read(); !part.done; part = await reader.read()) read += part.value.length
  t.equal(read, 2 * chunk.length)
  await until(() => line(gateway, '/v1/audio/speech') !== undefined)
  t.match(line(gateway, '/v1/audio/speech'), { outcome: 'done', bytesOut: 2 * chunk.length })
  const broken = await post(`${gateway.url}/v1/audio/speech`, ask)
  cut()
  await t.rejects(broken.arrayBuffer())
  await until(() => gateway.lines().some((entry) => entry['outcome'] === 'upstream_broke'))
})

t.test('a slow listener pauses the provider', async (t) => {
  let written = 0
  const piece = Buffer.alloc(64 * 1024)
  const provider = await startRawProvider(t, (socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\nconnection: close\r\n\r\n')
    const pump = (): void => {
      while (!socket.destroyed && written < 64 * 1024 * 1024) {
        written += piece.length
        if (!socket.write(piece)) {
          socket.once('drain', pump)
          return
        }
      }
    }
    pump()
  })
  const gateway = await startGateway(t, provider.url)
  const client = connect(Number(new URL(gateway.url).port), '127.0.0.1')
  t.teardown(() => client.destroy())
  client.pause()
  const body = '{"model":"s","input":"x","voice":"v"}'
  client.write(`POST /v1/audio/speech HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${CHAT_KEY}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
  await until(() => written > 0)
  let last = -1
  while (last !== written) {
    last = written
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
  t.ok(written < 32 * 1024 * 1024, `stopped at ${written} bytes`)
})

t.test('a page is no reply, and an error keeps its status', async (t) => {
  const provider = await startProvider(t, ({ body }, response) => {
    if (body.includes('page')) return response.writeHead(200, { 'content-type': 'text/html' }).end('<script>')
    response.writeHead(429, { ...json, 'retry-after': '3' }).end(`{"error":{"message":"slow down ${REAL_KEY}","type":"requests","code":"rate_limit_exceeded","param":null}}`)
  })
  const gateway = await startGateway(t, provider.url)
  const page = await post(`${gateway.url}/v1/audio/speech`, { model: 's', input: 'page', voice: 'v' })
  t.equal(page.status, 502)
  t.match(await page.json(), { error: { code: 'upstream_bad_reply' } })
  const limited = await post(`${gateway.url}/v1/audio/speech`, { model: 's', input: 'x', voice: 'v' })
  t.equal(limited.status, 429)
  t.equal(limited.headers.get('retry-after'), '3')
  t.notMatch(await limited.text(), REAL_KEY)
})
