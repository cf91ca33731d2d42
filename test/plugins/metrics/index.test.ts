import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, until, type TestGateway } from '../../helper.ts'
import { parse, sum } from './text.ts'

// A thousand requests take their time where the machine is busy.
t.setTimeout(120_000)

const ADMIN_KEY = 'an-admin-key-of-24-chars'
const LIMITED_KEY = 'vk_test_limited_0123456789'
const CHAT = '/v1/chat/completions'
const PRICED = 'gpt-4o-mini'

type Test = Parameters<typeof startProvider>[0]

const provider = (t: Test): ReturnType<typeof startProvider> => startProvider(t, (request, response) => {
  const { model } = JSON.parse(request.body) as { model: string }
  response.setHeader('content-type', 'application/json')
  if (model === 'busy') return response.writeHead(429).end('{"error":{"message":"slowly"}}')
  if (model === 'refuses') return response.writeHead(404).end('{"error":{"message":"no such model"}}')
  if (model === 'fails') return response.writeHead(500).end('{"error":{"message":"oh no"}}')
  if (model === 'breaks') return response.destroy()
  if (model === 'denies') return response.writeHead(401).end('{"error":{"message":"Incorrect API key"}}')
  response.end(JSON.stringify({
    id: 'c1',
    object: 'chat.completion',
    model,
    choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1000, completion_tokens: 200, prompt_tokens_details: { cached_tokens: 400 } }
  }))
})

const ask = (model: string): object => ({ model, messages: [{ role: 'user', content: 'hi' }] })

async function ownPort (gateway: TestGateway): Promise<string> {
  const reply = await fetch(`${gateway.app.metrics?.url}/metrics`)
  if (reply.status !== 200) throw new Error(`status ${reply.status}`)
  return await reply.text()
}

t.test('without METRICS_PORT and ADMIN_KEY there are none', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9')
  t.equal(gateway.app.metrics, null)
  t.equal((await fetch(`${gateway.url}/metrics`)).status, 404)
  t.equal((await fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${CHAT_KEY}` } })).status, 404)
})

t.test('with ADMIN_KEY they are on the gateway\'s port, for that key only', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  for (const headers of [{}, { authorization: `Bearer ${CHAT_KEY}` }, { authorization: `Bearer ${ADMIN_KEY}x` }] as Array<Record<string, string>>) {
    const refused = await fetch(`${gateway.url}/metrics`, { headers })
    t.equal(refused.status, 401)
    t.notMatch(await refused.text(), 'llm_gateway_')
  }
  for (const headers of [{ authorization: `Bearer ${ADMIN_KEY}` }, { 'x-api-key': ADMIN_KEY }] as Array<Record<string, string>>) {
    const reply = await fetch(`${gateway.url}/metrics`, { headers })
    t.equal(reply.status, 200)
    t.equal(reply.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8')
    t.equal(sum(parse(await reply.text()).samples, 'llm_gateway_refusals_total', { code: 'invalid_api_key' }), 3)
  }
})

t.test('with METRICS_PORT they are there, and not on the gateway\'s port', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { METRICS_PORT: '0', ADMIN_KEY } })
  const url = gateway.app.metrics?.url ?? ''
  t.match(url, /^http:\/\/127\.0\.0\.1:\d+$/)
  t.not(url, gateway.url)
  t.equal((await fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).status, 404)
  t.equal((await fetch(`${url}/metrics?x=1`)).status, 200)
  t.equal((await fetch(`${url}/metrics`, { method: 'HEAD' })).status, 200)
  const posted = await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })
  t.same([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD'])
  for (const path of ['/', CHAT, '/admin/usage', '/metrics/']) t.equal((await fetch(url + path)).status, 404)
  await gateway.app.close()
  await t.rejects(fetch(`${url}/metrics`))
})

t.test('METRICS_HOST is where it listens; a port that is taken ends the start', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { METRICS_PORT: '0', METRICS_HOST: '127.0.0.2' } })
  const { hostname, port } = new URL(gateway.app.metrics?.url ?? '')
  t.equal(hostname, '127.0.0.2')
  await t.rejects(startGateway(t, 'http://127.0.0.1:9', { env: { METRICS_PORT: port, METRICS_HOST: '127.0.0.2' } }), { message: /^cannot listen for METRICS_PORT: .*EADDRINUSE/ })
  await t.rejects(startGateway(t, 'http://127.0.0.1:9', { env: { METRICS_PORT: 'x' } }), { message: /^METRICS_PORT: "x" is not a port/ })
})

t.test('the gateway closes while a scraper holds its connection', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { METRICS_PORT: '0' } })
  const socket = connect(Number(new URL(gateway.app.metrics?.url ?? '').port), '127.0.0.1')
  socket.on('error', () => {})
  await new Promise((resolve) => socket.once('connect', resolve))
  socket.write('GET /metrics HTTP/1.1\r\n')
  const started = performance.now()
  await gateway.app.close()
  t.ok(performance.now() - started < 5000)
})

t.test('after a mixed run, the counts are those of the ledger', async (t) => {
  const { url } = await provider(t)
  const gateway = await startGateway(t, url, {
    env: { METRICS_PORT: '0' },
    keys: { [LIMITED_KEY]: { provider: 'openai', api_key: REAL_KEY, max_requests_per_hour: 5 } }
  })
  const limited = { authorization: `Bearer ${LIMITED_KEY}` }
  const kinds: Array<() => Promise<Response>> = [
    () => post(gateway.url + CHAT, ask(PRICED)),
    () => post(gateway.url + CHAT, ask('no-price-known')),
    () => post(gateway.url + CHAT, ask('refuses')),
    () => post(gateway.url + CHAT, ask('fails')),
    () => post(gateway.url + CHAT, ask('breaks')),
    () => post(gateway.url + CHAT, ask('denies')),
    () => post(`${gateway.url}/v1/messages`, { ...ask('fails'), max_tokens: 10 }, { authorization: `Bearer ${MESSAGES_KEY}` }),
    () => post(gateway.url + CHAT, ask(PRICED), limited),
    () => post(gateway.url + CHAT, '{"model":'),
    () => post(gateway.url + CHAT, ask(PRICED), { authorization: 'Bearer unknown' }),
    () => fetch(`${gateway.url}/nowhere`)
  ]
  const runs = 12
  await Promise.all(Array.from({ length: runs }, () => kinds.map((kind) => kind().then((reply) => reply.text()))).flat())

  const { database } = gateway.app
  const rows = (where = ''): Record<string, unknown> => database?.get(`SELECT count(*) AS n, sum(attempts) AS attempts, sum(cost) AS cost, sum(input) AS input, sum(cache_read) AS cached, sum(output) AS output FROM requests ${where}`) ?? {}
  await until(() => database?.flush() === true && rows('WHERE outcome IS NOT NULL')['n'] === runs * 7 + 5)
  const { samples, types } = parse(await ownPort(gateway))

  t.equal(sum(samples, 'llm_gateway_requests_total'), runs * 7 + 5)
  t.equal(sum(samples, 'llm_gateway_request_duration_seconds_count'), runs * 7 + 5)
  for (const row of database?.iterate('SELECT provider, client_dialect AS dialect, outcome, count(*) AS n, count(first_byte_at) AS replied FROM requests GROUP BY provider, client_dialect, outcome') ?? []) {
    const labels = { provider: String(row['provider']), dialect: String(row['dialect']), outcome: String(row['outcome']) }
    t.equal(sum(samples, 'llm_gateway_requests_total', labels), row['n'], JSON.stringify(labels))
    t.equal(sum(samples, 'llm_gateway_first_byte_seconds_count', labels), row['replied'], JSON.stringify(labels))
  }
  const all = rows()
  t.equal(sum(samples, 'llm_gateway_attempts_total'), all['attempts'])
  t.equal(sum(samples, 'llm_gateway_tokens_total', { bucket: 'input' }), all['input'])
  t.equal(sum(samples, 'llm_gateway_tokens_total', { bucket: 'cache_read' }), all['cached'])
  t.equal(sum(samples, 'llm_gateway_tokens_total', { bucket: 'output' }), all['output'])
  t.equal(Math.round(sum(samples, 'llm_gateway_cost_dollars_total') * 1e9), all['cost'])
  t.equal(sum(samples, 'llm_gateway_cost_dollars_total'), sum(samples, 'llm_gateway_cost_dollars_total', { model: PRICED }))
  t.equal(sum(samples, 'llm_gateway_unpriced_requests_total'), runs)
  t.equal(sum(samples, 'llm_gateway_usage_source_total', { source: 'provider' }), runs * 2 + 5)

  const failed = (labels: Record<string, string>): number => sum(samples, 'llm_gateway_errors_total', labels)
  t.equal(failed({ code: 'upstream_credential_refused', provider: 'openai' }), runs)
  t.equal(failed({ code: 'upstream_broke', provider: 'openai' }), runs)
  t.equal(failed({}), database?.get('SELECT count(error) AS n FROM requests')?.['n'])

  const refused = (labels: Record<string, string>): number => sum(samples, 'llm_gateway_refusals_total', labels)
  t.equal(refused({ code: 'rate_limit_exceeded', limit: 'max_requests_per_hour' }), runs - 5)
  for (const code of ['invalid_json', 'invalid_api_key', 'not_found']) t.equal(refused({ code, limit: '' }), runs, code)
  t.equal(refused({}), runs * 4 - 5)

  t.equal(sum(samples, 'llm_gateway_requests_in_flight'), 0)
  t.equal(sum(samples, 'llm_gateway_holds'), 0)
  t.equal(sum(samples, 'llm_gateway_dependency_up', { dependency: 'disk' }), 1)
  t.equal(sum(samples, 'llm_gateway_dependency_up', { dependency: 'logs' }), 1)
  t.equal(sum(samples, 'llm_gateway_dependency_up', { dependency: 'keys' }), 1)
  t.equal(samples.filter(({ name }) => name === 'llm_gateway_dependency_up').length, 3)
  t.equal(sum(samples, 'llm_gateway_ledger_waiting_writes'), 0)
  t.equal(sum(samples, 'llm_gateway_keys'), 3)
  t.same(types.get('llm_gateway_request_duration_seconds'), 'histogram')
})

t.test('what is under way is told', async (t) => {
  let answer = (): void => {}
  const { url, requests } = await startProvider(t, (_request, response) => { answer = () => response.writeHead(404).end('{}') })
  const gateway = await startGateway(t, url, { env: { METRICS_PORT: '0' }, keys: { [CHAT_KEY]: { budget: { usd: 1, per: 'total' } } } })
  const reply = post(gateway.url + CHAT, { ...ask(PRICED), max_completion_tokens: 1000 })
  await until(() => requests.length === 1)
  const during = parse(await ownPort(gateway)).samples
  for (const name of ['llm_gateway_requests_in_flight', 'llm_gateway_holds']) t.equal(sum(during, name), 1, name)
  const held = sum(during, 'llm_gateway_held_dollars')
  t.ok(held > 0.0006 && held < 0.001, `${held}`)
  t.equal(sum(during, 'llm_gateway_upstream_connections', { origin: url, state: 'busy' }), 1)
  t.equal(sum(during, 'llm_gateway_upstream_requests', { origin: url, state: 'running' }), 1)
  answer()
  await (await reply).text()
  await until(() => gateway.app.exchanges.open === 0)
  const after = parse(await ownPort(gateway)).samples
  for (const name of ['llm_gateway_requests_in_flight', 'llm_gateway_holds', 'llm_gateway_held_dollars']) t.equal(sum(after, name), 0, name)
})

t.test('what is away is told, and how much waits for it', async (t) => {
  const { url } = await provider(t)
  const gateway = await startGateway(t, url, {
    env: { METRICS_PORT: '0', DATABASE_URL: 'postgres://user:secret-of-the-database@127.0.0.1:9/gateway', REDIS_URL: 'redis://:secret-of-redis@127.0.0.1:9' }
  })
  for (let i = 0; i < 3; i++) await (await post(gateway.url + CHAT, ask(PRICED))).text()
  await until(() => gateway.app.database?.flush() === true && gateway.app.exchanges.open === 0)
  const text = await ownPort(gateway)
  const { samples } = parse(text)
  t.equal(sum(samples, 'llm_gateway_spool_rows'), 3)
  t.same(samples.filter(({ name }) => name === 'llm_gateway_dependency_up').map(({ labels, value }) => [labels['dependency'], value]), [['disk', 1], ['logs', 1], ['keys', 1], ['redis', 0], ['postgres', 0]])
  t.notMatch(text, 'secret-of')
})

t.test('a keys file that is not in force is told, until it is (S21)', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9', { env: { METRICS_PORT: '0' } })
  const file = join(gateway.folder, 'keys.json')
  const up = async (): Promise<number> => sum(parse(await ownPort(gateway)).samples, 'llm_gateway_dependency_up', { dependency: 'keys' })
  const good = readFileSync(file)
  t.equal(await up(), 1)
  writeFileSync(file, good.subarray(1))
  await until(() => gateway.lines().some(({ level }) => level === 50))
  t.equal(await up(), 0)
  writeFileSync(file, good)
  await until(() => gateway.lines().some(({ msg }) => msg === 'the keys file is again the one in force'))
  t.equal(await up(), 1)
})

t.test('a thousand names of models make no more labels, and no key is ever one', async (t) => {
  const { url } = await provider(t)
  const gateway = await startGateway(t, url, { env: { METRICS_PORT: '0', ADMIN_KEY } })
  const secrets = [CHAT_KEY, MESSAGES_KEY, REAL_KEY, ADMIN_KEY]
  for (let i = 0; i < 1000; i += 50) {
    await Promise.all(Array.from({ length: 50 }, async (_, j) => await (await post(gateway.url + CHAT, ask(`model-${i + j}-${Math.random()}`))).text()))
  }
  for (const secret of secrets) {
    await (await post(gateway.url + CHAT, ask(secret))).text()
    await (await post(gateway.url + CHAT, ask(PRICED), { authorization: `Bearer ${secret}x` })).text()
    await (await fetch(`${gateway.url}/v1/${secret}`)).text()
  }
  const text = await ownPort(gateway)
  const { samples } = parse(text)
  t.equal(sum(samples, 'llm_gateway_requests_total'), 1000 + secrets.length)
  t.same([...new Set(samples.flatMap(({ labels }) => labels['model'] ?? []))], ['other'])
  t.ok(samples.length < 400, `${samples.length} samples`)
  for (const secret of secrets) {
    for (const part of [secret, secret.slice(0, 12), secret.slice(-12), encodeURIComponent(secret), Buffer.from(secret).toString('base64').slice(0, 16)]) {
      t.notOk(text.includes(part), `${part} is nowhere`)
    }
  }
})

t.test('docs/metrics.md lists every metric, with its type and labels', async (t) => {
  const { url } = await provider(t)
  const targets = ['busy', PRICED].map((model) => ({ provider: 'openai', api_key: REAL_KEY, model }))
  const gateway = await startGateway(t, url, { env: { METRICS_PORT: '0' }, keys: { [LIMITED_KEY]: { targets } } })
  await (await post(gateway.url + CHAT, ask(PRICED))).text()
  await (await post(gateway.url + CHAT, ask('refuses'))).text()
  await (await post(gateway.url + CHAT, ask('busy'))).text()
  await (await post(gateway.url + CHAT, ask(PRICED), { authorization: `Bearer ${LIMITED_KEY}` })).text()
  await (await fetch(`${gateway.url}/nowhere`)).text()
  const { types } = parse(await ownPort(gateway))
  const text = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8')
  const documented = [...text.matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name = '', type = '']) => [name, type])
  t.same(Object.fromEntries(documented.filter(([name]) => name?.startsWith('llm_gateway_'))), Object.fromEntries([...types].filter(([name]) => name.startsWith('llm_gateway_'))))
  t.equal(documented.length, new Set(documented.map(([name]) => name)).size)
  // Of the process there are more on some systems than on others.
  if (process.platform === 'linux') t.same(Object.fromEntries(documented), Object.fromEntries(types))

  const { samples } = parse(await ownPort(gateway))
  for (const [, name = '', labels = ''] of text.matchAll(/^\| `(llm_gateway_\w+)` \| \w+ \| (.*?) \|/gm)) {
    const seen = samples.find((sample) => sample.name === name || sample.name === `${name}_count`)
    t.same([...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label), Object.keys(seen?.labels ?? {}), name)
  }
})

t.test('the examples ask for nothing that is not there', async (t) => {
  const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')
  const documented = new Map([...read('docs/metrics.md').matchAll(/^\| `(\w+)` \| (\w+) \|/gm)].map(([, name = '', type = '']) => [name, type]))
  for (const file of ['alerts.yml', 'alerts.test.yml', 'dashboard.json']) {
    const asked = new Set(read(`examples/monitoring/${file}`).match(/\b(?:llm_gateway|process|nodejs)_\w+/g))
    t.ok(asked.size > 5)
    for (const name of asked) {
      const whole = name.replace(/_(?:bucket|count|sum)$/, '')
      t.ok(documented.has(name) || documented.get(whole) === 'histogram', `${file}: ${name}`)
    }
  }
})
