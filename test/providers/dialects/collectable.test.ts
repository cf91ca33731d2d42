import { setTimeout } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { collectable } from '../../../providers/dialects/collectable.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

t.test('a value is made when it is read, stays the same for now, and is made again once it was collected', async (t) => {
  let made = 0
  const read = collectable(() => ({ nth: ++made }))
  t.equal(made, 0)
  t.equal(read(), read())
  t.equal(made, 1)
  await setTimeout(1)
  collect()
  t.same(read(), { nth: 2 })
})

t.test('what is there already is not made', async (t) => {
  const read = collectable(() => 'made', 'there')
  t.equal(read(), 'there')
  await setTimeout(1)
  collect()
  t.equal(read(), 'made')
  t.equal(collectable(() => 'made', undefined)(), undefined)
})
