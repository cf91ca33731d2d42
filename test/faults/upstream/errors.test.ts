import t from 'tap'
import { REAL_KEY } from '../../helper.ts'
import { check, type Expected } from './check.ts'
import { FIN, HEAD, JSON_TYPE, SSE, framed, world, type Script } from './world.ts'

t.setTimeout(120_000)

const HTML = '<html><head><title>502 Bad Gateway</title></head><body><center>nginx/1.25.3</center></body></html>'
const base64 = Buffer.from(`x:${REAL_KEY}`).toString('base64')
const bad = (outcome = /^upstream_error$/, more: Partial<Expected> = {}): Expected => ({ end: 'error', status: 502, text: '', code: /^upstream_/, outcome, ...more })

t.test('200 with an error for a body is a 502 that nobody pays (U38)', async (t) => {
  const { all, leaks } = await world(t, { env: { MAX_REQUESTS_PER_HOUR: '1000' } })
  const bodies: Array<[name: string, body: (message: string, own: string) => string]> = [
    ['of its dialect', (_, own) => own],
    ['of OpenAI', (message) => JSON.stringify({ error: { message, type: 'server_error', param: null, code: 'overloaded' } })],
    ['a text', (message) => JSON.stringify({ error: message })],
    ['of Anthropic', (message) => JSON.stringify({ type: 'error', error: { type: 'overloaded_error', message } })],
    ['with object: error', (message) => JSON.stringify({ object: 'error', message, type: 'BadRequestError', param: null, code: 400 })],
    ['a list', (message) => JSON.stringify([{ error: { message, code: 500 } }])],
    ['a code alone', () => JSON.stringify({ error: { code: 'overloaded' } })],
    ['a failed response', (message) => JSON.stringify({ id: 'resp_1', object: 'response', status: 'failed', error: { code: 'server_error', message }, output: [] })],
    ['null', () => 'null'],
    ['an empty object', () => '{}'],
    ['detail', (message) => JSON.stringify({ detail: message })],
    ['a message alone', (message) => JSON.stringify({ message, code: 500 })]
  ]
  for (const [name, body] of bodies) {
    const script: Script = ({ errorBody }) => [framed(body(`overloaded ${REAL_KEY} ${base64}`, errorBody(`overloaded ${REAL_KEY}`)))]
    for (const answer of await all(script)) {
      await check(t, name, answer, bad(/^upstream_error$/, { tokens: { source: /^none$/, output: null } }))
      t.match(answer.row, { cost: null })
    }
  }
  t.same(leaks(), [])
})

t.test('200 that is no reply is a 502 (U39)', async (t) => {
  const { all, leaks } = await world(t)
  const replies: Array<[name: string, raw: Buffer | string]> = [
    ['HTML', framed(HTML, '200 OK', 'content-type: text/html')],
    ['HTML said to be JSON', framed(HTML)],
    ['HTML said to be events', framed(HTML, '200 OK', 'content-type: text/event-stream')],
    ['nothing', framed('')],
    ['nothing, said to be events', framed('', '200 OK', 'content-type: text/event-stream')],
    ['nothing, without a type', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'],
    ['204', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['205', 'HTTP/1.1 205 Reset Content\r\ncontent-length: 0\r\n\r\n'],
    ['304', 'HTTP/1.1 304 Not Modified\r\n\r\n'],
    ['blanks', framed(' \n\n ')],
    ['plain text', framed('upstream connect error or disconnect/reset before headers', '200 OK', 'content-type: text/plain')],
    ['a number', framed('42')],
    ['a text', framed('"hello"')],
    ['a list', framed('[]')],
    ['202', framed('{}', '202 Accepted')]
  ]
  for (const [name, raw] of replies) {
    for (const answer of await all(() => [raw])) await check(t, name, answer, bad(/^(upstream_error|incomplete)$/))
  }
  t.same(leaks(), [])
})

t.test('pages and empty errors keep their class and nothing else (U40, U41)', async (t) => {
  const { all, leaks } = await world(t, { env: { RETRIES: '0' } })
  for (const status of [404, 410, 500, 502, 503, 504, 520, 403]) {
    for (const [name, body, type] of [['a page', HTML, 'text/html'], ['a page said to be JSON', HTML, JSON_TYPE], ['nothing', '', 'text/html'], ['text', 'no healthy upstream', 'text/plain'], ['a list', '[1]', JSON_TYPE], ['null', 'null', JSON_TYPE]] as const) {
      for (const answer of await all(() => [framed(body, `${status} No`, `content-type: ${type}`)])) {
        await check(t, `${status}, ${name}`, answer, { end: 'error', status: status === 403 ? 502 : status, outcome: status < 500 ? /^refused$/ : /^upstream_error$/, tokens: { source: /^none$/ } })
        t.notMatch(answer.body, /nginx|center|healthy/)
      }
    }
  }
  t.same(leaks(), [])
})

t.test('refusals keep their status and message, without the key (U42, U44)', async (t) => {
  const { all, leaks } = await world(t, { env: { RETRIES: '0' } })
  for (const status of [400, 402, 404, 405, 406, 408, 409, 410, 413, 415, 418, 422, 424, 425, 429, 431, 451, 499, 500]) {
    for (const answer of await all(({ errorBody }) => [framed(errorBody(`no: ${REAL_KEY} ${encodeURIComponent(REAL_KEY)} ${base64} is wrong`), `${status} No`)])) {
      await check(t, `${status}`, answer, { end: 'error', status, message: /^no: \[redacted\] .*is wrong$/, outcome: status < 500 ? /^refused$/ : /^upstream_error$/, tokens: { source: /^none$/ } })
    }
  }
  // Servers that only speak the dialect leave fields out, or say it in their own way.
  for (const [name, body] of [['message alone', { error: { message: 'no', extra: 7 } }], ['a text', { error: 'no' }], ['detail', { detail: 'no' }], ['findings', { detail: [{ loc: ['x'], msg: 'no', type: 'y' }] }]] as const) {
    for (const [status, code] of [[400, /^invalid_request$/], [404, /^not_found$/], [429, /^rate_limit_exceeded$/]] as const) {
      for (const answer of await all(() => [framed(JSON.stringify(body), `${status} No`)])) {
        await check(t, `${status}, ${name}`, answer, { end: 'error', status, message: /^no$/, code, outcome: /^refused$/ })
      }
    }
  }
  t.same(leaks(), [])
})

t.test('a refused real key is no fault of the client\'s (U43, U44)', async (t) => {
  const { all, leaks, gateway } = await world(t, { env: { ADMIN_KEY: 'admin-0123456789-abcdef' } })
  for (const status of [401, 403, 407]) {
    const answers = await all(({ errorBody }) => [framed(errorBody(`Incorrect API key provided: ${REAL_KEY}`, 'authentication_error'), `${status} No`)])
    for (const answer of answers) {
      await check(t, `${status}`, answer, { end: 'error', status: 502, message: /gateway's own credential/, code: /^upstream_credential_refused$/, outcome: /^refused$/ })
    }
  }
  for (const answer of await all(({ whole }) => [framed(whole('hello'))])) await check(t, 'the key stays in use', answer, { end: 'whole', text: 'hello', outcome: /^done$/ })
  const told = gateway.lines().filter(({ level, msg }) => level === 50 && msg === 'the provider refused the real key')
  t.equal(told.length, 3 * 18)
  const metrics = await (await fetch(`${gateway.url}/metrics`, { headers: { authorization: 'Bearer admin-0123456789-abcdef' } })).text()
  t.match(metrics, /llm_gateway_errors_total\{[^}]*code="upstream_credential_refused"[^}]*\} 54/)
  t.same(leaks(), [])
})

t.test('how long to wait is said in seconds (U45, U46)', async (t) => {
  const { all, leaks } = await world(t)
  const waits: Array<[header: string, least: number, most: number]> = [
    ['retry-after: 7', 7, 7],
    [`retry-after: ${new Date(Date.now() + 90_000).toUTCString()}`, 30, 91],
    ['retry-after: 7.5', 8, 8],
    ['Retry-After:   12', 12, 12],
    ['retry-after: 12 \t', 12, 12],
    ['retry-after: 99999999999999999999999', 2 ** 31, 2 ** 31]
  ]
  for (const [header, least, most] of waits) {
    for (const status of [429, 503, 529]) {
      for (const answer of await all(({ errorBody }) => [framed(errorBody('slow down'), `${status} No`, header)])) {
        await check(t, `${status}, ${header}`, answer, { end: 'error', status, message: /^slow down$/, outcome: status === 429 ? /^refused$/ : /^upstream_error$/ })
        const after = answer.headers['retry-after']
        t.match(after, /^\d+$/)
        t.ok(Number(after) >= least && Number(after) <= most, `${after}`)
      }
    }
  }
  for (const [status, ...headers] of [[500], [502], [504], [429, 'retry-after: -5'], [503, 'retry-after: 5, 10'], [529, 'retry-after: 7', 'retry-after: 8']] as const) {
    for (const answer of await all(({ errorBody }) => [framed(errorBody('oops'), `${status} No`, 'x-should-retry: false', ...headers)])) {
      await check(t, `${status}`, answer, { end: 'error', status, message: /^oops$/, outcome: status === 429 ? /^refused$/ : /^upstream_error$/ })
      t.equal(answer.headers['retry-after'], undefined)
    }
  }
  t.same(leaks(), [])
})

t.test('an error inside a stream is passed on in the dialect, without the key, as the last word (U36, U37)', async (t) => {
  const { all, leaks } = await world(t)
  const told: Expected = { end: 'event', text: 'one', message: /^no: \[redacted\]$/, outcome: /^upstream_error$/, tokens: { source: /^(estimated|partial|provider)$/ } }
  for (const [name, script] of Object.entries<Script>({
    'and then nothing': ({ begin, say, errorEvent }) => [SSE, begin() + say('one') + errorEvent(`no: ${REAL_KEY}`)],
    'and an end': ({ begin, say, errorEvent }) => [SSE, begin() + say('one') + errorEvent(`no: ${REAL_KEY}`), FIN],
    'and a terminator': ({ begin, say, errorEvent, finish, done }) => [SSE, begin() + say('one'), errorEvent(`no: ${REAL_KEY}`), finish() + done, FIN],
    'and more text': ({ begin, say, errorEvent }) => [HEAD('text/event-stream'), begin() + say('one'), errorEvent(`no: ${REAL_KEY}`) + say('two')]
  })) {
    for (const answer of await all(script, [true])) {
      await check(t, name, answer, told)
      t.ok((await answer.freed() ?? Infinity) < 1000, `${name}: let go`)
    }
  }
  // Not as the dialect has it, or only half of it.
  for (const [name, text] of Object.entries({
    'without a type': `data: {"error":{"message":"no: ${REAL_KEY}","code":"some_code"}}\n\n`,
    named: `event: error\ndata: {"error":{"message":"no: ${REAL_KEY}"}}\n\n`,
    'named, a message alone': `event: error\ndata: {"message":"no: ${REAL_KEY}","code":"some_code"}\n\n`,
    flat: `event: error\ndata: {"type":"error","message":"no: ${REAL_KEY}","code":"some_code","param":null}\n\n`
  })) {
    for (const answer of await all(({ begin, say }) => [SSE, begin() + say('one') + text], [true])) {
      await check(t, name, answer, told)
      t.ok((await answer.freed() ?? Infinity) < 1000, `${name}: let go`)
    }
  }
  for (const answer of await all(({ begin, say }) => [SSE, begin() + say('one') + 'event: error\ndata: Internal Server Error\n\n'], [true])) {
    await check(t, 'no JSON', answer, { ...told, message: /^The provider reported an error\.$/ })
  }
  // Before a first token, and to a client that asked for no stream.
  for (const answer of await all(({ errorEvent }) => [SSE, errorEvent(`no: ${REAL_KEY}`), FIN])) {
    await check(t, 'at once', answer, { end: answer.stream ? 'event' : 'error', status: answer.stream ? 200 : 502, text: '', message: /no: \[redacted\]/, outcome: /^upstream_error$/, tokens: { source: /^none$/ } })
  }
  t.same(leaks(), [])
})
