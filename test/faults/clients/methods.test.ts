/** Paths that are no routes, and methods that are no POST. */
import t from 'tap'
import { startGateway } from '../../helper.ts'
import { chat, dialects, isError, messagesApi, startSpeaker, type Spoken } from './dialects.ts'
import { ask, ends, goesOn, request } from './wire.ts'

t.setTimeout(120_000)

const provider = await startSpeaker(t)
const gateway = await startGateway(t, provider.url)

const asked = (method: string, dialect: Spoken, path = dialect.path, key: string | null = dialect.key): string =>
  request(path, method === 'GET' || method === 'HEAD' ? '' : JSON.stringify(dialect.ask()), ['X-Said: said-4711'], { key }).toString().replace('POST', method)

t.test('an unknown route (C55)', async (t) => {
  for (const dialect of dialects) {
    for (const key of [dialect.key, 'nobody', null]) {
      for (const [path, shape] of [
        [`${dialect.path}/no/such`, dialect], [`${dialect.path}s`, chat], ['/v2/chat/completions', chat], ['/v1', chat], ['/v1/%2e%2e/keys.json', chat], ['//v1/messages', chat], ['/V1/nothing', chat]
      ] as const) {
        for (const method of ['POST', 'GET']) {
          const { wire, answer } = await ask(gateway.url, asked(method, dialect, path, key))
          t.equal(answer.status, 404, `${method} ${path}`)
          isError(t, shape, answer, `${method} ${path}`)
          t.equal(await goesOn(wire), 200)
        }
      }
    }
  }
  for (const dialect of dialects) {
    const { wire, answer } = await ask(gateway.url, asked('POST', dialect, `${dialect.path}/%zz`))
    t.equal(answer.status, 404)
    isError(t, dialect, answer, 'a path that cannot be read')
    t.equal(await goesOn(wire), 200)
    t.match(gateway.lines().findLast(({ error }) => error === 'not_found'), { msg: 'request', id: answer.headers['x-request-id'], outcome: 'refused', status: 404 })
  }
  // Where the path says nothing, the client's own headers do.
  const { wire, answer } = await ask(gateway.url, request('/nowhere', '', ['anthropic-version: 2023-06-01']))
  t.equal(answer.status, 404)
  isError(t, messagesApi, answer, '/nowhere')
  wire.leave()
  t.equal(provider.requests.length, 0)
})

t.test('a method that the route does not take (C56)', async (t) => {
  for (const dialect of dialects) {
    for (const path of [dialect.path, dialect.path.replace('/v1', ''), `${dialect.path}?beta=true`]) {
      for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'PROPFIND']) {
        for (const key of [dialect.key, 'nobody']) {
          const { wire, answer } = await ask(gateway.url, asked(method, dialect, path, key))
          t.equal(answer.status, 405, `${method} ${path}`)
          isError(t, dialect, answer, `${method} ${path}`)
          t.match(answer.headers['allow'], /\bPOST\b/)
          t.equal(await goesOn(wire), 200)
        }
      }
    }
  }
  t.equal(provider.requests.length, 0)
})

t.test('HEAD, OPTIONS, TRACE, CONNECT (C57)', async (t) => {
  for (const dialect of dialects) {
    const head = await ask(gateway.url, asked('HEAD', dialect), { head: true })
    t.equal(head.answer.status, 405)
    t.match(head.answer.headers['allow'], /\bPOST\b/)
    t.equal(await goesOn(head.wire), 200, 'no body stands before the next answer')

    for (const lines of ['', 'Origin: http://example.org\r\nAccess-Control-Request-Method: POST\r\n']) {
      const options = await ask(gateway.url, `OPTIONS ${dialect.path} HTTP/1.1\r\nHost: gateway\r\n${lines}\r\n`)
      t.equal(options.answer.status, 405)
      isError(t, dialect, options.answer, 'OPTIONS')
      t.notMatch(JSON.stringify(options.answer.headers), /access-control/i, 'no page may ask')
      t.equal(await goesOn(options.wire), 200)
    }

    const trace = await ask(gateway.url, asked('TRACE', dialect))
    t.equal(trace.answer.status, 405)
    isError(t, dialect, trace.answer, 'TRACE')
    t.notMatch(JSON.stringify(trace.answer), /said-4711/, 'no echo')
    t.notMatch(JSON.stringify(trace.answer), dialect.key)
    t.equal(await goesOn(trace.wire), 200)

    for (const target of ['127.0.0.1:9', 'example.org:443', dialect.path]) {
      const connect = await ask(gateway.url, `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\nAuthorization: Bearer ${dialect.key}\r\n\r\nGET / HTTP/1.1\r\n\r\n`)
      t.equal(connect.answer.status, 400)
      isError(t, chat, connect.answer, 'CONNECT')
      t.equal(await ends(connect.wire), '', 'and nothing behind it')
    }
  }
  for (const [bytes, status] of [['HEAD /health HTTP/1.1\r\nHost: a\r\n\r\n', 200], ['HEAD / HTTP/1.1\r\nHost: a\r\n\r\n', 200], ['HEAD /nothing HTTP/1.1\r\nHost: a\r\n\r\n', 404]] as const) {
    const { wire, answer } = await ask(gateway.url, bytes, { head: true })
    t.equal(answer.status, status)
    t.equal(await goesOn(wire), 200)
  }
  const all = await ask(gateway.url, 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n')
  t.ok(all.answer.status < 500)
  t.equal(await goesOn(all.wire), 200)
  for (const method of ['BREW', 'post', 'GETS']) {
    const { wire, answer } = await ask(gateway.url, asked(method, chat))
    t.equal(answer.status, 400, method)
    isError(t, chat, answer, method)
    t.equal(await ends(wire), '')
  }
  t.equal(provider.requests.length, 0)
})
