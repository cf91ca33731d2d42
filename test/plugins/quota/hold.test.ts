import t from 'tap'
import type { Limit } from '../../../plugins/keys/limits.ts'
import { StoreHold, type Spent } from '../../../plugins/quota/hold.ts'
import { MemoryStore } from '../../../plugins/quota/memory.ts'
import type { Demand, Gauge } from '../../../plugins/quota/store.ts'
import { Sweeper } from '../../../plugins/quota/sweeper.ts'

const HOUR = 3_600_000
const limits: Limit[] = [
  { name: 'budget', owner: 'k', label: 'alice', unit: 'money', per: 'total', limit: 1000, dryRun: false },
  { name: 'max_requests_per_hour', owner: 'k', label: 'alice', unit: 'requests', per: 'hour', limit: 10, dryRun: false },
  { name: 'tokens_per_minute', owner: 'group:g', label: 'g', unit: 'tokens', per: 'minute', limit: 100, dryRun: true },
  { name: 'max_parallel_requests', owner: 'k', label: 'alice', unit: 'parallel', per: 'held', limit: 3, dryRun: false }
]
const gauges: Gauge[] = [
  { counter: 'money', owner: 'k', unit: 'money', window: { kind: 'calendar', startsAt: 0, endsAt: Infinity } },
  { counter: 'requests', owner: 'k', unit: 'requests', window: { kind: 'length', ms: HOUR } },
  { counter: 'tokens', owner: 'group:g', unit: 'tokens', window: { kind: 'length', ms: 60_000 } },
  { counter: 'parallel', owner: 'k', unit: 'parallel', window: { kind: 'held' } }
]

function holds () {
  const store = new MemoryStore()
  const ended: Array<Spent | undefined> = []
  let count = 0
  const take = (alive: () => boolean, onEnd: (hold: StoreHold) => void = () => {}): StoreHold => {
    const demands = gauges.map((gauge, i): Demand => ({ ...gauge, base: [400, 1, 120, 1][i] as number, each: 0, limit: limits[i]?.limit ?? 0, dryRun: limits[i]?.dryRun ?? false }))
    const reservation = store.reserve(`h${++count}`, demands)
    if (!reservation.granted) throw new Error('refused')
    return new StoreHold(store, reservation, { limits, cap: 7, alive, onEnd: (hold, used) => { ended.push(used); onEnd(hold) } })
  }
  return { take, ended, used: () => store.levels(gauges).map(({ used }) => used), store }
}

t.test('a hold ends once, whatever is called first', async (t) => {
  const { take, ended, used, store } = holds()
  const settled = take(() => true)
  t.match(settled, { id: 'h1', cap: 7, money: 400, tokens: 120 })
  t.same(used(), [400, 1, 120, 1])
  settled.settle({ requests: 1, tokens: 30, cost: 55 })
  settled.settle({ requests: 1, tokens: 0, cost: 0 })
  settled.release()
  settled.expire()
  t.same(used(), [55, 1, 30, 0])
  const released = take(() => true)
  released.release()
  released.settle({ requests: 1, tokens: 30, cost: 55 })
  t.same(used(), [55, 1, 30, 0])
  take(() => true).expire()
  t.same(used(), [455, 2, 150, 0], 'all that was held, but nothing is under way')
  t.same(ended, [{ requests: 1, tokens: 30, cost: 55 }, { requests: 0, tokens: 0, cost: 0 }, undefined])
  t.equal(store.held, 0)
})

t.test('it tells the decision', async (t) => {
  const { take } = holds()
  const before = Date.now()
  const [budget, hour, tokens, parallel] = take(() => true).explain()
  t.same(budget, { name: 'budget', owner: 'k', unit: 'money', per: 'total', limit: 1000, used: 400, held: 400 })
  t.match(hour, { name: 'max_requests_per_hour', used: 1, held: 1, windowMs: HOUR })
  t.ok((hour?.resetAt ?? 0) >= before + HOUR - 1 && (hour?.resetAt ?? 0) <= Date.now() + HOUR)
  t.match(tokens, { owner: 'group:g', windowMs: 60_000, dryRun: true, exceeded: true, used: 120 })
  t.notOk('windowMs' in (parallel ?? {}))
})

t.test('a hold that was forgotten is ended on the second look', async (t) => {
  const { take, used, ended } = holds()
  const leaks: string[] = []
  const sweeper = new Sweeper(({ id }) => leaks.push(id), 1e6)
  t.teardown(() => sweeper.stop())
  let over = false
  const forgotten = take(() => !over, (hold) => sweeper.delete(hold))
  const alive = take(() => true, (hold) => sweeper.delete(hold))
  sweeper.add(forgotten)
  sweeper.add(alive)
  sweeper.sweep()
  t.equal(sweeper.heldOf('money'), 800)
  over = true
  sweeper.sweep()
  t.same(leaks, [], 'it may just be ending')
  sweeper.sweep()
  t.same(leaks, ['h1'])
  t.same([ended, used()], [[undefined], [800, 2, 240, 1]])
  t.equal(sweeper.size, 1)
  forgotten.settle({ requests: 0, tokens: 0, cost: 0 })
  t.same(used(), [800, 2, 240, 1], 'too late')
  alive.release()
  sweeper.sweep()
  t.same([leaks, sweeper.size, sweeper.heldOf('money')], [['h1'], 0, 0])
})
