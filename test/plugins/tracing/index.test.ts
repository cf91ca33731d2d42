import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, until, type TestGateway } from '../../helper.ts'
import { startCollector, type Collector, type SeenSpan } from './collector.ts'

t.setTimeout(120_000)

const CHAT = '/v1/chat/completions'
const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const SPAN = '00f067aa0ba902b7'
const PARENT = `00-${TRACE}-${SPAN}-01`
const SECRETS = ['the-words-of-the-prompt', 'the-words-of-the-answer', CHAT_KEY, MESSAGES_KEY, REAL_KEY]

type Test = Parameters<typeof startProvider>[0]

const provider = (t: Test): ReturnType<typeof startProvider> => startProvider(t, (request, response) => {
  response.setHeader('content-type', 'application/json')
  if (request.url.endsWith('/models')) return response.end('{"object":"list","data":[{"id":"m"}]}')
  if (request.url.endsWith('count_tokens')) return response.end('{"input_tokens":3}')
  if (request.url.endsWith('embeddings')) return response.end('{"object":"list","model":"e","data":[],"usage":{"prompt_tokens":5,"total_tokens":5}}')
  const { model, stream } = JSON.parse(request.body) as { model: string, stream?: boolean }
  if (model === 'fails') return response.writeHead(500).end('{"error":{"message":"no","code":"the_word"}}')
  if (model === 'busy') return response.writeHead(429, { 'retry-after': '0' }).end('{"error":{"message":"no","code":"rate"}}')
  if (model === 'hangs') return
  const usage = { prompt_tokens: 1000, completion_tokens: 200, prompt_tokens_details: { cached_tokens: 400 }, completion_tokens_details: { reasoning_tokens: 50 } }
  const message = { role: 'assistant', content: SECRETS[1] }
  if (stream !== true) return response.end(JSON.stringify({ id: 'c1', object: 'chat.completion', model: `${model}-2025`, choices: [{ index: 0, message, finish_reason: 'stop' }], usage }))
  const chunk = (rest: object): string => `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', model: `${model}-2025`, choices: [], ...rest })}\n\n`
  response.setHeader('content-type', 'text/event-stream')
  response.end(chunk({ choices: [{ index: 0, delta: message, finish_reason: null }] }) + chunk({ choices: [{ index: 0, delta: {}, finish_reason: 'length' }] }) + chunk({ usage }) + 'data: [DONE]\n\n')
})

const ask = (model: string, more: object = {}): object => ({ model, messages: [{ role: 'user', content: SECRETS[0] }], ...more })

async function traced (t: Test, url: string, collector: Collector, env: Record<string, string> = {}, keys = {}): Promise<TestGateway> {
  return await startGateway(t, url, { keys, env: { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '20', ...env } })
}

const lineOf = (gateway: TestGateway): Record<string, unknown> => gateway.lines().findLast(({ msg }) => msg === 'request') ?? {}
const requestSpan = (spans: SeenSpan[]): SeenSpan | undefined => spans.find(({ attributes }) => 'gen_ai.operation.name' in attributes)

t.test('a request has a span with the names of the conventions, and each attempt one below it', async (t) => {
  const collector = await startCollector(t)
  const { url, requests } = await provider(t)
  const gateway = await traced(t, url, collector, { OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20abc, x-team = a b', OTEL_RESOURCE_ATTRIBUTES: 'service.namespace=ai,deployment.environment.name=test', OTEL_SERVICE_NAME: 'edge' }, { [CHAT_KEY]: { name: 'CI' } })
  const before = Date.now()
  await (await post(gateway.url + CHAT, ask('gpt-4o-mini'))).text()
  await until(() => collector.spans.length === 2)
  const span = requestSpan(collector.spans)
  const attempt = collector.spans.find((other) => other !== span)
  t.same(collector.paths, ['/v1/traces'])
  t.match(collector.headers[0], { authorization: 'Bearer abc', 'x-team': 'a b', 'content-type': 'application/json' })
  t.match(span?.resource, { 'service.name': 'edge', 'service.namespace': 'ai', 'deployment.environment.name': 'test', 'service.version': /^\d/, 'service.instance.id': /^[0-9a-f-]{36}$/ })
  t.match(span, { name: 'chat gpt-4o-mini', kind: 3, parentSpanId: undefined, failed: false, traceId: /^[0-9a-f]{32}$/ })
  const port = Number(new URL(url).port)
  t.match(span?.attributes, {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-4o-mini',
    'gen_ai.response.model': 'gpt-4o-mini-2025',
    'gen_ai.response.finish_reasons': ['stop'],
    'gen_ai.usage.input_tokens': 1000,
    'gen_ai.usage.output_tokens': 200,
    'gen_ai.usage.cache_read.input_tokens': 400,
    'gen_ai.usage.reasoning.output_tokens': 50,
    'server.address': '127.0.0.1',
    'server.port': port,
    'llm_gateway.key': 'CI',
    'llm_gateway.outcome': 'done',
    'llm_gateway.status': 200,
    'llm_gateway.attempts': 1,
    'llm_gateway.usage_source': 'provider'
  })
  t.ok(Number(span?.attributes['llm_gateway.cost_usd']) > 0)
  t.notOk('error.type' in (span?.attributes ?? {}))
  t.notOk('gen_ai.request.stream' in (span?.attributes ?? {}), 'it is no stream')
  t.match(attempt, { name: 'POST', kind: 3, traceId: span?.traceId, parentSpanId: span?.spanId, failed: false })
  t.match(attempt?.attributes, { 'http.request.method': 'POST', 'http.response.status_code': 200, 'server.address': '127.0.0.1', 'server.port': port, 'url.full': `${url}/v1/chat/completions` })
  if (span === undefined || attempt === undefined) throw new Error('no spans')
  t.ok(span.start >= before - 1000 && span.start <= attempt.start && attempt.end <= span.end && span.end <= Date.now() + 1000, 'one within the other')
  t.equal(requests[0]?.headers['traceparent'], `00-${span.traceId}-${attempt.spanId}-01`, 'the provider\'s parent is the attempt')
  t.equal(lineOf(gateway)['trace'], span.traceId)
  for (const secret of SECRETS) t.notOk(collector.text().includes(secret), `${secret} is nowhere`)
})

t.test('a key that was sent in the wrong place is in no span', async (t) => {
  const collector = await startCollector(t)
  const { url } = await provider(t)
  const gateway = await traced(t, url, collector)
  await (await post(gateway.url + CHAT, ask(REAL_KEY), { 'x-request-id': CHAT_KEY })).text()
  await until(() => collector.spans.length === 2)
  t.match(requestSpan(collector.spans), { name: 'chat [redacted]', attributes: { 'gen_ai.request.model': '[redacted]', 'llm_gateway.request_id': /^[0-9a-f-]{36}$/ } })
  for (const secret of SECRETS) t.notOk(collector.text().includes(secret), `${secret} is nowhere`)
})

t.test('a stream tells of its first piece; a dialect without a word of the conventions has its own', async (t) => {
  const collector = await startCollector(t)
  const { url } = await provider(t)
  const gateway = await traced(t, url, collector)
  await (await post(gateway.url + CHAT, ask('gpt-4o-mini', { stream: true }))).text()
  await until(() => collector.spans.length === 2)
  const { attributes = {} } = requestSpan(collector.spans) ?? {}
  t.match(attributes, { 'gen_ai.request.stream': true, 'gen_ai.response.finish_reasons': ['length'], 'gen_ai.usage.output_tokens': 200 })
  t.ok(Number(attributes['gen_ai.response.time_to_first_chunk']) > 0)
  await (await post(`${gateway.url}/v1/embeddings`, { model: 'e', input: 'x' })).text()
  await (await post(`${gateway.url}/v1/moderations`, { input: 'x' })).text()
  await until(() => collector.spans.length === 6)
  t.same(collector.spans.filter(({ kind, attributes }) => kind === 3 && 'gen_ai.operation.name' in attributes).map(({ name }) => name), ['chat gpt-4o-mini', 'embeddings e', 'openai-moderations'])
})

t.test('a trace that was begun goes on, with the gateway in between', async (t) => {
  const collector = await startCollector(t)
  const { url, requests } = await provider(t)
  const gateway = await traced(t, url, collector)
  await (await post(gateway.url + CHAT, ask('m'), { traceparent: `00-${TRACE}-${SPAN}-03`, tracestate: 'a=1 ,b=2' })).text()
  await until(() => collector.spans.length === 2)
  const span = requestSpan(collector.spans)
  const attempt = collector.spans.find((other) => other !== span)
  t.match(span, { traceId: TRACE, parentSpanId: SPAN, traceState: 'a=1,b=2' })
  t.match(attempt, { traceId: TRACE, parentSpanId: span?.spanId })
  t.equal(requests[0]?.headers['traceparent'], `00-${TRACE}-${attempt?.spanId}-03`)
  t.equal(requests[0]?.headers['tracestate'], 'a=1,b=2')
  t.equal(lineOf(gateway)['trace'], TRACE)
})

t.test('what is not sampled is not sent, and the provider is told so', async (t) => {
  const collector = await startCollector(t)
  const { url, requests } = await provider(t)
  const send = async (env: Record<string, string>, headers: Record<string, string>): Promise<string> => {
    const gateway = await traced(t, url, collector, env)
    await (await post(gateway.url + CHAT, ask('m'), headers)).text()
    await gateway.app.close()
    return String(requests.at(-1)?.headers['traceparent'])
  }
  const unsampled = { traceparent: `00-${TRACE}-${SPAN}-00` }
  t.match(await send({}, unsampled), new RegExp(`^00-${TRACE}-(?!${SPAN})[0-9a-f]{16}-00$`))
  for (const sampler of ['always_off', 'parentbased_always_off', 'traceidratio', 'parentbased_traceidratio']) {
    t.match(await send({ OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: '0' }, {}), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/, sampler)
  }
  t.same(collector.spans, [])
  t.match(await send({ OTEL_TRACES_SAMPLER: 'always_on' }, unsampled), /-01$/)
  t.match(await send({ OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '1.0' }, unsampled), /-01$/)
  t.equal(collector.spans.length, 4, 'sent at the end, though it came before its time')
})

t.test('failures: what a span says of them, and of every attempt', async (t) => {
  const collector = await startCollector(t)
  const { url, requests } = await provider(t)
  const gateway = await traced(t, url, collector, { RETRIES: '1' }, {
    vk_targets_0123456789: { targets: [{ provider: 'openai', api_key: REAL_KEY, model: 'fails' }, { provider: 'openai', api_key: REAL_KEY, model: 'works' }] }
  })
  await (await post(gateway.url + CHAT, ask('m'), { authorization: 'Bearer vk_targets_0123456789' })).text()
  await until(() => collector.spans.length === 3)
  const span = requestSpan(collector.spans)
  t.match(span, { failed: false, name: 'chat works' }, 'named as it ended')
  t.match(span?.attributes, { 'gen_ai.request.model': 'works', 'llm_gateway.target': 'openai#2', 'llm_gateway.attempts': 2, 'llm_gateway.outcome': 'done' })
  const attempts = collector.spans.filter(({ parentSpanId }) => parentSpanId === span?.spanId)
  t.match(attempts, [
    { failed: true, attributes: { 'error.type': '500', 'http.response.status_code': 500 } },
    { failed: false, attributes: { 'http.response.status_code': 200, 'http.request.resend_count': 1 } }
  ])
  t.same(requests.map(({ headers }) => headers['traceparent']), attempts.map(({ spanId }) => `00-${span?.traceId}-${spanId}-01`))

  collector.spans.length = 0
  await (await post(gateway.url + CHAT, ask('busy'))).text()
  await until(() => collector.spans.length === 3)
  t.match(requestSpan(collector.spans), { failed: true, attributes: { 'error.type': 'rate', 'llm_gateway.status': 429, 'llm_gateway.outcome': 'refused' } })
  t.same(collector.spans.filter(({ name }) => name === 'POST').map(({ attributes }) => attributes['http.response.status_code']), [429, 429])

  collector.spans.length = 0
  const leaving = new AbortController()
  const left = fetch(gateway.url + CHAT, { method: 'POST', signal: leaving.signal, headers: { 'content-type': 'application/json', authorization: `Bearer ${CHAT_KEY}` }, body: JSON.stringify(ask('hangs')) })
  await until(() => requests.at(-1)?.body.includes('hangs') === true)
  leaving.abort()
  await left.catch(() => {})
  await until(() => collector.spans.length === 2)
  t.match(requestSpan(collector.spans), { failed: false, attributes: { 'llm_gateway.outcome': 'client_gone', 'llm_gateway.status': 499 } }, 'that is nobody\'s fault')
})

t.test('without a collector no trace is begun, and one that was goes on as it came, in every dialect', async (t) => {
  const { url, requests } = await provider(t)
  const gateway = await startGateway(t, url, { env: { OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'no judge looks at this' } })
  const messages = { authorization: `Bearer ${MESSAGES_KEY}` }
  const kinds: Array<(headers: Record<string, string>) => Promise<Response>> = [
    (headers) => post(gateway.url + CHAT, ask('m'), headers),
    (headers) => post(gateway.url + CHAT, ask('m'), { ...messages, ...headers }),
    (headers) => post(`${gateway.url}/v1/messages`, ask('m', { max_tokens: 9 }), headers),
    (headers) => post(`${gateway.url}/v1/responses`, { model: 'm', input: 'x' }, headers),
    (headers) => post(`${gateway.url}/v1/embeddings`, { model: 'm', input: 'x' }, headers),
    (headers) => post(`${gateway.url}/v1/messages/count_tokens`, ask('m'), { ...messages, ...headers }),
    (headers) => fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${CHAT_KEY}`, ...headers } })
  ]
  const lines = (): Array<Record<string, unknown>> => gateway.lines().filter(({ msg }) => msg === 'request')
  const sent = async (headers: Record<string, string>): Promise<unknown[]> => {
    const from = requests.length
    for (const kind of kinds) await (await kind(headers)).text()
    t.equal(requests.length - from, kinds.length)
    await until(() => lines().length === requests.length)
    return requests.slice(from).map(({ headers: { traceparent, tracestate } }) => [traceparent, tracestate])
  }
  const all = (...pair: unknown[]): unknown[] => kinds.map(() => pair)
  t.same(await sent({ traceparent: PARENT, tracestate: 'a=1' }), all(PARENT, 'a=1'))
  t.ok(lines().every(({ trace }) => trace === TRACE))
  t.same(await sent({ traceparent: PARENT, tracestate: 'a=1=' }), all(PARENT, undefined))
  const before = lines().length
  t.same(await sent({ traceparent: `${PARENT}-00`, tracestate: 'a=1' }), all(undefined, undefined))
  t.same(await sent({ traceparent: `${PARENT}, ${PARENT}` }), all(undefined, undefined), 'given twice')
  t.same(await sent({ tracestate: 'a=1', baggage: 'user=1', b3: `${TRACE}-${SPAN}` }), all(undefined, undefined))
  t.ok(requests.every(({ headers }) => headers['baggage'] === undefined && headers['b3'] === undefined))
  t.ok(lines().slice(before).every((line) => !('trace' in line)))
})

t.test('the trace is in the record, and in the line of a request that was refused', async (t) => {
  const { url } = await provider(t)
  const gateway = await startGateway(t, url)
  await (await post(gateway.url + CHAT, ask('m'), { traceparent: PARENT })).text()
  await (await post(gateway.url + CHAT, '{', { traceparent: PARENT })).text()
  await until(() => lineOf(gateway)['status'] === 400)
  t.equal(lineOf(gateway)['trace'], TRACE)
  const file = (): string => readdirSync(join(gateway.folder, 'logs')).map((name) => readFileSync(join(gateway.folder, 'logs', name), 'utf8')).join('')
  await until(() => file().includes('\n'))
  t.equal((JSON.parse(file().split('\n', 1)[0] ?? '') as { trace?: string }).trace, TRACE)
})
