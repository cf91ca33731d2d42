import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import t from 'tap'
import { Apart } from '../../../plugins/quota/redis/apart.ts'
import { Gauges } from '../../../plugins/quota/redis/gauges.ts'
import { encode } from '../../../plugins/quota/redis/messages.ts'
import { Outbox } from '../../../plugins/quota/redis/outbox.ts'
import { Link } from '../../../plugins/redis/link.ts'
import { soon } from '../../../plugins/redis/soon.ts'
import { Tally } from '../../../plugins/quota/redis/tally.ts'
import type { Granted } from '../../../plugins/quota/store.ts'
import { demand, held, LocalStore, month } from './gateways.ts'

const minute = { kind: 'length', ms: 60_000 } as const

function hold (window: typeof minute | typeof month | typeof held, resetIn: number): Granted {
  return { granted: true, id: 'x', demands: [demand('c', 1, 9, { window })], held: [1], output: 0, levels: [{ used: 1, resetIn }], exceeded: [], windows: [''] }
}

t.test('what is used of windows of a length is added up by window', async (t) => {
  const tally = new Tally()
  const all = (): boolean => true
  tally.add(hold(minute, 60_000), [1], 0, all)
  tally.add(hold(minute, 30_000), [2], 30_000, all)
  t.same(tally.find(demand('c', 1, 1)), { used: 3, at: 0 })
  tally.add(hold(minute, 59_000), [5], 62_000, all)
  t.same(tally.find(demand('c', 1, 1)), { used: 5, at: 61_000 }, 'the next one')
  tally.add(hold(minute, 1_000), [9], 59_000, all)
  t.same(tally.find(demand('c', 1, 1)), { used: 5, at: 61_000 }, 'a late one of the last')
  tally.add(hold(minute, 50_000), [7], 71_000, () => false)
  tally.add(hold(held, 0), [7], 71_000, all)
  t.match(tally.take(), [{ gauge: { counter: 'c' }, share: { used: 5 } }])
  t.same(tally.take(), [])
  tally.add(hold(month, 5), [1], 0, all)
  tally.add(hold(month, 5), [2], 1e9, all)
  t.match(tally.take(), [{ share: { used: 3, at: 0 } }], 'of the calendar there is one')
})

t.test('counters that are known, without months that are over', async (t) => {
  const gauges = new Gauges()
  gauges.add([demand('a', 1, 1), demand('b', 1, 1, { window: held }), demand('c', 1, 1, { window: minute })])
  gauges.add([demand('d', 1, 1, { window: { kind: 'calendar', startsAt: 0, endsAt: Date.now() - 1 } })])
  t.same(gauges.current().map(({ counter }) => counter), ['a', 'c'])
  t.same(Object.keys(gauges.current()[0] ?? {}).sort(), ['counter', 'owner', 'unit', 'window'], 'no amounts')
})

t.test('a hold is told with what is left of its windows', async (t) => {
  const at = performance.now() - 10_000
  const [kind, id, counter, window, span, amount, left] = encode({ kind: 'hold', granted: hold(minute, 40_000), at })
  t.same([kind, id, counter, window, span, amount], ['hold', 'x', 'c', 'length', 60_000, 1])
  t.ok(Math.abs(Number(left) - 30_000) < 1000)
})

t.test('while apart each gateway has its part, rounded down', async (t) => {
  const apart = new Apart(new LocalStore(), 3, 'local')
  t.match(await apart.reserve('1', [demand('p', 3, 10)]), { granted: true })
  t.match(await apart.reserve('2', [demand('p', 1, 10)]), { granted: false })
  t.match(await apart.reserve('3', [demand('q', 1, 2)]), { granted: false }, 'two by three is none')
  const deny = new Apart(new LocalStore(), 1, 'deny')
  t.throws(() => deny.reserve('4', [demand('p', 1, 10)]), { code: 'limits_unavailable' })
  t.match(await deny.reserve('5', [demand('p', 1, 10, { dryRun: true })]), { granted: true })
})

t.test('an answer that came while the process was busy is in time', async (t) => {
  // It comes the way a socket's data do: in the part of a turn that is after the timers.
  const answer = soon(promisify(randomBytes)(4), 20)
  const since = performance.now()
  while (performance.now() - since < 60);
  t.equal((await answer).length, 4)
  await t.rejects(soon(new Promise(() => {}), 5), { message: 'no answer in 5 ms' })
})

t.test('what was counted apart is told however many the counters are', async (t) => {
  const log = { info () {}, warn () {} }
  const link = new Link({ url: 'redis://127.0.0.1:1', log, greet: async () => {}, patience: 100 })
  const outbox = new Outbox(link, () => ({ epoch: 'e', source: 's', owner: 'o', lease: 1 }), () => {}, () => {})
  const tally = new Tally()
  const gauges = Array.from({ length: 150_000 }, (_, i) => demand(`c${i}`, 1, 9, { window: minute }))
  for (const gauge of gauges) tally.add({ ...hold(minute, 60_000), demands: [gauge] }, [1], 0, () => true)
  outbox.pushAll(tally.take().map(({ gauge, share }) => ({ kind: 'merge', gauge, share, window: 'w' })))
  t.equal(outbox.size, 150_000)
})
