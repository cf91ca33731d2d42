import t from 'tap'
import { MemoryStore, type Demand } from '../../plugins/quota/memory.ts'
import { formatWait } from '../../providers/dialects/wait.ts'

const demand = (counter: string, amount: number, limit: number): Demand => ({ counter, amount, limit, window: 1000 })

t.test('all demands of a request pass together, or none is reserved', async (t) => {
  const store = new MemoryStore(() => 0)
  const first = store.reserve([demand('requests', 1, 2), demand('tokens', 60, 100)])
  t.ok(first.granted)
  t.match(store.reserve([demand('requests', 1, 2), demand('tokens', 60, 100)]), { granted: false, demand: { counter: 'tokens' } })
  t.equal(store.level('requests').used, 1, 'nothing was taken')
})

t.test('settling replaces the hold with what was used; giving back frees it', async (t) => {
  const store = new MemoryStore(() => 0)
  const a = store.reserve([demand('tokens', 60, 100)])
  const b = store.reserve([demand('tokens', 40, 100)])
  if (!a.granted || !b.granted) throw new Error('refused')
  store.settle(a, [10])
  t.equal(store.level('tokens').used, 50)
  store.settle(b, [0])
  t.equal(store.level('tokens').used, 10)
})

t.test('a window begins with the first reservation that counts, and a late settlement leaves the next one alone', async (t) => {
  let now = 0
  const store = new MemoryStore(() => now)
  const given = store.reserve([demand('x', 1, 1)])
  if (!given.granted) throw new Error('refused')
  now = 900
  store.settle(given, [0])
  t.same(store.level('x'), { used: 0, resetIn: 0 }, 'one that was given back opened no window')
  const held = store.reserve([demand('x', 1, 1)])
  if (!held.granted) throw new Error('refused')
  t.same(store.level('x'), { used: 1, resetIn: 1000 })
  now = 1899
  t.notOk(store.reserve([demand('x', 1, 1)]).granted)
  now = 1900
  t.ok(store.reserve([demand('x', 1, 1)]).granted, 'the window is over')
  store.settle(held, [0])
  t.equal(store.level('x').used, 1, 'the new window is untouched')
})

t.test('against a model of it: no interleaving overspends, and nothing is left held', async (t) => {
  let seed = 11
  const random = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
  for (let run = 0; run < 200; run++) {
    const store = new MemoryStore(() => 0)
    const limit = random(50)
    const open: Array<{ reservation: Extract<ReturnType<MemoryStore['reserve']>, { granted: true }>, amount: number }> = []
    let spent = 0
    for (let step = 0; step < 100; step++) {
      const held = open.reduce((sum, { amount }) => sum + amount, 0)
      if (random(2) === 0) {
        const amount = random(10)
        const reservation = store.reserve([demand('x', amount, limit)])
        if (reservation.granted !== (spent + held + amount <= limit)) t.fail(`run ${run} step ${step}`)
        if (reservation.granted) open.push({ reservation, amount })
      } else if (open.length > 0) {
        const [{ reservation, amount }] = open.splice(random(open.length), 1) as [typeof open[number]]
        const used = random(amount + 1)
        store.settle(reservation, [used])
        spent += used
      }
    }
    for (const { reservation } of open) store.settle(reservation, [0])
    if (store.level('x').used !== spent) t.fail(`run ${run}: ${store.level('x').used} is not ${spent}`)
  }
  t.pass('200 runs')
})

t.test('waits as the vendors write them', async (t) => {
  t.same([0, 1, 7000, 59_999, 60_000, 3_552_000, 3_600_000].map(formatWait), ['0s', '1s', '7s', '1m0s', '1m0s', '59m12s', '1h0m0s'])
})
