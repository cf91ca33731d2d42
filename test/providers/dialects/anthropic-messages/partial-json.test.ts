import t from 'tap'
import { closeJson } from '../../../../providers/dialects/anthropic-messages/partial-json.ts'

t.test('what is complete of JSON that was cut stays', (t) => {
  const cuts: Array<[cut: string, whole: unknown]> = [
    ['{"a":1,"b":[true,nul', { a: 1, b: [true] }],
    ['{"a":1,"b":[true,null,12', { a: 1, b: [true, null] }],
    ['{"a":{"b":{},"c', { a: { b: {} } }],
    ['{"a":"x", "b":', { a: 'x' }],
    ['{"a":1', {}]
  ]
  for (const [cut, whole] of cuts) t.same(JSON.parse(closeJson(cut)), whole, cut)
  t.end()
})

t.test('a text that was cut is left out, whatever is in it', (t) => {
  for (const text of ['hello wor', 'if (a) { b[1] = [2, 3', 'say \\"hi\\", she', 'a\\', 'a\\\\\\', '}, 1', '\\"']) {
    t.same(JSON.parse(closeJson(`{"path":"x.ts","content":"${text}`)), { path: 'x.ts' }, text)
  }
  t.end()
})

t.test('wherever it is cut, it is JSON', (t) => {
  const whole = JSON.stringify({ a: [-1.5e9, true, { 'k"{,': 'x "y" \\ z, {q: [1,2' }], b: { c: {}, d: [[]] }, e: '\n\t' }, null, 1)
  for (let end = 1; end <= whole.length; end++) t.doesNotThrow(() => JSON.parse(closeJson(whole.slice(0, end))), whole.slice(0, end))
  t.end()
})

t.test('it takes time by its length alone', (t) => {
  const began = performance.now()
  t.same(JSON.parse(closeJson(`{"a":1,"b":"${'x\\" '.repeat(100_000)}`)), { a: 1 }, 'a hundred thousand quotes in a text that was cut')
  t.equal(closeJson('['.repeat(100_000)), '['.repeat(100_000) + ']'.repeat(100_000))
  t.same(JSON.parse(closeJson(`{"a":"${'x'.repeat(8_000_000)}","b":`)), { a: 'x'.repeat(8_000_000) })
  t.ok(performance.now() - began < 5000)
  t.end()
})
