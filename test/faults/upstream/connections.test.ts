import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer as createPlainServer, type IncomingHttpHeaders, type Server } from 'node:http'
import { createServer as createTcpServer, connect, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t from 'tap'
import { REAL_KEY, startGateway, until, type Teardown } from '../../helper.ts'
import { Authority } from '../../plugins/tls/certificates.ts'
import { check, type Expected } from './check.ts'
import { SPEECHES, chat, messages, type Speech } from './speech.ts'
import { FIN, HEAD, JSON_TYPE, RST, framed, rowsOf, world, keyOf, type Script } from './world.ts'

t.setTimeout(120_000)

const listening = async (t: Teardown, server: Server | ReturnType<typeof createTcpServer>): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => { server.close() })
  return (server.address() as AddressInfo).port
}

/** One request of each client, streamed and whole, to a provider that is nowhere. */
async function askAt (t: Parameters<typeof startGateway>[0] & Parameters<typeof check>[0], url: string, expected: { status: number, code: string, outcome: string, reason?: RegExp, least?: number, most: number, attempts: number }, env: Record<string, string> = {}): Promise<void> {
  const gateway = await startGateway(t, 'http://127.0.0.1:1', {
    env: { PROVIDERS: 'openai,anthropic,simulator', SIMULATOR_BASE_URL: url, MAX_REQUESTS_PER_HOUR: '2', ...env },
    keys: Object.fromEntries(SPEECHES.map((speech) => [keyOf(speech), { provider: 'simulator', api_key: REAL_KEY, upstream_dialects: [speech.id] }]))
  })
  await Promise.all(SPEECHES.flatMap((client) => [false, true].map(async (stream) => {
    const id = `${client.id}-${stream}`
    const begun = performance.now()
    const reply = await fetch(gateway.url + client.path, { method: 'POST', headers: { 'content-type': JSON_TYPE, authorization: `Bearer ${keyOf(client)}`, 'x-request-id': id }, body: JSON.stringify(client.ask('m', stream)) })
    const text = await reply.text()
    const took = performance.now() - begun
    t.equal(reply.status, expected.status, `${url} ${text}`)
    t.match(reply.headers.get('content-type'), /^application\/json/)
    t.ok(client.read(text).error?.message)
    t.ok(took >= (expected.least ?? 0) && took < expected.most, `${took} ms`)
    t.notMatch(text + JSON.stringify([...reply.headers]), /127\.0\.0\.1|localhost|invalid\b.*host|ECONN|ENOTFOUND|EAI_|SELF_SIGNED|CERT|SSL|EPROTO|UND_ERR|sk-real/)
    await until(() => rowsOf(gateway, id).some(({ outcome }) => outcome !== null))
    t.match(rowsOf(gateway, id), [{ status: expected.status, outcome: expected.outcome, error: expected.code, attempts: expected.attempts, requests: 0, usage_source: 'none', cost: null }])
    // Clients are not told of what the operator has to know.
    await until(() => gateway.lines().some((line) => line['id'] === id))
    t.match(gateway.lines().find((line) => line['id'] === id), { error: expected.code, ...expected.reason !== undefined && { reason: expected.reason } })
  })))
  if (expected.reason !== undefined) {
    await (await fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${keyOf(chat)}`, 'x-request-id': 'models' } })).text()
    await until(() => gateway.lines().some((line) => line['id'] === 'models'))
    t.match(gateway.lines().find((line) => line['id'] === 'models'), { error: expected.code, reason: expected.reason })
  }
  t.notMatch(JSON.stringify(gateway.lines()), REAL_KEY)
}

t.test('a provider that cannot be reached is a 502 without its address, and costs nothing (U1, U2)', async (t) => {
  const server = createTcpServer()
  const port = await listening(t, server)
  await new Promise((resolve) => server.close(resolve))
  const unreachable = { status: 502, code: 'upstream_unreachable', outcome: 'upstream_unreachable', most: 5000 }
  await askAt(t, `http://127.0.0.1:${port}`, { ...unreachable, reason: /^ECONNREFUSED$/, attempts: 3 })
  await askAt(t, `http://127.0.0.1:${port}`, { ...unreachable, most: 1000, attempts: 1 }, { RETRIES: '0' })
  await askAt(t, 'http://no-such-host.invalid', { ...unreachable, reason: /^(ENOTFOUND|EAI_AGAIN)$/, attempts: 1 }, { RETRIES: '0' })
})

t.test('TLS that does not come about never sees the key (U3, U4)', async (t) => {
  const unreachable = { status: 502, code: 'upstream_unreachable', outcome: 'upstream_unreachable', most: 5000, attempts: 1 }
  let heard = ''
  const listen = (socket: Socket): void => { socket.on('data', (data) => { heard += data.toString('latin1') }).on('error', () => {}) }
  const plain = createPlainServer((_request, response) => { response.end('plain') })
  plain.on('connection', listen)
  const port = await listening(t, plain)
  await askAt(t, `https://127.0.0.1:${port}`, unreachable)
  const banner = createTcpServer((socket) => { listen(socket); socket.end('SSH-2.0-OpenSSH_9.2\r\n') })
  await askAt(t, `https://127.0.0.1:${await listening(t, banner)}`, unreachable)
  // Whose certificate nobody vouches for, whose name is another, and who is out of date.
  const authority = new Authority(t)
  const { cert, key } = authority.root('self')
  const secure = createTlsServer({ cert, key }, listen)
  secure.on('tlsClientError', () => {})
  await askAt(t, `https://127.0.0.1:${await listening(t, secure)}`, { ...unreachable, reason: /^DEPTH_ZERO_SELF_SIGNED_CERT$/ })
  t.notMatch(heard, /sk-real|authorization|POST/i)
})

t.test('a connection that is never made is a 504 in time (U5)', async (t) => {
  const timeout = { status: 504, code: 'upstream_timeout', outcome: 'timeout', least: 395, most: 6000, attempts: 1 }
  // It takes the connection, and never answers the TLS hello.
  const mute = createTcpServer((socket) => { socket.on('error', () => {}) })
  await askAt(t, `https://127.0.0.1:${await listening(t, mute)}`, timeout, { CONNECT_TIMEOUT: '400ms' })
  // Its queue of connections is full, so that the kernel answers nothing: the process stands still.
  const child = spawn(process.execPath, ['-e', "const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))"], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  const [line] = await once(child.stdout, 'data') as [Buffer]
  child.kill('SIGSTOP')
  const fillers = Array.from({ length: 6 }, () => connect(Number(line), '127.0.0.1').on('error', () => {}))
  t.teardown(() => { for (const socket of fillers) socket.destroy() })
  await until(() => fillers.filter(({ connecting }) => !connecting).length >= 2)
  await new Promise((resolve) => setTimeout(resolve, 50))
  if (fillers.every(({ connecting }) => !connecting)) return t.comment('this kernel queues more than it was asked to')
  await askAt(t, `http://127.0.0.1:${Number(line)}`, timeout, { CONNECT_TIMEOUT: '400ms' })
})

t.test('an idle connection that was closed costs nobody a request (U61, U62)', async (t) => {
  const { call } = await world(t)
  const well: Expected = { end: 'whole', text: 'hello', outcome: /^done$/ }
  for (const provider of SPEECHES) {
    for (const stream of [false, true]) {
      for (let round = 0; round < 5; round++) {
        const script: Script = ({ whole }) => [framed(whole('hello')), 5, FIN]
        await check(t, 'closed while idle', await call(script, { client: chat, provider, stream }), well)
        await new Promise((resolve) => setTimeout(resolve, 15))
      }
    }
  }
  // Each connection answers once, and dies as it is used again: the replay is on a new one, once.
  const used = new WeakSet<Socket>()
  for (const end of [RST, FIN] as const) {
    for (let round = 0; round < 5; round++) {
      for (const provider of SPEECHES) {
        const script: Script = ({ whole }, _attempt, socket) => {
          if (used.has(socket)) return [end]
          used.add(socket)
          return [framed(whole('hello'))]
        }
        const answer = await call(script, { client: messages, provider })
        t.ok(answer.attempts <= 2, `${answer.attempts}`)
        await check(t, 'reset as it is reused', answer, { ...well, attempts: answer.attempts })
      }
    }
  }
})

t.test('a second, unasked reply is nobody\'s (U20, U21)', async (t) => {
  const { call, all } = await world(t)
  const well = (text: string): Expected => ({ end: 'whole', text, outcome: /^done$/ })
  const poison: Array<[name: string, more: (speech: Speech) => Array<Buffer | string | number>]> = [
    ['at once', ({ whole }) => [framed(whole('stolen'))]],
    ['a moment later', ({ whole }) => [30, framed(whole('stolen'))]],
    ['a stream', ({ begin, say }) => [20, HEAD('text/event-stream'), begin() + say('stolen')]],
    ['stray bytes', () => ['}\n\n']],
    ['stray bytes later', () => [30, 'garbage']]
  ]
  for (const [name, more] of poison) {
    for (const provider of SPEECHES) {
      const first = await call((speech) => [Buffer.concat([framed(speech.whole('mine')), ...more(speech).filter((part): part is Buffer => Buffer.isBuffer(part) && name === 'at once')]), ...name === 'at once' ? [] : more(speech)], { client: chat, provider })
      if (first.status === 200) await check(t, name, first, well('mine'))
      else t.equal(first.status, 502)
      t.notMatch(first.body, /stolen/)
      // What comes while the next request is under way cannot be told from its reply.
      for (const wait of name === 'at once' ? [0, 50] : [120, 50]) {
        await new Promise((resolve) => setTimeout(resolve, wait))
        const second = await call(({ whole }) => [10, framed(whole('yours'))], { client: chat, provider })
        t.notMatch(second.body, /stolen|mine/, `${name}: ${provider.id}`)
        t.ok(second.status === 502 || second.heard.text === 'yours', `${name}: ${provider.id}: ${second.status} ${second.body}`)
      }
    }
  }
  for (const answer of await all(({ whole }) => [HEAD(JSON_TYPE, `content-length: ${Buffer.byteLength(whole('mine'))}`), `${whole('mine')}HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen`])) t.notMatch(answer.body, /stolen/)
})

t.test('a redirect is not followed, whatever its status, and its target is not contacted (U49)', async (t) => {
  const seen: IncomingHttpHeaders[] = []
  const canary = createPlainServer((request, response) => { seen.push(request.headers); response.end('{}') })
  const port = await listening(t, canary)
  const { all, leaks } = await world(t)
  for (const status of [300, 301, 302, 303, 305, 307, 308]) {
    for (const answer of await all(() => [framed('{}', `${status} Elsewhere`, `location: http://127.0.0.1:${port}/v1/chat/completions`, `refresh: 0; url=http://127.0.0.1:${port}/`)])) {
      await check(t, `${status}`, answer, { end: 'error', status: 502, text: '', code: /^upstream_bad_reply$/, outcome: /^upstream_error$/ })
      t.equal(answer.headers['location'], undefined)
      t.equal(answer.headers['refresh'], undefined)
    }
  }
  t.same(seen, [])
  t.same(leaks(), [])
})

t.test('a provider that answers before the upload is done (U63)', async (t) => {
  // It reads the head only, answers, and closes.
  const answers: Array<[name: string, raw: (speech: Speech) => string | Buffer, status: RegExp]> = [
    ['413', ({ errorBody }) => framed(errorBody('too large'), '413 Too Large'), /^(413|502)$/],
    ['400', ({ errorBody }) => framed(errorBody('no'), '400 No', 'connection: close'), /^(400|502)$/],
    ['200', ({ whole }) => framed(whole('early'), '200 OK', 'connection: close'), /^(200|502)$/]
  ]
  for (const reads of ['no more', 'on', 'no more, and stays'] as const) {
    for (const [name, raw, status] of answers) {
      let taken = 0
      let closed = 0
      const server = createTcpServer((socket) => {
        socket.on('error', () => {}).on('close', () => closed++)
        socket.once('data', (data) => {
          const path = /^POST (\S+)/.exec(data.toString('latin1'))?.[1]
          const speech = SPEECHES.find((speech) => speech.path === path) ?? chat
          if (reads !== 'on') socket.pause()
          else socket.on('data', (data) => { taken += data.length })
          socket.write(raw(speech), () => setTimeout(() => reads === 'no more' ? socket.end() : reads === 'on' && socket.destroy(), 50))
        })
      })
      const port = await listening(t, server)
      const gateway = await startGateway(t, `http://127.0.0.1:${port}`, {
        env: { PROVIDERS: 'openai,anthropic,simulator', SIMULATOR_BASE_URL: `http://127.0.0.1:${port}`, REQUEST_TIMEOUT: '20s', LOG_LEVEL: 'info', LOG_BODIES: 'off' },
        keys: Object.fromEntries(SPEECHES.map((speech) => [keyOf(speech), { provider: 'simulator', api_key: REAL_KEY, upstream_dialects: [speech.id] }]))
      })
      for (const speech of SPEECHES) {
        const begun = performance.now()
        const large = 'x'.repeat(16 * 1024 * 1024)
        const reply = await fetch(gateway.url + speech.path, { method: 'POST', headers: { 'content-type': JSON_TYPE, authorization: `Bearer ${keyOf(speech)}`, 'x-request-id': speech.id }, body: JSON.stringify({ ...speech.ask('m', false), metadata: { large } }) })
        const text = await reply.text()
        t.match(String(reply.status), status, `${name}, reads ${reads}: ${speech.id}: ${text.slice(0, 200)}`)
        t.ok(performance.now() - begun < 19_000, 'not by the timeout')
        await until(() => rowsOf(gateway, speech.id).some(({ outcome }) => outcome !== null))
        t.match(rowsOf(gateway, speech.id), [{ status: reply.status, attempts: 1 }])
      }
      if (reads === 'on') t.ok(taken < 3 * 16 * 1024 * 1024, `the upload was stopped at ${taken} bytes`)
    }
  }
})
