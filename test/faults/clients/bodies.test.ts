/** What is in a body, and what it is said to be. */
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { CHAT_KEY, MESSAGES_KEY, startGateway } from '../../helper.ts'
import { dialects, isError, startSpeaker, type Spoken } from './dialects.ts'
import { ask, goesOn, head, request } from './wire.ts'

t.setTimeout(120_000)

const provider = await startSpeaker(t)
const gateway = await startGateway(t, provider.url, { env: { MAX_REQUESTS_PER_HOUR: '100000', LOG_BODIES: 'off' } })

const left = (key: string): string | undefined => gateway.app.quota.headers(gateway.app.keys.find(key)!)['x-ratelimit-remaining-requests']

/** Each dialect, asked with a key of a provider that speaks it, and with one for which it is translated. */
const ways = dialects.flatMap((dialect) => [CHAT_KEY, MESSAGES_KEY].map((key) => ({ ...dialect, key, native: dialect.key === key })))

async function isRefused (t: Test, dialect: Spoken, body: string | Buffer, status = 400, lines: string[] = [], type: string | null = 'application/json'): Promise<string> {
  const before = [provider.requests.length, left(dialect.key)]
  const { wire, answer } = await ask(gateway.url, request(dialect.path, body, lines, { key: dialect.key, type }))
  t.equal(answer.status, status, `${dialect.name}: ${body.toString('utf8', 0, 60)}`)
  isError(t, dialect, answer, dialect.name)
  t.equal(await goesOn(wire), 200)
  t.same([provider.requests.length, left(dialect.key)], before, 'nothing is sent upstream, and no quota is used')
  return answer.body
}

/** A body with more at its beginning. */
const withMore = (dialect: Spoken, more: string): string => JSON.stringify(dialect.ask()).replace('{', `{${more},`)

const faults: Array<[name: string, bodies: (whole: string) => Array<string | Buffer>]> = [
  ['malformed JSON (C13)', (whole) => ['{', whole.slice(0, -1), whole.replace(':', '='), `${whole.slice(0, -1)},}`, whole.replaceAll('"', '\''), whole.replace('"hi"', '"\t"'), whole.replace('"hi"', '"\\x"'), `\ufeff${whole}`]],
  ['an empty body (C14)', () => ['', ' ', '\r\n']],
  ['what is no object (C15)', () => ['null', '[]', '"text"', 'NaN', '1', 'true', '-Infinity', 'undefined', '[{}]']],
  ['trailing garbage (C17)', (whole) => [`${whole}x`, `${whole}{}`, `${whole}\0`, `${whole},`, `${whole}}`, `${whole}\n//`]],
  ['invalid UTF-8 (C21)', (whole) => ['ff', 'c0af', 'eda080', 'f5808080', 'e282', '80'].map((bytes) => Buffer.from(whole.replace('"hi"', `"${Buffer.from(bytes, 'hex').toString('latin1')}"`), 'latin1'))]
]

for (const [name, bodies] of faults) {
  t.test(name, async (t) => {
    for (const way of ways) {
      for (const body of bodies(JSON.stringify(way.ask()))) await isRefused(t, way, body)
    }
  })
}

t.test('no body at all (C14)', async (t) => {
  for (const way of ways) {
    for (const type of ['application/json', null]) {
      const { wire, answer } = await ask(gateway.url, head(way.path, [], { key: way.key, type }))
      t.equal(answer.status, 400)
      isError(t, way, answer, way.name)
      t.equal(await goesOn(wire), 200)
    }
  }
})

t.test('model missing, or no text (C16)', async (t) => {
  for (const way of ways) {
    for (const model of [undefined, null, 1, '', ['m1'], { id: 'm1' }, true]) {
      const { error } = JSON.parse(await isRefused(t, way, JSON.stringify({ ...way.ask(), model })))
      t.match(error.message, /^model (is missing|must (be a string|not be empty))/)
      if (way.name !== 'Messages') t.equal(error.param, 'model')
    }
  }
})

t.test('100,000 levels (C18)', async (t) => {
  const depth = 100_000
  for (const way of ways) {
    for (const deep of ['['.repeat(depth) + ']'.repeat(depth), '{"a":'.repeat(depth) + '1' + '}'.repeat(depth), '[{"a":'.repeat(depth), '['.repeat(depth)]) {
      const begun = performance.now()
      await isRefused(t, way, withMore(way, `"x":${deep}`))
      await isRefused(t, way, deep)
      t.ok(performance.now() - begun < 3000)
    }
  }
})

t.test('names given twice (C19)', async (t) => {
  for (const way of ways) {
    for (const twice of ['"model":"m2"', '"\\u006dodel":"m2"', '"stream":true,"stream":false', '"zz":1,"zz":1', '"":1,"":2']) await isRefused(t, way, withMore(way, twice))
    if (!way.native) continue
    const body = withMore(way, '"metadata":{"a":"1","a":"2"}')
    const { answer } = await ask(gateway.url, request(way.path, body, [], way))
    t.equal(answer.status, 200, 'in an object below, they are the provider\'s')
    t.equal(provider.requests.at(-1)?.body, body)
  }
})

t.test('names of what every object has (C20)', async (t) => {
  for (const way of ways) {
    await isRefused(t, way, withMore(way, '"__proto__":{"polluted":true}'))
    await isRefused(t, way, withMore(way, '"\\u005f_proto__":{"stream":true}'))
    for (const more of ['"constructor":{"prototype":{"polluted":true}}', '"metadata":{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}', '"toString":"x","hasOwnProperty":1,"valueOf":null']) {
      const { wire, answer } = await ask(gateway.url, request(way.path, withMore(way, more), [], way))
      t.equal(answer.status, 200)
      t.equal(await goesOn(wire), 200)
    }
    const { answer } = await ask(gateway.url, request(way.path, JSON.stringify(way.ask()), [], way))
    t.equal(answer.status, 200)
    t.notMatch(provider.requests.at(-1)?.body, /polluted/)
  }
  t.equal(({} as { polluted?: boolean }).polluted, undefined)
})

/** Every code point but the surrogates, from U+0000, in pieces of JSON as an encoder writes them, and as text. */
function * everything (): Generator<[written: string, text: string]> {
  for (let from = 0; from < 0x110000; from += 0x8000) {
    const points = Array.from({ length: 0x8000 }, (_, index) => from + index).filter((point) => point < 0xd800 || point > 0xdfff)
    const text = points.map((point) => String.fromCodePoint(point)).join('')
    if (text !== '') yield [JSON.stringify(text), text]
  }
}

t.test('all of Unicode arrives unchanged (C22)', async (t) => {
  for (const way of ways) {
    for (const [written, text] of everything()) {
      const body = JSON.stringify(way.ask()).replace('"hi"', written)
      const { wire, answer } = await ask(gateway.url, request(way.path, body, [], way))
      t.equal(answer.status, 200)
      const sent = provider.requests.at(-1)?.body ?? ''
      if (way.native) t.ok(sent === body, 'to the byte')
      else t.ok(textIn(JSON.parse(sent)) === text, 'as text')
      wire.leave()
    }
    for (const written of ['"\\u2028\\u2029\\u202e\\u0000\\ud83d\\ude00\\/"', '"\u2028\u2029\u202e\u2066\u{1f600}"']) {
      const body = JSON.stringify(way.ask()).replace('"hi"', written)
      const { wire, answer } = await ask(gateway.url, request(way.path, body, [], way))
      t.equal(answer.status, 200)
      const sent = provider.requests.at(-1)?.body ?? ''
      if (way.native) t.equal(sent, body)
      else t.equal(textIn(JSON.parse(sent)), JSON.parse(written))
      wire.leave()
    }
  }
})

/** The user's text, in whatever dialect. */
function textIn ({ messages, input }: { messages?: Array<{ content: unknown }>, input?: unknown }): unknown {
  const said = messages === undefined ? input : messages.at(-1)?.content
  if (!Array.isArray(said)) return said
  const last = said.at(-1)
  return last.text ?? textIn({ messages: [last] })
}

t.test('64-bit integers arrive unrounded (C23)', async (t) => {
  const numbers = ['9223372036854775807', '-9223372036854775808', '18446744073709551615', '12345678901234567890']
  for (const way of ways.filter(({ native }) => native)) {
    for (const number of [...numbers, '1.0', '1e400', '-0', '0.1000']) {
      const body = withMore(way, `"seed":${number},"x":{"y":[${number}]}`)
      const { wire, answer } = await ask(gateway.url, request(way.path, body, [], way))
      t.equal(answer.status, 200)
      t.equal(provider.requests.at(-1)?.body, body)
      wire.leave()
    }
  }
  // Translated, they stand in the schemas and arguments of tools.
  const schema = (number: string): string => `{"type":"object","properties":{"n":{"const":${number}}}}`
  const tools: Record<string, (number: string) => string> = {
    'Chat Completions': (number) => `"tools":[{"type":"function","function":{"name":"f","parameters":${schema(number)}}}]`,
    Responses: (number) => `"tools":[{"type":"function","name":"f","parameters":${schema(number)}}]`,
    Messages: (number) => `"tools":[{"name":"f","input_schema":${schema(number)}}]`
  }
  for (const way of ways.filter(({ native }) => !native)) {
    for (const number of numbers) {
      const { wire, answer } = await ask(gateway.url, request(way.path, withMore(way, tools[way.name]!(number)), [], way))
      t.equal(answer.status, 200)
      t.match(provider.requests.at(-1)?.body, `"const":${number}}`)
      wire.leave()
    }
  }
})

t.test('unknown fields are passed on (C24)', async (t) => {
  for (const way of ways.filter(({ native }) => native)) {
    const body = withMore(way, '"x_new":{"a":[1, 2]} , "metadata" : {"k":"v"}')
    const { wire, answer } = await ask(gateway.url, request(way.path, body, [], way))
    t.equal(answer.status, 200)
    t.equal(provider.requests.at(-1)?.body, body)
    t.equal(await goesOn(wire), 200)
  }
})

t.test('another Content-Type, none, or one with garbage behind it (C25, C26, C27)', async (t) => {
  const types = ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/vnd.api+json', 'text/json', '', null,
    'application/json garbage', 'application/json\tgarbage', 'application/json, text/plain', 'application/json;', 'application/json; charset', 'application/jsonx', 'application/json;a=b c']
  for (const way of ways) {
    for (const type of types) await isRefused(t, way, JSON.stringify(way.ask()), 415, [], type)
  }
})

t.test('a charset, and odd case (C28)', async (t) => {
  for (const way of ways) {
    for (const type of ['application/json; charset=utf-8', 'Application/JSON;Charset="UTF-8"', 'application/json ;charset=UTF-8', 'application/json;\tcharset=utf-8', 'APPLICATION/JSON']) {
      const { wire, answer } = await ask(gateway.url, request(way.path, JSON.stringify(way.ask()), [], { ...way, type }))
      t.equal(answer.status, 200, type)
      t.equal(provider.requests.at(-1)?.headers['content-type'], 'application/json')
      t.equal(await goesOn(wire), 200)
    }
  }
})

t.test('a prompt of 4 MB, and one of just below 32 MB (C31)', async (t) => {
  for (const way of ways.filter(({ native }) => native)) {
    for (const size of way.name === 'Messages' ? [4 * 1024 * 1024, 32 * 1024 * 1024 - 1024] : [4 * 1024 * 1024]) {
      const body = JSON.stringify(way.ask()).replace('"hi"', `"${'é'.repeat(size / 2)}"`)
      const { wire, answer } = await ask(gateway.url, request(way.path, body, [], way))
      t.equal(answer.status, 200)
      t.ok(provider.requests.pop()?.body === body)
      t.equal(await goesOn(wire), 200)
    }
  }
})

t.test('a body that is said not to be compressed (C32)', async (t) => {
  for (const way of ways) {
    const { wire, answer } = await ask(gateway.url, request(way.path, JSON.stringify(way.ask()), ['Content-Encoding: Identity'], way))
    t.equal(answer.status, 200)
    t.equal(await goesOn(wire), 200)
  }
})

t.test('a body that is compressed, be it a bomb (C32, C33)', async (t) => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, 0x20))
  for (const way of ways) {
    for (const coding of ['gzip', 'deflate', 'br', 'zstd', 'GZIP', 'gzip, gzip', 'identity, gzip']) await isRefused(t, way, gzipSync(JSON.stringify(way.ask())), 415, [`Content-Encoding: ${coding}`])
    await isRefused(t, way, bomb, 415, ['Content-Encoding: gzip'])
    // Not said to be compressed, it is no UTF-8.
    await isRefused(t, way, gzipSync(JSON.stringify(way.ask())))
  }
})

t.test('who asks before it sends (C44, C45, C46)', async (t) => {
  for (const way of ways) {
    const body = JSON.stringify(way.ask())
    for (const expect of ['100-continue', '100-Continue']) {
      const lines = [`Expect: ${expect}`, `Content-Length: ${body.length}`]
      const { wire, answer } = await ask(gateway.url, head(way.path, lines, way) + body)
      t.same([answer.before, answer.status], [[100], 200])
      t.equal(await goesOn(wire), 200)
      for (const [more, key, status] of [[[], 'nobody', 401], [['Content-Encoding: gzip'], way.key, 415]] as const) {
        const { wire, answer } = await ask(gateway.url, head(way.path, [...lines, ...more], { key }))
        t.same([answer.before, answer.status], [[], status], 'before anything is sent')
        isError(t, way, answer, way.name)
        wire.leave()
      }
    }
    await isRefused(t, way, body, 417, ['Expect: 200-ok'])
    const { wire, answer } = await ask(gateway.url, request(way.path, body, ['Expect: 100-continue, x'], way))
    t.same([answer.before, answer.status], [[], 417])
    wire.leave()
  }
})
