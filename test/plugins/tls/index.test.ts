import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { get, request, type RequestOptions } from 'node:https'
import { connect as connectPlain } from 'node:net'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { CHAT_KEY, startProvider, until, type Teardown } from '../../helper.ts'
import { run, keysOf, start, type Running } from '../../process.ts'
import { Authority, type Made } from './certificates.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const CLI = fileURLToPath(new URL('../../../cli.ts', import.meta.url))
const first = 'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"a"},"finish_reason":null}]}\n\n'
const last = 'data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

/** A handshake with the gateway. */
async function shake ({ url }: Running, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const { port, hostname } = new URL(url)
  const socket = connect({ port: Number(port), host: hostname, servername: 'localhost', ...options })
  await once(socket, 'secureConnect')
  return socket
}

/** Who the gateway says it is to a new connection. */
async function subject (running: Running, options: ConnectionOptions): Promise<string> {
  const socket = await shake(running, options)
  const { subject } = socket.getPeerCertificate()
  socket.destroy()
  return String(subject.CN)
}

async function health ({ url }: Running, options: RequestOptions): Promise<number | string> {
  return await new Promise((resolve) => {
    get(`${url}/health`, { agent: false, ...options }, (reply) => resolve(reply.resume().statusCode ?? 0)).on('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''))
  })
}

async function healthCommand (env: Record<string, string>): Promise<number> {
  return await new Promise((resolve) => {
    execFile(process.execPath, [CLI, 'health'], { env }, (error) => resolve(error === null ? 0 : Number(error.code)))
  })
}

function tls ({ certFile, keyFile }: Made): Record<string, string> {
  return { TLS_CERT_FILE: certFile, TLS_KEY_FILE: keyFile }
}

async function refused (t: Teardown, env: Record<string, string>): Promise<string> {
  const running = run(t, env, keysOf(CHAT_KEY))
  return await running.ended === 1 ? running.output().trim() : 'started'
}

t.test('HTTPS: a certificate is replaced under a stream; a bad pair, or half of one, changes nothing', async (t) => {
  let finish = (): void => {}
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
    finish = () => response.end(last)
  })
  const authority = new Authority(t)
  const [own, next] = [authority.root('own'), authority.root('next')]
  const gateway = await start(t, provider.url, tls(own))
  t.match(gateway.url, /^https:/)
  t.equal(await health(gateway, { ca: own.cert }), 200)

  const stream = request(`${gateway.url}/v1/chat/completions`, { method: 'POST', ca: own.cert, agent: false, headers: { authorization: `Bearer ${CHAT_KEY}`, 'content-type': 'application/json' } })
  stream.end(JSON.stringify({ model: 'm', stream: true, messages: [] }))
  const [reply] = await once(stream, 'response')
  let text = ''
  reply.on('data', (bytes: Buffer) => { text += bytes })
  await until(() => text === first)

  // The certificate first, and its key only later: that is a pair which does not fit.
  authority.replace(own.certFile, next.cert)
  await until(() => gateway.output().includes('TLS not reloaded'))
  t.match(gateway.output(), /the old certificate stays in force: TLS_KEY_FILE: [^"]+ it is not the key of the certificate/)
  t.equal(await subject(gateway, { ca: own.cert }), 'own')
  authority.replace(own.keyFile, next.key)
  await until(() => /CN=next/.test(gateway.output()))
  t.equal(await subject(gateway, { ca: next.cert }), 'next')

  authority.replace(own.certFile, 'garbage')
  await until(() => gateway.output().split('TLS not reloaded').length === 3)
  t.equal(await subject(gateway, { ca: next.cert }), 'next')
  authority.replace(own.certFile, next.cert)
  await until(() => gateway.output().includes('again those in force'))

  finish()
  await once(reply, 'end')
  t.equal(text, first + last, 'the stream never noticed')
  t.equal(await healthCommand({ GATEWAY_PORT: new URL(gateway.url).port, TLS_CERT_FILE: own.certFile }), 0)
  t.equal(await healthCommand({ GATEWAY_PORT: '1', TLS_CERT_FILE: own.certFile }), 1)
})

t.test('TLS 1.2 and 1.3 are spoken, HTTP/1.1 is, and nothing older, newer or plain', async (t) => {
  const own = new Authority(t).root('own')
  const gateway = await start(t, 'http://127.0.0.1:1', tls(own))
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const socket = await shake(gateway, { ca: own.cert, minVersion: version, maxVersion: version, ALPNProtocols: ['h2', 'http/1.1'] })
    t.equal(socket.getProtocol(), version)
    t.equal(socket.alpnProtocol, 'http/1.1')
    socket.destroy()
  }
  await t.rejects(shake(gateway, { ca: own.cert, minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' }))
  const plain = connectPlain(Number(new URL(gateway.url).port), '127.0.0.1')
  plain.on('error', () => {})
  plain.end('GET /health HTTP/1.1\r\nhost: a\r\n\r\n')
  plain.resume()
  await once(plain, 'close')
  t.equal(await health(gateway, { ca: own.cert }), 200)
  // Inside of TLS, what the parser refuses is answered as ever.
  const socket = await shake(gateway, { ca: own.cert })
  socket.write('GET /health HTTP/1.1\r\nhost : a\r\n\r\n')
  t.match(String((await once(socket, 'data'))[0]), /^HTTP\/1\.1 400 /)
  socket.destroy()
})

t.test('TLS: connections that say nothing, before or behind the handshake, hold up no end, and streams are none of them', async (t) => {
  let finish = (): void => {}
  const provider = await startProvider(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
    finish = () => response.end(last)
  })
  const own = new Authority(t).root('own')
  const gateway = await start(t, provider.url, tls(own))
  const plain = connectPlain(Number(new URL(gateway.url).port), '127.0.0.1')
  plain.on('error', () => {})
  const silent = await shake(gateway, { ca: own.cert })
  silent.on('error', () => {})
  const gone = Promise.all([once(plain, 'close'), once(silent, 'close')])
  const stream = request(`${gateway.url}/v1/chat/completions`, { method: 'POST', ca: own.cert, agent: false, headers: { authorization: `Bearer ${CHAT_KEY}`, 'content-type': 'application/json' } })
  stream.end(JSON.stringify({ model: 'm', stream: true, messages: [] }))
  const [reply] = await once(stream, 'response')
  let text = ''
  reply.on('data', (bytes: Buffer) => { text += bytes })
  await until(() => text === first)
  gateway.child.kill('SIGTERM')
  await gone
  finish()
  await once(reply, 'end')
  t.equal(text, first + last)
  t.equal(await gateway.ended, 0)
})

t.test('client certificates: only with one that the authority signed', async (t) => {
  const authority = new Authority(t)
  const [own, ca, stranger] = [authority.root('own'), authority.root('ca'), authority.root('stranger')]
  const client = authority.signed('client', 'ca')
  const env = { ...tls(own), TLS_CLIENT_CA_FILE: ca.certFile }
  const gateway = await start(t, 'http://127.0.0.1:1', env)
  t.equal(await health(gateway, { ca: own.cert, cert: client.cert, key: client.key }), 200)
  t.match(await health(gateway, { ca: own.cert }), /CERTIFICATE_REQUIRED|ECONNRESET/)
  t.match(await health(gateway, { ca: own.cert, cert: stranger.cert, key: stranger.key }), /ALERT|ECONNRESET/)
  t.equal(await healthCommand({ GATEWAY_PORT: new URL(gateway.url).port, ...env }), 0, 'it asked for a certificate: it lives')
})

t.test('a start without a good pair ends in one line', async (t) => {
  const authority = new Authority(t)
  const [own, other] = [authority.root('own'), authority.root('other')]
  const said = await Promise.all([
    refused(t, { TLS_CERT_FILE: own.certFile }),
    refused(t, { ...tls(own), TLS_KEY_FILE: other.keyFile }),
    refused(t, { ...tls(own), TLS_CERT_FILE: '/nowhere/tls.crt' })
  ])
  t.match(said[0], /^llm-gateway: TLS_KEY_FILE is not set, and TLS_CERT_FILE is: [^\n]+$/)
  t.match(said[1], /^llm-gateway: TLS_KEY_FILE: [^\n]+: it is not the key of the certificate in TLS_CERT_FILE$/)
  t.match(said[2], /^llm-gateway: TLS_CERT_FILE: \/nowhere\/tls\.crt: it does not exist[^\n]+$/)
})
