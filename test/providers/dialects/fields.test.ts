import t from 'tap'
import { Fields } from '../../../providers/dialects/fields.ts'

t.test('what nobody read is named, however deep it is', async (t) => {
  let value: Record<string, unknown> = { known: 1, unknown: 2 }
  for (let depth = 0; depth < 400; depth++) value = { inner: [{}, value] }
  const root = new Fields(value, {})
  let deepest = root
  for (let depth = 0; depth < 400; depth++) deepest = deepest.objects('inner')[1]!
  deepest.take('known')
  t.equal(deepest.path, Array.from({ length: 400 }, () => 'inner[1]').join('.'))
  t.equal(root.at('inner'), 'inner')
  t.same(root.extras(), { ['inner[].'.repeat(12)]: 2 }, 'and as long as is of use')
  t.same(new Fields({ a: 1, b: null, c: [] }, {}).extras(), { a: 1 })
})

t.test('a field is read once, and what was read is no longer told of', async (t) => {
  const fields = new Fields({ a: 'x', b: 1, c: true, d: {}, e: 'auto' }, { e: ['auto'] })
  t.same([fields.string('a'), fields.string('a'), fields.number('b'), fields.word('a', ['x'])], ['x', 'x', 1, 'x'])
  t.same(fields.extras(), { c: true })
  fields.all()
  t.same(fields.extras(), {})
})
