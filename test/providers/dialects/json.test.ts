import t from 'tap'
import { Fields } from '../../../providers/dialects/fields.ts'
import { check } from '../../../providers/dialects/judge.ts'
import { countOf, parseExact, parseExactObject, withLargeIntegers } from '../../../providers/dialects/json.ts'
import { dialects } from '../../../providers/dialects/index.ts'
import { mergeUsage } from '../../../providers/dialects/usage.ts'

t.test('numbers come out as they went in', async (t) => {
  const text = '{"a":12345678901234567890,"b":1.0,"c":-0,"d":1e3,"e":[0.1,5],"f":"1.0"}'
  t.equal(JSON.stringify(parseExact(text)), text)
  for (const text of ['', '7', '[]', '"{}"', '{', 'null', '{}x']) t.equal(parseExactObject(text), undefined)
  t.equal(countOf(parseExact('5.0')), 5)
  for (const odd of [null, '5', -1, 0.5, 1e308, NaN]) t.equal(countOf(odd), undefined)
})

t.test('a body keeps the integers that JavaScript would round, and nothing else of its text', async (t) => {
  const read = (text: string): unknown => withLargeIntegers(Buffer.from(text), JSON.parse(text))
  t.equal(JSON.stringify(read('{"a":{"id":12345678901234567890,"b":[-9007199254740993,1.0]},"n":1}')), '{"a":{"id":12345678901234567890,"b":[-9007199254740993,1]},"n":1}')
  const plain = { phone: 'no number: 0123456', n: 1e21 }
  t.equal(withLargeIntegers(Buffer.from(JSON.stringify(plain)), plain), plain, 'read once')
  t.same(read('{"digits":"12345678901234567890","max_tokens":5}'), { digits: '12345678901234567890', max_tokens: 5 })
})

t.test('a large integer is seen wherever it stands', async (t) => {
  for (let before = 0; before < 33; before++) {
    for (const digits of ['9'.repeat(16), '9'.repeat(17), '1'.repeat(40)]) {
      const text = `{"${'a'.repeat(before)}":${digits}}`
      t.equal(JSON.stringify(withLargeIntegers(Buffer.from(text), JSON.parse(text))), text)
    }
    const short = { ['a'.repeat(before)]: 123456789012345, b: 123456789012345 }
    t.equal(withLargeIntegers(Buffer.from(JSON.stringify(short)), short), short)
  }
})

t.test('fields know what nobody read', async (t) => {
  const fields = new Fields({ a: 1, b: null, list: [{ x: 1, y: 2 }, { y: 3 }], off: false, none: [], rest: 'r' }, { off: [false] })
  t.equal(fields.number('a'), 1)
  t.equal(fields.string('b'), undefined)
  for (const item of fields.objects('list')) item.take('x')
  t.same(fields.extras(), { rest: 'r', 'list[].y': 2 })
  t.throws(() => fields.string('a'), { name: 'BadRequest', param: 'a', message: 'a must be a string.' })
  t.throws(() => fields.boolean('a'), { name: 'BadRequest', param: 'a' })
  t.throws(() => fields.record('list'), { name: 'BadRequest', param: 'list' })
  t.throws(() => fields.objects('a'), { name: 'BadRequest', param: 'a' })
  t.throws(() => fields.strings('list'), { name: 'BadRequest', param: 'list' })
  t.throws(() => new Fields({ m: [7] }, {}).objects('m'), { name: 'BadRequest', param: 'm[0]' })
  t.throws(() => fields.requiredObject('missing'), { message: 'missing is missing.' })
  t.same(Object.keys(new Fields(JSON.parse('{"__proto__":{"x":1},"constructor":1,"a\\r\\nb,é":1}'), {}).extras()), ['__proto__', 'constructor', 'a??b??'])
})

t.test('a judge names the field at fault', async (t) => {
  const schema = { type: 'object', required: ['a'], properties: { a: { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'object', required: ['b'] }] } }, 'c/d': { type: ['number', 'null'] } } } as never
  t.doesNotThrow(() => check(schema, { a: ['x', { b: 1 }], more: true }))
  t.throws(() => check(schema, {}), { param: 'a', message: 'a is missing.' })
  t.throws(() => check(schema, { a: [7] }), { param: 'a[0]', message: 'a[0] must be a string or an object.' })
  t.throws(() => check(schema, { a: [{}] }), { name: 'BadRequest', param: 'a[0].b' })
  t.throws(() => check(schema, { a: [], 'c/d': 'x' }), { param: 'c/d', message: 'c/d must be a number.' })
})

t.test('usage is merged', async (t) => {
  t.same(mergeUsage(undefined, { input: 1 }), { input: 1 })
  t.same(mergeUsage({ input: 1, output: 1, cacheWrite5m: 3, cacheWrite1h: 4 }, { output: 9, cacheWrite5m: 9 }), { input: 1, output: 9, cacheWrite5m: 5, cacheWrite1h: 4 })
})

t.test('lists of models', async (t) => {
  const chat = dialects.get('openai-chat')?.models
  const messages = dialects.get('anthropic-messages')?.models
  const list = messages?.decode({ data: [{ type: 'model', id: 'c1', display_name: 'C 1', created_at: '2026-01-02T00:00:00Z' }, { id: 'c2' }, { id: 7 }], has_more: false }) ?? []
  t.same(list, [{ id: 'c1', created: 1767312000, name: 'C 1' }, { id: 'c2' }])
  t.same(chat?.encode(list), { object: 'list', data: [{ id: 'c1', object: 'model', created: 1767312000, owned_by: 'unknown' }, { id: 'c2', object: 'model', created: 0, owned_by: 'unknown' }] })
  t.same(chat?.decode({ data: [{ id: 'g', created: 5, owned_by: 'o' }] }), [{ id: 'g', created: 5, owner: 'o' }])
  t.same(messages?.encode([{ id: 'g', created: 5 }]), { data: [{ type: 'model', id: 'g', display_name: 'g', created_at: '1970-01-01T00:00:05.000Z' }], has_more: false, first_id: 'g', last_id: 'g' })
  for (const odd of [null, [], {}, 'x', { data: 'x' }]) t.same(messages?.decode(odd), [])
})

t.test('error bodies of all sorts', async (t) => {
  const errors = dialects.get('openai-chat')?.errors
  const cases: Array<[unknown, object]> = [
    [{ error: 'text' }, { code: 'upstream_error', message: 'text' }],
    [{ message: 'text', code: 'c' }, { code: 'c', message: 'text' }],
    [{ detail: 'text' }, { message: 'text' }],
    [{ detail: [{ loc: ['body'], msg: 'one', type: 'x' }, { msg: 'two' }] }, { message: 'one; two' }],
    [[{ error: { message: 'text', status: 'INVALID_ARGUMENT', code: 400 } }], { message: 'text', status: 400 }],
    [{ error: { message: 'text', type: 'insufficient_quota', param: 'p', code: null } }, { code: 'insufficient_quota', type: 'insufficient_quota', param: 'p', status: 429 }]
  ]
  for (const [body, error] of cases) t.match(errors?.decode(body), error)
  t.same(errors?.encode({ status: 429, code: 'rate_limit_exceeded', message: 'm' }), { error: { message: 'm', type: 'requests', param: null, code: 'rate_limit_exceeded' } })
  t.same(errors?.encode({ status: 502, code: 'upstream_error', message: 'm' }), { error: { message: 'm', type: 'server_error', param: null, code: 'upstream_error' } })
  t.same(errors?.encode({ status: 400, code: 'c', message: 'm', param: 'p', type: 't' }), { error: { message: 'm', type: 't', param: 'p', code: 'c' } })
  const messages = dialects.get('anthropic-messages')?.errors
  for (const [status, type] of [[402, 'billing_error'], [405, 'invalid_request_error'], [503, 'api_error'], [504, 'timeout_error'], [529, 'overloaded_error']] as const) {
    t.same(messages?.encode({ status, code: 'c', message: 'm' }), { type: 'error', error: { type, message: 'm' } })
  }
  // Other vendors' words are none of this one's.
  for (const [status, told, type] of [[429, 'tokens', 'rate_limit_error'], [404, 'invalid_request_error', 'not_found_error'], [503, 'server_error', 'api_error'], [503, 'overloaded_error', 'overloaded_error']] as const) {
    t.same(messages?.encode({ status, code: 'c', message: 'm', type: told }), { type: 'error', error: { type, message: 'm' } })
  }
})
