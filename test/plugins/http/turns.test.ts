import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import { Turns, turns as all } from '../../../plugins/http/turns.ts'
import { Underway } from '../../../routes/relay/underway.ts'
import { until } from '../../helper.ts'

const LARGE = 512 * 1024

function busy (ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

t.test('small work is done at once, large work one after the other, in order', async (t) => {
  const turns = new Turns()
  const done: string[] = []
  const work = (name: string, ms = 0) => () => {
    busy(ms)
    done.push(name)
  }
  turns.take(LARGE, work('first', 400))
  turns.take(LARGE, work('second', 40))
  turns.take(LARGE, work('third'))
  turns.take(LARGE - 1, work('small'))
  t.same(done, ['first', 'small'], 'the first does not wait')
  await setImmediate()
  t.same(done, ['first', 'small'], 'what took its time is followed by a rest')
  await until(() => done.length === 4)
  t.same(done, ['first', 'small', 'second', 'third'])
  await until(() => {
    turns.take(LARGE, work('later'))
    return done.at(-1) === 'later'
  })
})

t.test('what takes no time is followed by the next in the next turn of the loop', async (t) => {
  const turns = new Turns()
  const done: number[] = []
  for (const n of [1, 2, 3]) turns.take(LARGE, () => { done.push(n) })
  t.same(done, [1])
  await until(() => done.length === 3)
  t.same(done, [1, 2, 3])
})

t.test('work that fails lets the next have its turn', async (t) => {
  const turns = new Turns()
  let done = false
  t.throws(() => turns.take(LARGE, () => { throw new Error('no') }), /no/)
  turns.take(LARGE, () => { done = true })
  await until(() => done)
})

t.test('a gateway that stops waits for those that wait for their turn', async (t) => {
  const done: string[] = []
  all.take(LARGE, () => {
    busy(200)
    done.push('first')
  })
  all.take(LARGE, () => { done.push('second') })
  await new Underway().stop(1000)
  t.same(done, ['first', 'second'])
})

t.test('whoever had to wait too long is told so', async (t) => {
  let now = 0
  mock.method(performance, 'now', () => {
    now += 8000
    return now
  })
  t.teardown(() => mock.restoreAll())
  const turns = new Turns()
  const told: boolean[] = []
  for (let i = 0; i < 4; i++) turns.take(LARGE, (late) => { told.push(late) })
  await until(() => told.length === 4)
  t.equal(told[0], false)
  t.equal(told.at(-1), true)
})
