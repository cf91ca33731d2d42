import { mkdtempSync } from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import Fastify from 'fastify'
import type { Teardown } from '../../helper.ts'
import { gateway, serverOptions } from '../../../app.ts'
import { readKeys } from '../../../plugins/keys/file.ts'
import { defaultProviders, loadBuiltin } from '../../../providers/index.ts'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, post, startGateway, startProvider, until, type TestGateway } from '../../helper.ts'

t.setTimeout(120_000)

const keys = { [CHAT_KEY]: { allow_ips: ['10.0.0.0/8', '2001:db8::/32'] }, [MESSAGES_KEY]: { allow_ips: ['10.0.0.0/8'] } }

type Line = Record<string, unknown>

/** The same gateway, with the server options that its settings ask for. */
async function behind (t: Teardown, made: TestGateway, trusted: string, host = '127.0.0.1'): Promise<{ url: string, lines: Line[] }> {
  const dir = mkdtempSync(join(made.folder, 'behind-'))
  const env = {
    KEYS_FILE: join(made.folder, 'keys.json'), TRUST_PROXY: trusted, LOG_DIR: dir, DATA_DIR: dir, LOG_LEVEL: 'silent', OPENAI_BASE_URL: 'http://127.0.0.1:9/v1'
  }
  const lines: Line[] = []
  const app = Fastify({ ...serverOptions(env), logger: { level: 'debug', stream: { write: (line: string) => { lines.push(JSON.parse(line) as Line) } } } })
  t.teardown(() => app.close())
  await app.register(gateway, { env })
  return { url: await app.listen({ host, port: 0 }), lines }
}

t.test('a key is taken from its addresses only, and the refusal is in the dialect', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.end('{}'))
  const made = await startGateway(t, provider.url, { keys })
  const chat = await post(`${made.url}/v1/chat/completions`, { model: 'm', messages: [] }, { 'x-forwarded-for': '10.0.0.1' })
  t.equal(chat.status, 403)
  t.match(await chat.json(), { error: { code: 'ip_not_allowed', message: 'This key may not be used from this address.' } })
  const messages = await post(`${made.url}/v1/messages`, { model: 'm', messages: [] }, { authorization: `Bearer ${MESSAGES_KEY}` })
  t.equal(messages.status, 403)
  t.match(await messages.json(), { type: 'error', error: { type: 'permission_error' } })
  t.equal(provider.requests.length, 0)
  t.match(made.lines().find(({ status }) => status === 403), { key: 'vk_test_…', error: 'ip_not_allowed', client: '127.0.0.1' })

  const ask = (url: string, forwarded?: string): Promise<number> =>
    fetch(`${url}/usage`, { headers: { authorization: `Bearer ${CHAT_KEY}`, ...forwarded !== undefined && { 'x-forwarded-for': forwarded } } }).then(({ status }) => status)
  const { url: trusting } = await behind(t, made, '127.0.0.1, 192.0.2.0/24')
  for (const [forwarded, status] of [
    ['10.1.2.3', 200], ['2001:db8::7', 200], ['10.1.2.3:4567', 200], ['[2001:db8::7]:4567', 200], ['[2001:db8::7]', 200], ['10.1.2.3:4567, 192.0.2.9:80', 200],
    ['11.1.2.3:4567', 403], ['10.1.2.3:port', 403], ['[10.1.2.3', 403], ['8.8.8.8, 10.1.2.3', 200], ['10.1.2.3, 192.0.2.9', 200],
    ['11.1.2.3', 403], ['10.1.2.3, 11.1.2.3', 403], ['unknown', 403], [undefined, 403]
  ] as const) t.equal(await ask(trusting, forwarded), status, String(forwarded))
  t.equal(await ask((await behind(t, made, '10.0.0.0/8')).url, '10.1.2.3'), 403, 'one that is not trusted is not believed')
})

t.test('the line of a request that is refused has its address, where no key says whose it is', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.end('{"data":[]}'))
  const made = await startGateway(t, provider.url, { keys: { [CHAT_KEY]: { allow_ips: ['10.0.0.0/8'] } } })
  const { url, lines } = await behind(t, made, '127.0.0.1')
  const ask = async (path: string, key: string, forwarded: string): Promise<Line | undefined> => {
    const id = `ask-${lines.length}`
    await (await fetch(url + path, { headers: { 'x-request-id': id, 'x-api-key': key, 'x-forwarded-for': forwarded } })).text()
    await until(() => lines.some((line) => line['id'] === id))
    return lines.find((line) => line['id'] === id)
  }
  for (const [path, key, forwarded, told] of [
    ['/usage', 'vk_nobody_0123456789', '10.1.2.3:4567', { status: 401, client: '10.1.2.3' }],
    ['/usage', CHAT_KEY, '11.1.2.3', { status: 403, key: 'vk_test_…', client: '11.1.2.3' }],
    ['/usage', CHAT_KEY, '10.0.0.1, ::ffff:11.1.2.3', { status: 403, client: '11.1.2.3' }],
    ['/nothing', '', '2001:db8::7', { status: 404, client: '2001:db8::7' }],
    ['/usage', 'vk_nobody_0123456789', `${REAL_KEY}${'x'.repeat(5000)}`, { status: 401, client: /^\[redacted\]x{118}$/ }]
  ] as const) t.match(await ask(path, key, forwarded), told, `${path} from ${forwarded.slice(0, 40)}`)
  for (const [path, status] of [['/usage', 200], ['/usage?x=1', 400], ['/v1/models/none', 502]] as const) {
    const line = await ask(path, CHAT_KEY, '10.1.2.3')
    t.equal(line?.['status'], status)
    t.notOk('client' in (line ?? {}), 'the key says who it was')
  }
  t.notOk('client' in (await ask('/%zz', '', '192.0.2.1') ?? {}), 'where no hook runs, TRUST_PROXY does not count')
  t.notOk('client' in (await ask('/health', '', '192.0.2.1') ?? {}), 'nothing was refused')
  t.notMatch(JSON.stringify(lines), REAL_KEY)
})

t.test('so has the line of what the HTTP parser refused, by its connection', async (t) => {
  const provider = await startProvider(t, (_request, response) => response.end('{}'))
  const made = await startGateway(t, provider.url)
  const refusal = async (lines: () => Line[], url: string, address: string): Promise<Line | undefined> => {
    const socket = connect(Number(new URL(url).port), address)
    t.teardown(() => socket.destroy())
    socket.resume().write('GARBAGE\r\n\r\n')
    await once(socket, 'end')
    await until(() => lines().some(({ error }) => error === 'malformed_http'))
    return lines().find(({ error }) => error === 'malformed_http')
  }
  t.match(await refusal(() => made.lines(), made.url, '127.0.0.1'), { msg: 'request', status: 400, outcome: 'refused', client: '127.0.0.1' })
  const both = Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ family }) => family === 'IPv6')) ? '::' : '127.0.0.1'
  const elsewhere = await behind(t, made, '192.0.2.0/24', both)
  t.match(await refusal(() => elsewhere.lines, elsewhere.url, '127.0.0.1'), { client: '127.0.0.1' }, 'as allow_ips has it')
  const trusting = await behind(t, made, '127.0.0.1', both)
  const line = await refusal(() => trusting.lines, trusting.url, '127.0.0.1')
  t.match(line, { msg: 'request' })
  t.notOk('client' in (line ?? {}), 'whom the proxy spoke for was not read')
})

t.test('faults', async (t) => {
  const providers = await Promise.all(defaultProviders.map(loadBuiltin))
  for (const [list, reason] of [
    [['10.0.0.0/33'], /"allow_ips" has "10\.0\.0\.0\/33", which is neither an address nor a network such as/],
    [[REAL_KEY], /"allow_ips" has "sk-real-…", which is neither/],
    [[], /"allow_ips" must be a list of addresses and networks, such as/],
    ['10.0.0.0/8', /"allow_ips" must be a list/]
  ] as const) {
    const bytes = Buffer.from(JSON.stringify({ virtual_keys: { [CHAT_KEY]: { provider: 'openai', api_key: REAL_KEY, allow_ips: list } } }))
    t.throws(() => readKeys(bytes, { providers, env: {} }), { message: reason })
  }
  for (const text of ['true', '10.0.0.0/8,', '1', 'loopback']) {
    t.throws(() => serverOptions({ TRUST_PROXY: text }), { message: /^TRUST_PROXY: ".*" is not a list of IP addresses and networks in CIDR notation; for example TRUST_PROXY=10\.0\.0\.0\/8,fd00::\/8$/ })
  }
})
