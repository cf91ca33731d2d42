import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:https'
import { connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { isExempt } from '../../../plugins/upstream/proxy.ts'
import { CHAT_KEY, REAL_KEY, post, startGateway } from '../../helper.ts'
import { start } from '../../process.ts'

const CHAT = '/v1/chat/completions'
const ask = { model: 'm1', messages: [{ role: 'user', content: 'hi' }] }
const completion = JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm1', choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }] })

t.test('NO_PROXY', async (t) => {
  const cases: Array<[url: string, list: string, exempt: boolean]> = [
    ['https://api.example.com', '', false],
    ['https://api.example.com', '*', true],
    ['https://api.example.com', 'other.com, example.com', true],
    ['https://api.example.com', '.example.com', true],
    ['https://api.example.com', '*.EXAMPLE.com', true],
    ['https://badexample.com', 'example.com', false],
    ['https://api.example.com', 'api.example.com:443', true],
    ['https://api.example.com:8443', 'api.example.com:443', false],
    ['https://10.0.0.7', '10.0.0.7', true]
  ]
  for (const [url, list, exempt] of cases) t.equal(isExempt(new URL(url), list), exempt, `${url} and ${list}`)
})

async function listen (t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** A proxy that knows one user, and notes where it was asked to go. */
async function startProxy (t: Test): Promise<{ url: string, asked: string[] }> {
  const asked: string[] = []
  const proxy = createHttpServer()
  proxy.on('connect', (request, socket: Socket) => {
    asked.push(String(request.url))
    socket.on('error', () => {})
    if (request.headers['proxy-authorization'] !== `Basic ${Buffer.from('me:p@ss').toString('base64')}`) return socket.end('HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n')
    const onward = connect(Number(String(request.url).split(':')[1]), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Go\r\n\r\n')
      socket.pipe(onward).pipe(socket)
    })
    onward.on('error', () => socket.destroy())
  })
  return { url: `http://me:p%40ss@127.0.0.1:${await listen(t, proxy)}`, asked }
}

t.test('a provider of a private authority, straight and through a proxy', async (t) => {
  const folder = t.testdir({})
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', key, '-out', cert, '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'], { stdio: 'ignore' })
  const keys: unknown[] = []
  const port = await listen(t, createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (request, response) => {
    keys.push(request.headers.authorization)
    response.setHeader('content-type', 'application/json').end(completion)
  }))
  const provider = `https://localhost:${port}`
  const proxy = await startProxy(t)
  const cases: Array<[name: string, env: Record<string, string>, status: number, asked: number]> = [
    ['NODE_EXTRA_CA_CERTS', { NODE_EXTRA_CA_CERTS: cert }, 200, 0],
    ['HTTPS_PROXY', { NODE_EXTRA_CA_CERTS: cert, HTTPS_PROXY: proxy.url }, 200, 1],
    // Of these none needs the certificate, so that they need no process of their own.
    ['an authority nobody knows', {}, 502, 0],
    ['HTTPS_PROXY, and an authority nobody knows', { HTTPS_PROXY: proxy.url }, 502, 1],
    ['HTTPS_PROXY with a wrong password', { HTTPS_PROXY: proxy.url.replace('p%40ss', 'other') }, 502, 1],
    ['HTTPS_PROXY that is not there', { HTTPS_PROXY: 'http://127.0.0.1:1' }, 502, 0],
    ['NO_PROXY', { HTTPS_PROXY: proxy.url, NO_PROXY: 'localhost' }, 502, 0],
    ['https_proxy before HTTPS_PROXY', { https_proxy: proxy.url, HTTPS_PROXY: 'http://127.0.0.1:1' }, 502, 1],
    ['https_proxy that is empty', { https_proxy: '', HTTPS_PROXY: proxy.url }, 502, 1],
    ['no_proxy before NO_PROXY', { https_proxy: proxy.url, no_proxy: 'localhost', NO_PROXY: 'other' }, 502, 0],
    ['HTTP_PROXY', { HTTP_PROXY: proxy.url, http_proxy: proxy.url }, 502, 0]
  ]
  const gateways = await Promise.all(cases.map(async ([, env, status]) => status === 200
    ? await start(t, provider, env)
    : await startGateway(t, provider, { env: { RETRIES: '0', ...env } })))
  for (const [index, [name, , status, asked]] of cases.entries()) {
    const gateway = gateways[index]!
    proxy.asked.length = keys.length = 0
    const reply = await post(gateway.url + CHAT, ask, { authorization: `Bearer ${CHAT_KEY}` })
    t.equal(reply.status, status, name)
    const text = await reply.text()
    if (status === 200) t.equal(text, completion, name)
    else t.match(JSON.parse(text), { error: { code: 'upstream_unreachable' } }, name)
    t.same(proxy.asked, Array(asked).fill(`localhost:${port}`), name)
    t.same(keys, status === 200 ? [`Bearer ${REAL_KEY}`] : [], `${name}: the key goes to the provider alone`)
    t.notMatch('output' in gateway ? gateway.output() : JSON.stringify(gateway.lines()), /p%40ss|p@ss/, name)
  }
})
