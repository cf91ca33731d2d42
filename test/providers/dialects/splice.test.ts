import t from 'tap'
import { BadJson, scanObject } from '../../../providers/dialects/scan.ts'
import { judgeObject, parseObject, splice, withEdits } from '../../../providers/dialects/splice.ts'

const odd = '{ "a" : 12345678901234567890 ,\n"b\\"c":{"model":"inner","x":[1.0,"}\\\\"]}, "model" :"gpt", "z":1.0}'

t.test('splicing replaces the named top-level fields and keeps every other byte', async (t) => {
  t.equal(splice(Buffer.from(odd), { model: 'other' }).toString(), odd.replace('"gpt"', '"other"'))
  t.equal(splice(Buffer.from(odd), { z: true, a: null }).toString(), odd.replace('12345678901234567890', 'null').replace('"z":1.0', '"z":true'))
  t.equal(splice(Buffer.from(odd), {}).toString(), odd)
})

t.test('a missing field goes in front, with or without other edits', async (t) => {
  t.equal(splice(Buffer.from('{}'), { a: 1 }).toString(), '{"a":1}')
  t.equal(splice(Buffer.from(' { } '), { a: 1 }).toString(), ' {"a":1 } ')
  t.equal(splice(Buffer.from('{"b":2}'), { a: 1, b: 3 }).toString(), '{"a":1,"b":3}')
  t.equal(splice(Buffer.from('{"b":2,"c":4}'), { a: [1], c: 'é' }).toString(), '{"a":[1],"b":2,"c":"é"}')
})

t.test('spliced JSON means the old JSON with the edits, for generated bodies', async (t) => {
  let seed = 7
  const random = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
  const value = (deep: number): unknown => {
    switch (random(deep > 3 ? 5 : 7)) {
      case 0: return null
      case 1: return random(1000) / 7
      case 2: return random(2) === 0
      case 3: return '"\\{}[],:\u2028é🦜'.slice(0, random(12))
      case 4: return ''
      case 5: return Array.from({ length: random(4) }, () => value(deep + 1))
      default: return Object.fromEntries(Array.from({ length: random(4) }, (_, i) => [`k${i}"\\`, value(deep + 1)]))
    }
  }
  for (let run = 0; run < 500; run++) {
    const body = Object.fromEntries(Array.from({ length: random(6) }, (_, i) => [`f${i}`, value(0)]))
    const edits = Object.fromEntries(Array.from({ length: random(3) }, () => [`f${random(8)}`, value(0)]))
    const text = JSON.stringify(body, null, random(3))
    const spliced = splice(Buffer.from(text), edits)
    t.strictSame({ ...JSON.parse(spliced.toString()) }, { ...body, ...edits })
  }
})

t.test('the fields of a body, with where their values are', async (t) => {
  t.same(scanObject(Buffer.from(odd)).map(({ name, start, end }) => [name, odd.slice(start, end)]), [
    ['a', '12345678901234567890'], ['b"c', '{"model":"inner","x":[1.0,"}\\\\"]}'], ['model', '"gpt"'], ['z', '1.0']
  ])
})

t.test('what is not one plain JSON object is refused with its fault', async (t) => {
  const refused: Array<[string | Buffer, RegExp]> = [
    ['', /empty/], ['null', /must be a JSON object/], ['[]', /must be a JSON object/], ['"x"', /must be a JSON object/],
    ['{"a":NaN}', /not valid JSON/], ['{"a":1} x', /not valid JSON/], ['{"a":1', /not valid JSON/],
    ['{"model":"a","model":"b"}', /names "model" twice/], ['{"model":"a","mod\\u0065l":"b"}', /names "model" twice/],
    ['{"__proto__":{}}', /__proto__/], [Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), /UTF-8/],
    ['{"a":' + '['.repeat(100_000) + ']'.repeat(100_000) + '}', /deeper/], ['{"a":' + '['.repeat(100_000), /deeper/]
  ]
  for (const [body, message] of refused) t.throws(() => parseObject(Buffer.from(body)), { name: 'BadJson', message })
  t.ok(new BadJson('x') instanceof Error)
})

t.test('nested duplicates, brackets in strings and plain bodies pass', async (t) => {
  t.same(parseObject(Buffer.from('{"a":{"b":1,"b":2}}')), { a: { b: 2 } })
  t.same(parseObject(Buffer.from(JSON.stringify({ a: '['.repeat(1000) }))), { a: '['.repeat(1000) })
})

t.test('a large value is parsed when it is first read, and only then', async (t) => {
  const messages = [{ role: 'user', content: 'é'.repeat(5000) }]
  const body = { model: 'm', messages, n: 1, tools: Array.from({ length: 999 }, (_, i) => ({ i })), 7: 'seven' }
  const bytes = Buffer.from(JSON.stringify(body))
  const values = parseObject(bytes)
  t.same(Object.keys(values), Object.keys(body))
  t.equal(values.model, 'm')
  t.equal(typeof Object.getOwnPropertyDescriptor(values, 'messages')?.get, 'function')
  t.same(values.messages, messages)
  t.equal(values.messages, values.messages)
  t.strictSame({ ...parseObject(bytes) }, JSON.parse(bytes.toString()))
  t.strictSame(JSON.stringify(parseObject(bytes)), bytes.toString())
})

t.test('values are edited without being parsed, and what is parsed then is so for both', async (t) => {
  const messages = ['é'.repeat(5000)]
  const values = parseObject(Buffer.from(JSON.stringify({ model: 'm', messages })))
  const edited = withEdits(values, { model: 'other', n: 2 })
  t.equal(typeof Object.getOwnPropertyDescriptor(edited, 'messages')?.get, 'function')
  t.same(edited, { model: 'other', messages, n: 2 })
  t.equal(edited.messages, values.messages)
  t.equal(values.model, 'm')
})

t.test('fields that were found once need not be looked for again', async (t) => {
  const bytes = Buffer.from(odd)
  t.equal(splice(bytes, { model: 'other', more: 1 }, judgeObject(bytes)).toString(), splice(bytes, { model: 'other', more: 1 }).toString())
})
