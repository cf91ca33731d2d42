import { connect } from 'node:net'
import Fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import logging from '../../../plugins/logging/index.ts'
import { exchange, key, lines, until, words } from './fixtures.ts'
import { GatewayError } from '../../../plugins/errors.ts'

interface Line {
  level: number
  time: number
  pid: number
  hostname: string
  msg: string
  id: string
  path: string
  model: string
  servedModel: string
  upstreamRequestId: string
  ms: number
  firstByteMs: number
  bytesOut: number
}

/** A server with the plugin, and the lines it logs. */
async function server (t: Tap, options: { level?: string, logDir?: string } = {}): Promise<{ app: FastifyInstance, said: Line[], requests: () => Line[] }> {
  const said: Line[] = []
  const app = Fastify({
    logger: { level: options.level ?? 'debug', stream: { write (line: string) { said.push(JSON.parse(line)) } } },
    logController: new Fastify.LogController({ disableRequestLogging: true }),
    genReqId: ({ headers }) => String(headers['x-request-id'] ?? 'req-1')
  })
  const { logDir = t.testdir() } = options
  await app.register(fp(async (fastify) => {
    fastify.decorate('config', { logDir, logBodies: 'full', logMaxSize: 1e8, logRetention: 0, logBodyLimit: 1e6 } as unknown as FastifyInstance['config'])
  }, { name: 'config' }))
  await app.register(fp(async (fastify) => {
    fastify.decorate('keys', { size: 1, healthy: true, withId: () => undefined, all: () => [], find: () => undefined, known: (token: string) => token === key.token ? key : undefined, change: () => Promise.reject(new Error('not here')), list: async () => [] })
    fastify.decorateRequest('key')
  }, { name: 'keys' }))
  await app.register(logging, { dialect: (id) => id === words.id ? words : undefined })
  t.teardown(() => app.close())
  return { app, said, requests: () => said.filter(({ msg }) => msg === 'request') }
}

type Tap = Pick<typeof t, 'testdir' | 'teardown'>

/** What of a line is the same in every run. */
function stable ({ time, pid, hostname, ms, firstByteMs, ...rest }: Partial<Line>): object {
  return rest
}

t.test('a relayed request has one line, with all that is known of it', async (t) => {
  const { app, requests } = await server(t)
  app.post('/v1/chat/completions', (request, reply) => {
    const made = exchange({ id: request.id, path: request.url, stream: true, start: performance.now() - reply.elapsedTime })
    request.exchange = made
    made.bytesIn = 10
    made.bytesOut = 20
    made.attempts = 2
    made.firstByteAt = made.start + 12.34
    made.endedAt = made.start + 56.789
    made.servedModel = 'large-2026'
    made.usage = { input: 1, cacheRead: 2, cacheWrite5m: 3, cacheWrite1h: 4, output: 5, reasoning: 0 }
    made.upstreamRequestId = 'up-1'
    made.lossy = ['seed', 'logit_bias']
    app.exchanges.end(made)
    app.exchanges.end(made)
    reply.send('ok')
  })
  await app.inject({ method: 'POST', url: '/v1/chat/completions?key=secret', payload: {} })
  await new Promise((resolve) => setImmediate(resolve))
  const [line, ...more] = requests()
  t.same(more, [])
  t.match(line, { firstByteMs: 12.3, ms: 56.8 })
  t.same(line && stable(line), {
    level: 30,
    msg: 'request',
    id: 'req-1',
    method: 'POST',
    path: '/v1/chat/completions',
    key: 'alice',
    provider: 'acme',
    model: 'large',
    servedModel: 'large-2026',
    stream: true,
    status: 200,
    outcome: 'done',
    tokens: { input: 1, cached: 2, cacheWrite: 7, output: 5, reasoning: 0 },
    bytesIn: 10,
    bytesOut: 20,
    attempts: 2,
    upstreamRequestId: 'up-1',
    lossy: ['seed', 'logit_bias']
  })
})

t.test('how loud a line is', async (t) => {
  const { app, requests } = await server(t)
  for (const [outcome, status, level, logged] of [
    ['done', 200, 30, 200], ['refused', 429, 30, 429], ['client_gone', 200, 30, 499], ['upstream_error', 400, 30, 400],
    ['upstream_error', 502, 40, 502], ['incomplete', 200, 40, 200], ['upstream_broke', 200, 40, 200], ['timeout', 504, 40, 504]
  ] as const) {
    const made = exchange()
    made.outcome = outcome
    made.status = status
    made.error = 'code_word'
    app.exchanges.end(made)
    t.match(requests().at(-1), { level, status: logged, outcome, error: 'code_word' })
    t.notOk('tokens' in (requests().at(-1) ?? {}), 'what is not known is not there')
  }
})

t.test('texts of others are bounded, escaped and cleared of secrets', async (t) => {
  const { app, requests } = await server(t)
  const made = exchange({ model: '"}\n{"level":60,"msg":"forged"}' + 'm'.repeat(5000), path: '/' + 'p'.repeat(5000), id: key.token })
  made.servedModel = 'x'.repeat(120) + key.apiKey
  made.upstreamRequestId = `id-${Buffer.from(key.apiKey).toString('base64')}`
  made.lossy = Array.from({ length: 100 }, (_, n) => `${n}${'l'.repeat(500)}`)
  app.exchanges.end(made)
  const [line] = requests()
  t.match(line, {
    id: '[redacted]',
    model: '"}\uFFFD{"level":60',
    servedModel: `${'x'.repeat(120)}[redacte`,
    upstreamRequestId: /^id-\[redacted\]/
  })
  t.equal(line?.model.length, 128)
  t.equal(line?.path.length, 128)
  t.ok(JSON.stringify(line).length < 8000)
})

t.test('bodies are captured between begin and end', async (t) => {
  const logDir = t.testdir()
  const { app } = await server(t, { logDir })
  const made = exchange({ stream: true })
  const recorder = app.exchanges.begin(made, Buffer.from('{"n":12345678901234567890}'))
  recorder?.reply(Buffer.from('data: "Hel'))
  recorder?.reply(Buffer.from('lo"\n\n'))
  app.exchanges.end(made, recorder)
  await until(() => lines(logDir).length === 1, 1000)
  t.match(lines(logDir), [{ id: 'req-1', request: {}, reply: { text: 'Hello' } }])
  t.equal(app.exchanges.begin(exchange({ key: { ...key, log: 'metadata' } }), Buffer.from('{}')), undefined)
  t.equal(app.exchanges.dropped, 0)
})

t.test('a request without an exchange has one line too', async (t) => {
  const { app, requests } = await server(t)
  app.get('/v1/models/:id', async () => ({ id: 'm' }))
  app.get('/health', { config: { probe: true } }, async () => 'ok')
  app.get('/fails', async () => { throw new Error('oops') })
  app.register(async (scope) => {
    scope.addHook('onRequest', async (request) => { request.key = key })
    scope.post('/refused', async () => { throw Object.assign(new GatewayError('rate_limit_exceeded'), { statusCode: 429 }) })
  })
  await app.inject('/v1/models/m?key=secret')
  await app.inject('/health')
  await app.inject({ method: 'POST', url: '/refused', payload: { a: 1 } })
  await app.inject('/nowhere')
  await app.inject('/fails')
  await until(() => requests().length === 5)
  t.same(requests().map(({ msg, id, ...line }) => stable(line)), [
    { level: 30, method: 'GET', path: '/v1/models/m', status: 200, outcome: 'done', bytesOut: 10 },
    { level: 20, method: 'GET', path: '/health', status: 200, outcome: 'done', bytesOut: 2 },
    { level: 30, method: 'POST', path: '/refused', key: 'alice', provider: 'acme', status: 429, outcome: 'refused', error: 'rate_limit_exceeded', bytesIn: 7, bytesOut: requests()[2]?.bytesOut },
    { level: 30, method: 'GET', path: '/nowhere', status: 404, outcome: 'refused', client: '127.0.0.1', bytesOut: requests()[3]?.bytesOut },
    { level: 40, method: 'GET', path: '/fails', status: 500, error: 'internal_error', bytesOut: requests()[4]?.bytesOut }
  ])
  for (const { ms } of requests()) t.ok(ms >= 0 && ms < 5000 && Number.isInteger(Math.round(ms * 100) / 10))
})

t.test('a HEAD has no body out', async (t) => {
  const { app, requests } = await server(t)
  app.get('/v1/models', async () => ({ data: [] }))
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  for (const path of ['/v1/models', '/nowhere']) {
    const reply = await fetch(url + path, { method: 'HEAD' })
    t.ok(Number(reply.headers.get('content-length')) > 0, 'tells the length that it would have')
  }
  await until(() => requests().length === 2)
  t.match(requests(), [{ method: 'HEAD', status: 200, bytesOut: 0 }, { method: 'HEAD', status: 404, bytesOut: 0 }])
})

t.test('a key in a path is not logged', async (t) => {
  const { app, requests } = await server(t)
  app.get('/v1/models/:id', async () => 'ok')
  const urls = [`/v1/models/${key.token}`, `/${key.token}/v1/models`, `/${'x'.repeat(115)}/${key.token}`, `/${encodeURIComponent(key.token).replace('_', '%5F')}`, '/%E0%A4%A/x']
  for (const url of urls) await app.inject(url)
  await until(() => requests().length >= 4)
  t.same(requests().map(({ path }) => path).slice(0, 4), [
    '/v1/models/[redacted]',
    '/[redacted]/v1/models',
    `/${'x'.repeat(115)}/[redacted]`,
    '/[redacted]'
  ])
})

t.test('a client that leaves before its answer is logged as 499, once', async (t) => {
  const { app, requests } = await server(t)
  app.get('/slow', () => new Promise(() => {}))
  app.post('/upload', async () => 'ok')
  let arrived = 0
  app.addHook('preParsing', async () => { arrived++ })
  const address = new URL(await app.listen({ port: 0, host: '127.0.0.1' }))
  for (const head of ['GET /slow HTTP/1.1\r\nhost: x\r\n\r\n', 'POST /upload HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{']) {
    const before = arrived
    const socket = connect(Number(address.port), address.hostname)
    socket.on('error', () => {})
    socket.write(head)
    await until(() => arrived > before)
    socket.destroy()
    await until(() => requests().length === arrived)
  }
  await new Promise((resolve) => setTimeout(resolve, 50))
  t.match(requests(), [
    { level: 30, path: '/slow', status: 499, outcome: 'client_gone' },
    { level: 30, path: '/upload', status: 499, outcome: 'client_gone', bytesIn: 100 }
  ])
  t.equal(requests().length, 2)
})
