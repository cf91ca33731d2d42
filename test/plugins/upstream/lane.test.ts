import t from 'tap'
import { Lane, type Guest } from '../../../plugins/upstream/lane.ts'

t.test('so many at once, so many behind them, in their order', async (t) => {
  const lane = new Lane(2, 2)
  const gone: string[] = []
  const guest = (name: string): Guest => ({ place: undefined, go: () => { gone.push(name) } })
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(guest) as [Guest, Guest, Guest, Guest, Guest]
  t.same([a, b, c, d, e].map((one) => lane.enter(one)), [true, true, true, true, false])
  t.same([gone.join(''), lane.open, lane.waiting], ['ab', 2, 2])
  t.same(lane.refused, { full: 1, late: 0 })
  lane.leave(e)
  lane.leave(c)
  t.same([gone.join(''), lane.open, lane.waiting], ['ab', 2, 1], 'one that gives up waiting')
  lane.leave(a)
  lane.leave(a)
  t.same([gone.join(''), lane.open, lane.waiting], ['abd', 2, 0])
  lane.leave(b)
  lane.leave(d)
  t.same([lane.open, lane.waiting], [0, 0])
})

t.test('one that is over as soon as it begins', async (t) => {
  const lane = new Lane(1, 100)
  const first: Guest = { place: undefined, go: () => {} }
  lane.enter(first)
  let went = 0
  for (let i = 0; i < 100; i++) {
    const brief: Guest = { place: undefined, go: () => { went++; lane.leave(brief) } }
    t.ok(lane.enter(brief))
  }
  lane.leave(first)
  t.same([went, lane.open, lane.waiting], [100, 0, 0])
})
