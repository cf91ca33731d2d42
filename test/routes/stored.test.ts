import OpenAI, { toFile } from 'openai'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, until, type FakeProvider, type Teardown, type TestGateway, type TestGatewayOptions } from '../helper.ts'

const OTHER_KEY = 'vk_test_other_0123456789'

interface Entry extends Record<string, unknown> { id: string, object: string }

/** A provider that keeps what it is given, for all its clients alike. */
async function startKeeper (t: Teardown): Promise<FakeProvider & { kept: Entry[] }> {
  const kept: Entry[] = []
  let number = 0
  const provider = await startProvider(t, ({ method, url, body }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://x')
    const [, , family = '', id, part] = pathname.split('/')
    const answer = (value: unknown, status = 200): unknown => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    const found = kept.find((entry) => entry.id === id)
    if (method === 'POST' && id === undefined) {
      const [object, prefix] = ({ files: ['file', 'file-'], batches: ['batch', 'batch_'], conversations: ['conversation', 'conv_'], responses: ['response', 'resp_'] } as const)[family] ?? ['?', '?']
      if (body.includes('refuse')) return answer({ error: { message: 'no', type: 'invalid_request_error', param: null, code: null } }, 400)
      const entry = { id: `${prefix}${++number}`, object, created_at: number, error: family === 'responses' ? { message: 'failed' } : null, big: 1 }
      kept.push(entry)
      return answer(entry)
    }
    if (id === undefined) {
      const all = kept.filter(({ object }) => object === ({ files: 'file', batches: 'batch' } as Record<string, string>)[family])
      const from = all.findIndex((entry) => entry.id === searchParams.get('after')) + 1
      // Small pages, whatever was asked for.
      const data = all.slice(from, from + 2)
      return answer({ object: 'list', data, first_id: data[0]?.id, last_id: data.at(-1)?.id, has_more: from + 2 < all.length })
    }
    if (found === undefined) return answer({ error: { message: 'no such thing', type: 'invalid_request_error', param: 'id', code: null } }, 404)
    if (part === 'content') return response.writeHead(200, { 'content-type': 'text/html' }).end('<script>1</script>')
    if (part === 'input_items' || part === 'items') return answer({ object: 'list', data: [{ id: 'msg_1', type: 'message' }], has_more: false, first_id: 'msg_1', last_id: 'msg_1' })
    if (method === 'DELETE' && part === undefined) {
      kept.splice(kept.indexOf(found), 1)
      return answer({ id, object: found.object, deleted: true })
    }
    answer(found)
  })
  return Object.assign(provider, { kept })
}

async function start (t: Teardown, options: TestGatewayOptions = {}): Promise<{ provider: Awaited<ReturnType<typeof startKeeper>>, gateway: TestGateway, mine: OpenAI, other: OpenAI }> {
  const provider = await startKeeper(t)
  const gateway = await startGateway(t, provider.url, { ...options, keys: { [OTHER_KEY]: { provider: 'openai', api_key: REAL_KEY }, ...options.keys } })
  const sdk = (apiKey: string): OpenAI => new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey, maxRetries: 0 })
  return { provider, gateway, mine: sdk(CHAT_KEY), other: sdk(OTHER_KEY) }
}

/** What the SDK throws. */
const MISSING = { message: /^404 Nothing with id / }

const lines = (count: number): Promise<File> => toFile(Buffer.from('{"custom_id":"1"}\n'.repeat(count) + '\n \n'), 'batch.jsonl')
const ask = (url: string, key = CHAT_KEY, method = 'GET'): Promise<Response> => fetch(url, { method, headers: { authorization: `Bearer ${key}` } })

t.test('files: made, listed, read and deleted by the key that made them, and to others not there', async (t) => {
  const { provider, gateway, mine, other } = await start(t)
  const file = await mine.files.create({ file: await lines(1), purpose: 'user_data' })
  t.equal(file.id, 'file-1')
  t.match(await mine.files.retrieve(file.id), { id: 'file-1', big: 1 })
  const content = await mine.files.content(file.id)
  t.equal(content.headers.get('content-type'), 'application/octet-stream', 'never a page')
  t.equal(content.headers.get('x-content-type-options'), 'nosniff')
  t.equal(await content.text(), '<script>1</script>')

  const before = provider.requests.length
  const missing = await (await ask(`${gateway.url}/v1/files/file-none`)).text()
  for (const [method, path] of [['GET', ''], ['DELETE', ''], ['GET', '/content']] as const) {
    const reply = await ask(`${gateway.url}/v1/files/${file.id}${path}`, OTHER_KEY, method)
    t.equal(reply.status, 404)
    t.equal(await reply.text(), missing.replaceAll('file-none', file.id), 'the same words as for what nobody has')
  }
  await t.rejects(other.files.retrieve(file.id), MISSING)
  t.equal(provider.requests.length, before, 'the provider was not asked')

  t.match(await mine.files.delete(file.id), { deleted: true })
  await t.rejects(mine.files.retrieve(file.id), MISSING)
  t.equal(provider.requests.length, before + 1)
})

t.test('lists hold what is one\'s own, over all pages of the provider', async (t) => {
  const { provider, gateway, mine, other } = await start(t)
  for (let i = 0; i < 5; i++) {
    await mine.files.create({ file: await lines(1), purpose: 'user_data' })
    await other.files.create({ file: await lines(1), purpose: 'user_data' })
  }
  provider.kept.push({ id: 'file-operator', object: 'file' })
  const own = async (client: OpenAI, query: object = {}): Promise<string[]> => (await client.files.list(query)).data.map(({ id }) => id)
  t.same(await own(mine), ['file-1', 'file-3', 'file-5', 'file-7', 'file-9'])
  t.same(await own(other), ['file-2', 'file-4', 'file-6', 'file-8', 'file-10'])
  const walked: string[] = []
  for await (const { id } of mine.files.list({ limit: 2 })) walked.push(id)
  t.same(walked, ['file-1', 'file-3', 'file-5', 'file-7', 'file-9'], 'page by page')
  t.match(await (await ask(`${gateway.url}/files?limit=2`)).json(), { object: 'list', first_id: 'file-1', last_id: 'file-3', has_more: true, data: [{}, {}] })
  t.match(await (await ask(`${gateway.url}/v1/files?limit=5`)).json(), { last_id: 'file-9', has_more: false })
  t.match(await (await ask(`${gateway.url}/v1/files?after=file-9`)).json(), { data: [], first_id: null, last_id: null, has_more: false })
  t.equal((await ask(`${gateway.url}/v1/files?after=file-2`)).status, 404, 'a place in a list is one\'s own too')
  for (const limit of ['0', '-1', 'x', '10001', '1.5']) t.equal((await ask(`${gateway.url}/v1/files?limit=${limit}`)).status, 400)
  await ask(`${gateway.url}/v1/files?purpose=batch&order=asc&api-version=1&purpose2=x`)
  t.equal(provider.requests.find(({ url }) => url.includes('purpose'))?.url, '/v1/files?order=asc&purpose=batch&limit=10000', 'no other word of a query crosses')
})

t.test('responses and conversations', async (t) => {
  const { provider, gateway, mine, other } = await start(t)
  const conversation = await mine.conversations.create({})
  t.equal(conversation.id, 'conv_1')
  t.match(await mine.conversations.update(conversation.id, { metadata: { a: 'b' } }), { id: 'conv_1' })
  t.match(await mine.conversations.items.create(conversation.id, { items: [{ role: 'user', content: 'x' }] }), { data: [{ id: 'msg_1' }] })
  t.match((await mine.conversations.items.list(conversation.id, { limit: 3, order: 'asc', include: ['message.output_text.logprobs'] })).data, [{ id: 'msg_1' }])
  t.match(provider.requests.at(-1)?.url, /^\/v1\/conversations\/conv_1\/items\?limit=3&order=asc&include/)
  await mine.conversations.items.delete('msg_1', { conversation_id: conversation.id })
  t.match(await mine.conversations.retrieve(conversation.id), { id: 'conv_1' })
  for (const attempt of [
    () => other.conversations.retrieve(conversation.id), () => other.conversations.delete(conversation.id),
    () => other.conversations.items.list(conversation.id), () => other.conversations.items.retrieve('msg_1', { conversation_id: conversation.id })
  ] as Array<() => Promise<unknown>>) await t.rejects(attempt(), MISSING)

  provider.kept.push({ id: 'resp_a', object: 'response', status: 'failed', output: [], error: { message: 'Oh', code: 'server_error' } })
  await t.rejects(mine.responses.retrieve('resp_a'), MISSING, 'nobody\'s yet')
  gateway.app.stored.own(gateway.app.keys.find(CHAT_KEY)!, ['resp_a'])
  t.match(await mine.responses.retrieve('resp_a'), { status: 'failed', output: [], error: { message: 'Oh' } }, 'what failed is no failure of the request')
  t.match((await mine.responses.inputItems.list('resp_a')).data, [{ id: 'msg_1' }])
  t.match(await mine.responses.cancel('resp_a'), { id: 'resp_a' })
  t.equal(provider.requests.at(-1)?.headers['content-type'], undefined, 'no body, no type')
  await t.rejects(other.responses.cancel('resp_a'), MISSING)
  await mine.responses.delete('resp_a')
  await t.rejects(mine.responses.retrieve('resp_a'), MISSING)

  const counted = { model: 'm', input: 'x', conversation: { id: conversation.id } }
  t.equal((await post(`${gateway.url}/v1/responses/input_tokens`, counted)).status, 200, 'its own')
  const seen = provider.requests.length
  const foreign = await post(`${gateway.url}/v1/responses/input_tokens`, counted, { authorization: `Bearer ${OTHER_KEY}` })
  t.equal(foreign.status, 404)
  t.match(await foreign.json(), { error: { code: 'not_found', param: 'conversation' } })
  const earlier = await post(`${gateway.url}/v1/responses/compact`, { model: 'm', input: 'x', previous_response_id: 'resp_x' })
  t.equal(earlier.status, 404)
  t.match(await earlier.json(), { error: { code: 'previous_response_not_found', param: 'previous_response_id', message: /Previous response with id 'resp_x' not found/ } })
  t.equal(provider.requests.length, seen)
})

t.test('a response is its maker\'s before its id has gone out, streamed and whole, unless the provider keeps none', async (t) => {
  let number = 0
  let go = (): void => {}
  const provider = await startProvider(t, async ({ body }, response) => {
    const { stream, store = true, model } = JSON.parse(body === '' ? '{}' : body)
    const reply = { id: `resp_${++number}`, object: 'response', status: 'completed', model, store, output: [], usage: null }
    if (stream !== true) return response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(reply))
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(`event: response.created\ndata: ${JSON.stringify({ type: 'response.created', response: { ...reply, status: 'in_progress' } })}\n\n`)
    await new Promise<void>((resolve) => { go = resolve })
    response.end(`event: response.completed\ndata: ${JSON.stringify({ type: 'response.completed', response: reply })}\n\n`)
  })
  const gateway = await startGateway(t, provider.url, { keys: { [OTHER_KEY]: { provider: 'openai', api_key: REAL_KEY } } })
  const send = (body: object, key = CHAT_KEY): Promise<Response> => post(`${gateway.url}/v1/responses`, { model: 'm', input: 'x', ...body }, { authorization: `Bearer ${key}` })
  const kept = async (id: string, key = CHAT_KEY): Promise<number> => (await ask(`${gateway.url}/v1/responses/${id}`, key)).status

  await (await send({})).json()
  t.same([await kept('resp_1'), await kept('resp_1', OTHER_KEY)], [200, 404])
  number = 10
  const reader = (await send({ stream: true })).body!.getReader()
  await reader.read()
  t.same([await kept('resp_11'), await kept('resp_11', OTHER_KEY)], [200, 404], 'while it streams')
  go()
  for (let part = await reader.read(); !part.done; part = await reader.read()) t.ok(part.value.length > 0)
  number = 20
  await (await send({ store: false })).json()
  t.equal(await kept('resp_21'), 404)

  t.equal((await send({ previous_response_id: 'resp_1' })).status, 200)
  const foreign = await send({ previous_response_id: 'resp_1' }, OTHER_KEY)
  t.equal(foreign.status, 404)
  t.match(await foreign.json(), { error: { code: 'previous_response_not_found', param: 'previous_response_id' } })
  t.match(await (await send({ conversation: 'conv_x' })).json(), { error: { code: 'not_found', param: 'conversation' } })
})

t.test('a kept response streams on', async (t) => {
  const events = 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"a"}\n\nevent: response.completed\ndata: {"type":"response.completed","response":{"id":"resp_s","object":"response","model":"m"}}\n\n'
  const provider = await startProvider(t, (_request, response) => response.writeHead(200, { 'content-type': 'text/event-stream' }).end(events))
  const gateway = await startGateway(t, provider.url)
  gateway.app.stored.own(gateway.app.keys.find(CHAT_KEY)!, ['resp_s'])
  const reply = await ask(`${gateway.url}/v1/responses/resp_s?stream=true&starting_after=3`)
  t.equal(await reply.text(), events)
  t.equal(provider.requests[0]?.url, '/v1/responses/resp_s?stream=true&starting_after=3')
  await until(() => gateway.lines().some((line) => line['path'] === '/v1/responses/resp_s' && line['outcome'] === 'done'))
})

t.test('a batch costs what is in it', async (t) => {
  const { provider, gateway, mine, other } = await start(t, { env: { MAX_REQUESTS_PER_HOUR: '10' } })
  const remaining = (): string | undefined => gateway.app.quota.headers(gateway.app.keys.find(CHAT_KEY)!)['x-ratelimit-remaining-requests']
  const make = (file: string): Promise<OpenAI.Batch> =>
    mine.batches.create({ input_file_id: file, endpoint: '/v1/embeddings', completion_window: '24h' })
  const three = await mine.files.create({ file: await lines(3), purpose: 'batch' })
  t.equal(remaining(), '9')
  const batch = await make(three.id)
  t.equal(remaining(), '6')
  const eight = await mine.files.create({ file: await lines(8), purpose: 'batch' })
  await t.rejects(make(eight.id), { message: /asks for 8 requests at once.*has 5 left/ })
  t.equal(remaining(), '5')
  const refused = await post(`${gateway.url}/v1/batches`, { input_file_id: three.id, endpoint: 'refuse', completion_window: '24h' })
  t.equal(refused.status, 400)
  t.equal(remaining(), '4', 'one that was refused has made no requests')
  const plain = await mine.files.create({ file: await lines(1), purpose: 'user_data' })
  await t.rejects(make(plain.id), { message: /^400 .*not known/ })
  const seen = provider.requests.length
  await t.rejects(other.batches.create({ input_file_id: three.id, endpoint: '/v1/embeddings', completion_window: '24h' }), MISSING)
  await t.rejects(make('file-unknown'), MISSING)
  t.equal(provider.requests.length, seen)

  Object.assign(provider.kept.find(({ id }) => id === batch.id)!, { output_file_id: 'file-out', error_file_id: 'file-err' })
  provider.kept.push({ id: 'file-out', object: 'file' }, { id: 'file-err', object: 'file' })
  await t.rejects(other.batches.retrieve(batch.id), MISSING)
  t.match((await other.batches.list()).data, [])
  t.equal(gateway.app.stored.owner('openai', 'file-out'), undefined)
  t.match((await mine.batches.list()).data, [{ id: batch.id }])
  t.match(await mine.files.retrieve('file-out'), { id: 'file-out' }, 'what came of a batch is its maker\'s')
  await t.rejects(other.files.retrieve('file-err'), MISSING)
})

t.test('models hide in no file from a key that may use only some', async (t) => {
  const { provider, mine } = await start(t, { keys: { [CHAT_KEY]: { models: ['m1'] } } })
  await t.rejects(mine.files.create({ file: await lines(1), purpose: 'batch' }), { message: /^403 .*may only use: m1/ })
  await t.rejects(mine.batches.create({ input_file_id: 'file-1', endpoint: '/v1/embeddings', completion_window: '24h' }), { message: /^403 / })
  t.equal(provider.requests.length, 0)
  t.match(await mine.files.create({ file: await lines(1), purpose: 'user_data' }), { object: 'file' })
})

t.test('a file that another key made is not there in a body either; one of the operator\'s is', async (t) => {
  const { provider, gateway, other } = await start(t)
  const file = await other.files.create({ file: await lines(1), purpose: 'user_data' })
  const send = (id: string, key = CHAT_KEY): Promise<Response> => post(`${gateway.url}/v1/chat/completions`,
    `{"model":"m","messages":[{"role":"user","content":[{"type":"file","file":{"file_id":${id}}}]}]}`, { authorization: `Bearer ${key}` })
  const seen = provider.requests.length
  for (const id of [`"${file.id}"`, '"\\u0066ile-1"']) {
    const reply = await send(id)
    t.equal(reply.status, 404)
    t.match(await reply.json(), { error: { code: 'not_found', param: 'file_id' } })
  }
  t.equal(provider.requests.length, seen)
  await send(`"${file.id}"`, OTHER_KEY)
  await send('"file-operator"')
  t.equal(provider.requests.length, seen + 2)
})

t.test('ids are plain, methods are known, and a provider without them says so', async (t) => {
  const { provider, gateway } = await start(t)
  for (const id of ['..%2fmodels', '%2e%2e', 'a%00', 'a%3fb', 'a b', 'é', '.', 'x'.repeat(200)]) {
    t.equal((await ask(`${gateway.url}/v1/files/${id}`)).status, 404, id)
  }
  t.equal((await ask(`${gateway.url}/v1/files/${CHAT_KEY}`)).status, 404)
  t.notMatch(JSON.stringify(gateway.lines().filter(({ msg }) => msg === 'request')), CHAT_KEY)
  t.equal(provider.requests.length, 0)
  for (const [method, path, allow] of [['PUT', '/v1/files/file-1', 'GET, DELETE'], ['GET', '/v1/responses/resp_1/cancel', 'POST'], ['DELETE', '/v1/batches', 'POST, GET']]) {
    const reply = await ask(`${gateway.url}${path}`, CHAT_KEY, method)
    t.equal(reply.status, 405, `${method} ${path}`)
    t.equal(reply.headers.get('allow'), allow)
  }
  for (const path of ['/v1/files', '/v1/batches', '/v1/responses/resp_1', '/v1/conversations/conv_1']) {
    const reply = await ask(`${gateway.url}${path}`, MESSAGES_KEY)
    t.equal(reply.status, 400, path)
    t.match(await reply.json(), { error: { code: 'unsupported_endpoint' } })
  }
  t.equal((await post(`${gateway.url}/v1/files`, { purpose: 'batch' })).status, 415, 'a file comes in a form')
})

t.test('a data folder that cannot be written costs these routes and nothing else', async (t) => {
  const { gateway, provider } = await start(t, { env: { DATA_DIR: '/dev/null/data' } })
  for (const path of ['/v1/files', '/v1/responses/resp_1']) {
    const reply = await ask(gateway.url + path)
    t.equal(reply.status, 503)
    t.match(await reply.json(), { error: { code: 'storage_unavailable', message: /data folder/ } })
  }
  t.equal(provider.requests.length, 0)
  const chat = (content: unknown, field: string): Promise<Response> => post(`${gateway.url}/v1/chat/completions`, {
    model: 'm',
    messages: [{ role: 'user', content }],
    tools: [{ type: 'function', function: { name: 'read', parameters: { type: 'object', properties: { [field]: {} }, required: [field] } } }]
  })
  t.equal((await chat([{ type: 'file', file: { file_id: 'file-1' } }], 'path')).status, 503)
  t.equal(provider.requests.length, 0)
  await chat('x', 'file_path')
  t.equal(provider.requests.length, 1, 'a field of a tool is no file')
  t.equal((await post(`${gateway.url}/v1/embeddings`, { model: 'm', input: 'x' })).status, 200)
  t.equal(gateway.lines().filter(({ msg }) => String(msg).includes('DATA_DIR')).length, 1, 'said once')
})

t.test('what leans on an earlier response is refused, with the way out, where the provider keeps none', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.setHeader('content-type', 'application/json').end('{}'))
  const gateway = await startGateway(t, provider.url, { keys: { vk_deep_0123456789: { provider: 'deepseek', api_key: 'x' } } })
  for (const [key, body] of [
    ['vk_deep_0123456789', { previous_response_id: 'resp_1' }],
    ['vk_deep_0123456789', { conversation: { id: 'conv_1' } }],
    [MESSAGES_KEY, { previous_response_id: 'resp_1' }]
  ] as const) {
    const reply = await post(`${gateway.url}/v1/responses`, { model: 'm', input: 'x', ...body }, { authorization: `Bearer ${key}` })
    t.equal(reply.status, 400)
    t.match(await reply.json(), { error: { code: 'unsupported_parameter', param: Object.keys(body)[0], message: /history/ } })
  }
  t.equal(provider.requests.length, 0)
})

t.test('an item of another key\'s is not there by reference, on any route that takes one', async (t) => {
  const provider = await startProvider(t, ({ url }, response) => {
    const item = { type: 'message', id: url.includes('conversations') ? 'msg_conv' : 'msg_mine', role: 'assistant', content: [] }
    const whole = { id: 'resp_1', object: 'response', status: 'completed', model: 'm', output: [item], usage: null }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(url.endsWith('/items') ? { object: 'list', data: [item] } : url.endsWith('conversations') ? { id: 'conv_1', object: 'conversation' } : whole))
  })
  const gateway = await startGateway(t, provider.url, { keys: { [OTHER_KEY]: { provider: 'openai', api_key: REAL_KEY } } })
  const send = async (path: string, body: object, key: string): Promise<[number, string]> => {
    const reply = await post(gateway.url + path, body, { authorization: `Bearer ${key}` })
    return [reply.status, await reply.text()]
  }
  const lean = (id: string): object => ({ model: 'm', input: [{ role: 'user', content: 'x' }, { type: 'item_reference', id }] })
  t.equal((await send('/v1/responses', { model: 'm', input: 'x' }, CHAT_KEY))[0], 200)
  await send('/v1/conversations', {}, CHAT_KEY)
  await send('/v1/conversations/conv_1/items', { items: [] }, CHAT_KEY)

  const seen = provider.requests.length
  for (const [path, body] of [
    ['/v1/responses', lean('msg_mine')], ['/v1/responses', lean('msg_conv')], ['/v1/responses', { model: 'm', input: [{ id: 'msg_mine' }] }],
    ['/v1/responses/compact', lean('msg_mine')], ['/v1/responses/input_tokens', lean('msg_mine')],
    ['/v1/conversations', { items: [{ type: 'item_reference', id: 'msg_mine' }] }]
  ] as const) {
    const [status, text] = await send(path, body, OTHER_KEY)
    t.equal(status, 404, path)
    t.match(JSON.parse(text), { error: { code: 'not_found', param: /^(input|items)\[\d\]\.id$/ } })
  }
  t.equal(provider.requests.length, seen, 'the provider was not asked')
  for (const id of ['msg_mine', 'msg_conv', 'msg_nobodys']) t.equal((await send('/v1/responses', lean(id), CHAT_KEY))[0], 200, id)
})
