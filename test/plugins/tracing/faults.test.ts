import { createServer, type AddressInfo } from 'node:net'
import t from 'tap'
import { CHAT_KEY, post, startGateway, startProvider, until } from '../../helper.ts'
import { run, start } from '../../process.ts'
import { startCollector } from './collector.ts'

t.setTimeout(120_000)

const CHAT = '/v1/chat/completions'
const BODY = { model: 'm', messages: [{ role: 'user', content: 'hi' }] }
const LOST = 'spans were lost: the collector at OTEL_EXPORTER_OTLP_ENDPOINT is away or too slow'

type Test = Parameters<typeof startProvider>[0]

const provider = async (t: Test): Promise<string> => (await startProvider(t, (_request, response) => {
  response.setHeader('content-type', 'application/json').end('{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}')
})).url

/** As if no package of OpenTelemetry's were installed. */
const WITHOUT = `--import=data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  registerHooks({
    resolve (name, context, next) {
      if (name.startsWith('@opentelemetry/')) throw Object.assign(new Error("Cannot find package '" + name + "' imported from here"), { code: 'ERR_MODULE_NOT_FOUND' })
      return next(name, context)
    }
  })`)}`

t.test('without the packages, the start ends and says which to install; without the setting, nobody asks for them', async (t) => {
  const failing = run(t, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', NODE_OPTIONS: WITHOUT })
  t.equal(await failing.ended, 1)
  t.match(failing.output(), /^llm-gateway: OTEL_EXPORTER_OTLP_ENDPOINT is set, and @opentelemetry\/[a-z-]+ is not installed: npm install @opentelemetry\/api @opentelemetry\/sdk-trace @opentelemetry\/resources @opentelemetry\/exporter-trace-otlp-http, or unset it\n$/)
  const url = await provider(t)
  for (const env of [{}, { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_SDK_DISABLED: 'TRUE' }] as Array<Record<string, string>>) {
    const running = await start(t, url, { NODE_OPTIONS: WITHOUT, ...env })
    t.equal((await post(running.url + CHAT, BODY)).status, 200)
  }
})

t.test('a wrong setting ends the start, and no secret is repeated', async (t) => {
  const wrong: Array<[name: string, value: string, message: RegExp]> = [
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'localhost:4318', /^OTEL_EXPORTER_OTLP_ENDPOINT is not an http or https URL; for example OTEL_EXPORTER_OTLP_ENDPOINT=http:/],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'ftp://x', /^OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is not an http or https URL/],
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', /^OTEL_EXPORTER_OTLP_PROTOCOL asks for what is not spoken here: spans go as http\/json/],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret-of-the-collector', /^OTEL_EXPORTER_OTLP_HEADERS is not a list of name=value/],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'a=secret-of-the-collector%', /^OTEL_EXPORTER_OTLP_HEADERS is not a list of name=value/],
    ['OTEL_RESOURCE_ATTRIBUTES', '=1', /^OTEL_RESOURCE_ATTRIBUTES is not a list/],
    ['OTEL_TRACES_SAMPLER', 'sometimes', /^OTEL_TRACES_SAMPLER is none of always_on, /],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5', /^OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1; for example OTEL_TRACES_SAMPLER_ARG=0.1$/],
    ['OTEL_BSP_MAX_QUEUE_SIZE', '0', /^OTEL_BSP_MAX_QUEUE_SIZE is not a whole number from 1/]
  ]
  for (const [name, value, message] of wrong) {
    await t.rejects(startGateway(t, 'http://127.0.0.1:9', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', [name]: value } }), { message }, name)
  }
  const rejected = await startGateway(t, 'http://127.0.0.1:9', { env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_EXPORTER_OTLP_HEADERS: 'a=secret-of-the-collector%' } }).catch((error: unknown) => String(error))
  t.notMatch(rejected, 'secret-of')
})

t.test('a collector that is away, or says nothing, costs no request anything, and is said once', async (t) => {
  const url = await provider(t)
  const silent = await startCollector(t)
  silent.status = null
  const refusing = await startCollector(t)
  refusing.status = 400
  const closed = createServer()
  await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve))
  const away = `http://127.0.0.1:${(closed.address() as AddressInfo).port}`
  await new Promise((resolve) => closed.close(resolve))

  for (const [endpoint, reason] of [[silent.url, undefined], [away, undefined], [refusing.url, 'Bad Request']] as const) {
    const gateway = await startGateway(t, url, {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_BSP_SCHEDULE_DELAY: '1', OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '5' }
    })
    for (let i = 0; i < 50; i++) t.equal((await post(gateway.url + CHAT, BODY)).status, 200)
    const { tracing } = gateway.app
    await until(() => tracing.lost > 0)
    const told = gateway.lines().filter(({ msg }) => msg === LOST)
    t.equal(told.length, 1)
    t.match(told[0], { level: 40, lost: Number, ...reason !== undefined && { reason } })
    const started = performance.now()
    await gateway.app.close()
    t.ok(performance.now() - started < 15_000, 'the end waits a second, and a machine is slow')
    t.ok(tracing.lost >= 100 - 10, `two spans a request, and ${tracing.lost} of them lost`)
  }
})

t.test('a process that is told to stop sends what it has, and does not wait for a collector that is silent', async (t) => {
  const url = await provider(t)
  for (const status of [200, null]) {
    const collector = await startCollector(t)
    collector.status = status
    const running = await start(t, url, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: '60000', OTEL_EXPORTER_OTLP_TIMEOUT: '60000' })
    t.match(running.output(), `traces go to ${collector.url}`)
    t.equal((await post(running.url + CHAT, BODY, { authorization: `Bearer ${CHAT_KEY}` })).status, 200)
    const started = performance.now()
    running.child.kill('SIGTERM')
    t.equal(await running.ended, 0)
    t.ok(performance.now() - started < 30_000, `${performance.now() - started} ms`)
    t.equal(collector.paths.length, 1)
    t.equal(collector.spans.length, status === 200 ? 2 : 0)
  }
})
