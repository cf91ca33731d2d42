import t from 'tap'
import { atOnce, inSlices, type Work } from '../../plugins/slices.ts'

/** ms of each step. */
const STEP = 2

function * count (to: number): Work<number> {
  let steps = 0
  while (steps < to) {
    for (const until = performance.now() + STEP; performance.now() < until;);
    steps++
    yield
  }
  return steps
}

t.test('others have their turn between slices', async (t) => {
  let turns = 0
  const ticking = setInterval(() => turns++, 1)
  t.equal(await inSlices(count(20)), 20)
  clearInterval(ticking)
  t.ok(turns >= 2, `${turns} turns`)
})

t.test('a fault comes through', async (t) => {
  const failing = function * (): Work<never> {
    yield
    throw new Error('no')
  }
  await t.rejects(inSlices(failing()), { message: 'no' })
  t.throws(() => atOnce(failing()), { message: 'no' })
  t.equal(atOnce(count(3)), 3)
})
