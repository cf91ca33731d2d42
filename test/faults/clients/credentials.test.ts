/** Keys that are missing, wrong, doubled or misplaced. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, startGateway } from '../../helper.ts'
import { dialects, isError, startSpeaker } from './dialects.ts'
import { ask, goesOn, request } from './wire.ts'

t.setTimeout(120_000)

const ISSUED = 'vk_0123456789ABCDEFGHIJKLMNOPQRSTUVW'
const provider = await startSpeaker(t)
const gateway = await startGateway(t, provider.url, { keys: { [ISSUED]: { provider: 'openai', api_key: REAL_KEY } } })

const bearer = (key: string): string => `Authorization: Bearer ${key}`
const basic = (text: string): string => `Authorization: Basic ${Buffer.from(text).toString('base64')}`

/** Of each row: the lines that name a key, of which none is good. */
const bad: Array<[name: string, credentials: string[][]]> = [
  ['no key at all (C58)', [[], ['Authorization:'], ['Authorization: '], ['Authorization: Bearer'], ['Authorization: Bearer '], ['Authorization: Bearer  \t '], ['Authorization: bearer'], ['X-Api-Key:'], ['X-Api-Key:  '], ['Api-Key: '], ['X-Goog-Api-Key:']]],
  ['Basic, unknown, nearly right (C59)', [
    [basic(`${CHAT_KEY}:`)], [basic(`user:${CHAT_KEY}`)], [`Authorization: Basic ${CHAT_KEY}`], [`Authorization: ${CHAT_KEY}`], [`Authorization: Token ${CHAT_KEY}`], [`Authorization: Bearer: ${CHAT_KEY}`],
    [bearer('vk_unknown_0123456789')], [bearer(CHAT_KEY.slice(0, -1))], [bearer(CHAT_KEY.slice(1))], [bearer(`${CHAT_KEY}x`)], [bearer(`${CHAT_KEY} x`)], [bearer(CHAT_KEY.toUpperCase())], [bearer('vk_')],
    [`X-Api-Key: ${CHAT_KEY}0`], [`X-Api-Key: Bearer ${CHAT_KEY}`], [`X-Api-Key: ${CHAT_KEY.toUpperCase()}`], [bearer(encodeURIComponent(`"${CHAT_KEY}"`))], [bearer(`"${CHAT_KEY}"`)]
  ]],
  ['what every object has (C60)', ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'isPrototypeOf', 'undefined', 'null', '[object Object]', 'length', 'size'].flatMap((key) => [[bearer(key)], [`X-Api-Key: ${key}`]])],
  ['quotes, SQL, latin-1 (C61)', ['\' OR 1=1 --', '"><script>', 'cl\xe9', '\xff\xfe', '%00', '../../keys.json', 'a;b=c', '{"$ne":1}'].flatMap((key) => [[bearer(key)], [`X-Api-Key: ${key}`]])],
  ['the real key (C62)', [[bearer(REAL_KEY)], [`X-Api-Key: ${REAL_KEY}`], [`Api-Key: ${REAL_KEY}`], [basic(`:${REAL_KEY}`)], [`Authorization: ${REAL_KEY}`]]],
  ['two lines, or a list (C63)', [
    [bearer(CHAT_KEY), bearer(CHAT_KEY)], [bearer(CHAT_KEY), bearer('other')], [bearer('other'), bearer(CHAT_KEY)], [bearer(CHAT_KEY), 'Authorization: '],
    [`Authorization: Bearer ${CHAT_KEY}, Bearer other`], [`Authorization: Bearer ${CHAT_KEY},${CHAT_KEY}`], [`Authorization: Bearer ${CHAT_KEY},`], [`X-Api-Key: ${CHAT_KEY}`, `X-Api-Key: ${CHAT_KEY}`], [`X-Api-Key: ${CHAT_KEY}, ${CHAT_KEY}`]
  ]],
  ['a key of 7 KB (C65)', [[bearer('k'.repeat(7168))], [`X-Api-Key: ${'k'.repeat(7168)}`], [bearer(CHAT_KEY + 'k'.repeat(7168))]]],
  ['a good key and a bad one (C67)', [
    [bearer(CHAT_KEY), 'X-Api-Key: other'], ['X-Api-Key: other', bearer(CHAT_KEY)], [bearer('other'), `X-Api-Key: ${CHAT_KEY}`], [bearer(CHAT_KEY), 'Api-Key: other'], [bearer(CHAT_KEY), 'X-Api-Key: '],
    [bearer(CHAT_KEY), `X-Api-Key: ${MESSAGES_KEY}`], [basic('user:password'), `X-Api-Key: ${CHAT_KEY}`], [bearer(CHAT_KEY), `X-Goog-Api-Key: ${REAL_KEY}`]
  ]]
]

/** Of each dialect, the answer that all of these get, to the byte. */
const answers = new Map<string, Set<string>>(dialects.map(({ name }) => [name, new Set()]))

for (const [name, credentials] of bad) {
  t.test(name, async (t) => {
    for (const dialect of dialects) {
      for (const lines of credentials) {
        const said = JSON.stringify(lines).slice(0, 80)
        const { wire, answer } = await ask(gateway.url, request(dialect.path, JSON.stringify(dialect.ask()), lines, { key: null }))
        t.equal(answer.status, 401, said)
        isError(t, dialect, answer, said)
        t.equal(answer.headers['www-authenticate'], 'Bearer', said)
        const { date: _, 'x-request-id': id, 'request-id': again, ...headers } = answer.headers
        if (again !== undefined) t.equal(again, id)
        answers.get(dialect.name)!.add(JSON.stringify([headers, answer.body]))
        t.equal(await goesOn(wire), 200)
      }
    }
  })
}

t.test('all of them have one answer, nothing goes upstream, and no log has a key (C58, C59, C60, C61, C62, C63, C65, C67)', async (t) => {
  for (const [name, bodies] of answers) t.equal(bodies.size, 1, name)
  t.equal(provider.requests.length, 0)
  const lines = gateway.lines()
  t.ok(lines.filter(({ error }) => error === 'invalid_api_key').length > 200)
  for (const line of lines) t.ok(JSON.stringify(line).length < 2048, 'bounded')
  const text = JSON.stringify(lines)
  for (const secret of [REAL_KEY, CHAT_KEY, MESSAGES_KEY, 'OR 1=1', Buffer.from(`:${REAL_KEY}`).toString('base64')]) t.notOk(text.includes(secret), secret)
})

t.test('after 401, and after 400, the connection goes on (C42)', async (t) => {
  for (const dialect of dialects) {
    const good = request(dialect.path, JSON.stringify(dialect.ask()), [], dialect)
    const { wire } = await ask(gateway.url, request(dialect.path, JSON.stringify(dialect.ask()), [], { key: 'nobody' }))
    for (const [bytes, status] of [[good, 200], [request(dialect.path, '{', [], dialect), 400], [good, 200], [request(dialect.path, '', [], { key: 'nobody' }), 401], [good, 200]] as const) {
      t.equal((await wire.say(bytes).answer()).status, status)
    }
    t.equal(await goesOn(wire), 200)
  }
})

t.test('a key in the URL is none, and is not logged (C64)', async (t) => {
  for (const dialect of dialects) {
    for (const path of [`${dialect.path}?key=${CHAT_KEY}&api_key=${REAL_KEY}`, `${dialect.path}?access_token=${encodeURIComponent(`"${CHAT_KEY}"`)}`, `${dialect.path}#${CHAT_KEY}`]) {
      const { wire, answer } = await ask(gateway.url, request(path, JSON.stringify(dialect.ask()), [], { key: null }))
      t.ok(answer.status === 401 || answer.status === 404, path)
      t.notMatch(answer.body, CHAT_KEY)
      wire.leave()
      const good = await ask(gateway.url, request(path, JSON.stringify(dialect.ask()), [], dialect))
      good.wire.leave()
    }
    const { wire, answer } = await ask(gateway.url, request(`/${CHAT_KEY}${dialect.path}/${ISSUED}`, '{}', [], { key: null }))
    t.equal(answer.status, 404)
    wire.leave()
  }
  await gateway.app.close()
  const files = readdirSync(join(gateway.folder, 'logs')).map((name) => readFileSync(join(gateway.folder, 'logs', name), 'utf8'))
  for (const text of [JSON.stringify(gateway.lines()), ...files]) {
    for (const key of [CHAT_KEY, REAL_KEY, ISSUED]) t.notOk(text.includes(key))
  }
})

t.test('keys that are good, however they are given (C66, C68)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url)
  for (const dialect of dialects) {
    const { key } = dialect
    for (const lines of [
      [`Authorization: bearer ${key}`], [`authorization: BEARER ${key}`], [`AUTHORIZATION: bEaReR   ${key}`], [`X-Api-Key: ${key}`], [`x-api-key:${key}`], [`Api-Key: ${key}`], [`X-Goog-Api-Key: ${key}`],
      [bearer(key), `X-Api-Key: ${key}`], [`X-Api-Key: ${key}`, bearer(key)], [bearer(key), `X-Api-Key: ${key}`, `Api-Key: ${key}`, `X-Goog-Api-Key: ${key}`]
    ]) {
      const { wire, answer } = await ask(gateway.url, request(dialect.path, JSON.stringify(dialect.ask()), lines, { key: null }))
      t.equal(answer.status, 200, String(lines))
      const { headers } = provider.requests.at(-1)!
      t.notMatch(JSON.stringify(headers), key, 'it stays here')
      t.same([headers.authorization, headers['x-api-key']], dialect.name === 'Messages' ? [undefined, REAL_KEY] : [`Bearer ${REAL_KEY}`, undefined], 'one credential goes on')
      t.equal(await goesOn(wire), 200)
    }
  }
})

t.test('a key of a provider of another dialect: it is translated, or told (C69)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await startGateway(t, provider.url)
  const text: Record<string, RegExp> = { 'Chat Completions': /"object":"chat.completion(\.chunk)?"/, Responses: /"object":"response"/, Messages: /"type":"message"/ }
  for (const dialect of dialects) {
    for (const key of [CHAT_KEY, MESSAGES_KEY]) {
      for (const stream of [false, true]) {
        const { wire, answer } = await ask(gateway.url, request(dialect.path, JSON.stringify(dialect.ask({ stream })), [], { key }))
        t.equal(answer.status, 200, `${dialect.name}, ${key}`)
        t.match(answer.body, text[dialect.name])
        t.match(answer.body, /one two/)
        t.equal(await goesOn(wire), 200)
      }
    }
  }
  const before = provider.requests.length
  for (const path of ['/v1/embeddings', '/v1/completions', '/v1/moderations']) {
    const { answer, wire } = await ask(gateway.url, request(path, '{"model":"m1","input":"hi","prompt":"hi"}', [], { key: MESSAGES_KEY }))
    t.equal(answer.status, 400)
    t.match(JSON.parse(answer.body), { error: { code: 'unsupported_endpoint', message: /./ } })
    t.equal(await goesOn(wire), 200)
  }
  t.equal(provider.requests.length, before)
})
