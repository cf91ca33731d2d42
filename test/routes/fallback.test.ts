import Anthropic from '@anthropic-ai/sdk'
import t from 'tap'
import { startGateway } from '../helper.ts'
import { send } from '../faults/security/raw.ts'

const ADMIN_KEY = 'admin-0123456789-abcdef'

t.test('an address that asks too often without a key is told so, and for how long', async (t) => {
  const gateway = await startGateway(t, 'http://127.0.0.1:9')
  for (const path of ['/nothing', '/health']) {
    const request = `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
    const answers = await send(gateway.url, request.repeat(6000) + request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
    const last = answers.slice(answers.lastIndexOf('HTTP/1.1 '))
    t.match(last, /^HTTP\/1\.1 429 [^]*retry-after: [1-9]\d?\r\n[^]*"code":"too_many_requests"/, path)
    // Of requests that come in one piece of a connection the counter sees the last first.
    t.ok([...answers.matchAll(/HTTP\/1\.1 429/g)].length < 1000, 'and not long before')
  }
  t.notOk(gateway.lines().some(({ level }) => Number(level) >= 50))
})

t.test('what a setting would turn on is told of in the log, once, and to no client', async (t) => {
  const paths = ['/metrics', '/admin/usage', '/admin/requests', '/admin/keys']
  for (const [env, reasons] of [
    [{}, { metrics: /: set ADMIN_KEY, or METRICS_PORT for a port of its own$/, admin: /: set ADMIN_KEY$/ }],
    [{ METRICS_PORT: '0' }, { metrics: /: METRICS_PORT is set, so it is on port 0 only$/, admin: /: set ADMIN_KEY$/ }],
    [{ METRICS_PORT: '0', ADMIN_KEY }, { metrics: /: METRICS_PORT is set, so it is on port 0 only$/ }],
    [{ ADMIN_KEY }, {}]
  ] as Array<[Record<string, string>, { metrics?: RegExp, admin?: RegExp }]>) {
    const gateway = await startGateway(t, 'http://127.0.0.1:9', { env })
    const unknown = await (await fetch(`${gateway.url}/nothing`)).text()
    for (const path of [...paths, ...paths, '/admin', '/admin/keys/vk_nobody_0123456789/x?y=1', '/metrics/x', '/metricsx', '/admin/login.php']) {
      const reply = await fetch(gateway.url + path)
      const { metrics, admin } = reasons
      if ((path === '/metrics' ? metrics : admin) !== undefined) {
        t.equal(reply.status, 404, path)
        t.equal(await reply.text(), unknown, 'as any other path')
      }
    }
    const told = gateway.lines().filter(({ msg }) => String(msg).includes('was asked for and is not there'))
    t.match(told.map(({ level, msg }) => [level, msg]), paths.map((path) => [path, path === '/metrics' ? reasons.metrics : reasons.admin] as const)
      .filter(([, reason]) => reason !== undefined).map(([, reason]) => [30, reason]), JSON.stringify(env))
    t.equal(told.length, [reasons.metrics, reasons.admin, reasons.admin, reasons.admin].filter((reason) => reason !== undefined).length)
    t.notMatch(JSON.stringify(told), /nobody/)
  }
})

t.test('such paths are there once they are turned on', async (t) => {
  const { app } = await startGateway(t, 'http://127.0.0.1:9', { env: { ADMIN_KEY } })
  for (const url of ['/metrics', '/admin/usage', '/admin/requests', '/admin/keys']) t.ok(app.hasRoute({ method: 'GET', url }), url)
})

t.test('whoever has a base URL with too much in it is told so; others where there is a path for clients like them', async (t) => {
  const { url } = await startGateway(t, 'http://127.0.0.1:9')
  const messageOf = async (path: string, headers: Record<string, string> = {}): Promise<string> => {
    const reply = await fetch(url + path, { method: 'POST', headers })
    t.equal(reply.status, 404, path)
    return ((await reply.json()) as { error: { message: string } }).error.message
  }
  const marked = { 'anthropic-version': '2023-06-01' }
  for (const path of ['/v1/v1/messages?beta=true', '/api/v1/chat/completions', '/v1/v1/models/m', '/v1/v1/v1/responses']) {
    t.match(await messageOf(path, marked), /shorten the base URL/, path)
  }
  for (const path of ['/v1/message', '/v1/v1/nothing', '/nothing']) {
    t.match(await messageOf(path, marked), /^Unknown path\. Try POST \/v1\/messages;/, path)
    t.match(await messageOf(path), /^Unknown path\. Try POST \/v1\/chat\/completions;/, path)
  }
  const client = new Anthropic({ baseURL: `${url}/v1`, apiKey: 'vk_nobody_0123456789', maxRetries: 0 })
  await t.rejects(client.messages.create({ model: 'm', max_tokens: 1, messages: [{ role: 'user', content: 'x' }] }), { status: 404, message: /shorten the base URL/ })
})
