import t from 'tap'
import { MemoryStore } from '../../../plugins/quota/memory.ts'
import type { Demand, Elastic, Gauge, Granted, Reservation, Window } from '../../../plugins/quota/store.ts'
import { formatWait } from '../../../providers/dialects/wait.ts'

const SECOND: Window = { kind: 'length', ms: 1000 }
const HELD: Window = { kind: 'held' }

function gauge (counter: string, window: Window = SECOND): Gauge {
  return { counter, owner: 'k', unit: window.kind === 'held' ? 'parallel' : 'tokens', window }
}

function demand (counter: string, base: number, limit: number, more: Partial<Demand> = {}): Demand {
  return { ...gauge(counter, more.window), base, each: 0, limit, dryRun: false, ...more }
}

function granted (reservation: Reservation): Granted {
  if (!reservation.granted) throw new Error('refused')
  return reservation
}

/** A store whose clocks stand until they are set. */
function stand (seed?: (gauge: Gauge) => { used: number, startedAt?: number }) {
  const clock = { now: 0, time: Date.UTC(2026, 10, 26) }
  const store = new MemoryStore({ now: () => clock.now, time: () => clock.time, ...seed !== undefined && { seed } })
  let count = 0
  return {
    clock,
    store,
    reserve: (demands: Demand[], output?: Elastic) => store.reserve(`h${++count}`, demands, output),
    level: (counter: string, window?: Window) => store.levels([gauge(counter, window)])[0]
  }
}

/** Small and the same on every run. */
function dice (seed: number): (below: number) => number {
  return (below) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
}

t.test('all demands of a request pass together, or none is reserved', async (t) => {
  const { reserve, level, store } = stand()
  granted(reserve([demand('requests', 1, 2), demand('tokens', 60, 100)]))
  t.match(reserve([demand('requests', 1, 2), demand('tokens', 60, 100)]), { granted: false, demand: 1, levels: [{ used: 1 }, { used: 60, resetIn: 1000 }] })
  t.equal(level('requests')?.used, 1, 'nothing was taken')
  t.match(reserve([demand('never', 0, 0)]), { granted: false, demand: 0 }, 'a limit of zero refuses everything')
  t.equal(store.held, 1)
})

t.test('settling replaces the hold with what was used, once', async (t) => {
  const { reserve, level, store } = stand()
  const a = granted(reserve([demand('tokens', 60, 100)]))
  const b = granted(reserve([demand('tokens', 40, 100)]))
  store.settle(a, [10])
  store.settle(a, [0])
  t.equal(level('tokens')?.used, 50)
  store.settle(b, [0])
  store.settle({ ...b, id: 'another' }, [40])
  t.equal(level('tokens')?.used, 10)
  t.equal(store.held, 0)
})

t.test('a window begins with the first reservation that counts, and a late settlement leaves the next one alone', async (t) => {
  const { reserve, level, store, clock } = stand()
  const given = granted(reserve([demand('x', 1, 1)]))
  clock.now = 900
  store.settle(given, [0])
  t.same(level('x'), { used: 0, resetIn: 0 }, 'one that was given back opened no window')
  const held = granted(reserve([demand('x', 1, 1)]))
  t.same(level('x'), { used: 1, resetIn: 1000 })
  clock.now = 1899
  t.notOk(reserve([demand('x', 1, 1)]).granted)
  clock.now = 1900
  t.ok(reserve([demand('x', 1, 1)]).granted, 'the window is over')
  store.settle(held, [0])
  t.equal(level('x')?.used, 1, 'the new window is untouched')
})

t.test('a hold of nothing keeps its window open for what it will use', async (t) => {
  const { reserve, level, store } = stand()
  const unknown = granted(reserve([demand('x', 0, 100, { dryRun: true })]))
  const other = granted(reserve([demand('x', 5, 100)]))
  store.settle(other, [0])
  store.settle(unknown, [7])
  t.equal(level('x')?.used, 7)
})

t.test('what is held at once is never spent', async (t) => {
  const { reserve, level, store } = stand()
  const first = granted(reserve([demand('p', 1, 2, { window: HELD })]))
  granted(reserve([demand('p', 1, 2, { window: HELD })]))
  t.match(reserve([demand('p', 1, 2, { window: HELD })]), { granted: false, levels: [{ used: 2, resetIn: 0 }] })
  store.settle(first, [1])
  t.same(level('p', HELD), { used: 1, resetIn: 0 })
})

t.test('windows of the calendar: counted where they were reserved, forgotten when they are over', async (t) => {
  const { reserve, level, store, clock } = stand()
  const day = (n: number): Window => ({ kind: 'calendar', startsAt: Date.UTC(2026, 10, n), endsAt: Date.UTC(2026, 10, n + 1) })
  const today = day(26)
  const held = granted(reserve([demand('26', 60, 100, { window: today })]))
  t.same(level('26', today), { used: 60, resetIn: 86_400_000 })
  clock.time += 86_400_001
  granted(reserve([demand('27', 100, 100, { window: day(27) })]))
  store.settle(held, [10])
  t.same(level('26', today), { used: 10, resetIn: 0 })
  t.same(level('27', day(27)), { used: 100, resetIn: 86_399_999 })
  clock.time -= 3_600_000
  t.notOk(reserve([demand('26', 91, 100, { window: today })]).granted, 'a clock put back finds yesterday as it was')
  const never: Window = { kind: 'calendar', startsAt: 0, endsAt: Infinity }
  granted(reserve([demand('total', 1, 1, { window: never })]))
  t.same(level('total', never), { used: 1, resetIn: Infinity })
  clock.time += 2 * 3_600_000
  for (let n = 0; n < 1100; n++) reserve([demand(`filler ${n}`, 1, 1)])
  clock.time -= 2 * 3_600_000
  t.equal(level('26', today)?.used, 10, 'however many others there are')
  clock.time += 3 * 86_400_000
  for (let n = 0; n < 3300; n++) reserve([demand(`another ${n}`, 1, 1)])
  t.equal(level('26', today)?.used, 0, 'days later it is forgotten')
  t.equal(level('total', never)?.used, 1)
})

t.test('output: as much as every limit affords', async (t) => {
  const { reserve, level } = stand()
  const money = (base: number, limit: number, each: number): Demand => demand(`m${limit}`, base, limit, { each })
  t.match(reserve([money(100, 1000, 3)], { least: 10, most: 1e6 }), { granted: true, output: 300, held: [1000] })
  t.match(reserve([money(0, 2000, 1), money(0, 5000, 4)], { least: 10, most: 500 }), { granted: true, output: 500, held: [500, 2000] })
  t.match(reserve([money(0, 2000, 1), money(0, 5000, 4)], { least: 10, most: 5000 }), { granted: true, output: 750, held: [750, 3000] })
  t.match(reserve([money(0, 2000, 1), money(0, 5000, 4)], { least: 1, most: 5000 }), { granted: false, demand: 1 })
  t.equal(level('m2000')?.used, 1250)
  t.match(reserve([money(0.2, 100, 0.075)], { least: 1, most: 40 }), { granted: true, output: 40, held: [4] }, 'fractions are rounded up once')
  t.match(reserve([money(7.00001, 101, 0)]), { granted: true, held: [7] }, 'what a division lost is no unit')
})

t.test('a dry run counts and tells, and neither refuses nor caps', async (t) => {
  const { reserve, level } = stand()
  const trial = demand('trial', 60, 100, { dryRun: true, each: 1 })
  t.match(reserve([trial], { least: 10, most: 50 }), { granted: true, exceeded: [], output: 50, held: [110] })
  t.match(reserve([demand('real', 1, 10), trial], { least: 10, most: 50 }), { granted: true, exceeded: [1], output: 50 })
  t.equal(level('trial')?.used, 220)
  t.match(reserve([trial, demand('real', 10, 10)]), { granted: false, demand: 1 })
  t.equal(level('trial')?.used, 220, 'of what another limit refuses it counts nothing')
})

t.test('a counter begins as it is known to stand, and is asked for once', async (t) => {
  const asked: string[] = []
  const { reserve, level, clock } = stand(({ counter }) => {
    asked.push(counter)
    return counter === 'hour' ? { used: 9, startedAt: Date.UTC(2026, 10, 26) - 400 } : counter === 'old' ? { used: 9, startedAt: Date.UTC(2026, 10, 26) - 1000 } : { used: 5 }
  })
  const month: Window = { kind: 'calendar', startsAt: 0, endsAt: Date.UTC(2026, 11, 1) }
  t.match(reserve([demand('hour', 2, 10)]), { granted: false, levels: [{ used: 9, resetIn: 600 }] })
  t.ok(reserve([demand('hour', 1, 10), demand('month', 5, 10, { window: month })]).granted)
  t.equal(level('month', month)?.used, 10)
  t.same(level('old'), { used: 0, resetIn: 0 }, 'a window that is over is none')
  clock.now = 600
  t.same(level('hour'), { used: 0, resetIn: 0 })
  t.ok(reserve([demand('hour', 10, 10)]).granted)
  t.same(asked.sort(), ['hour', 'month', 'old'])
})

t.test('against a model of it: no interleaving overspends, and nothing is left held', async (t) => {
  interface Entry { name: string, window: Window, limit: number, dryRun: boolean }
  interface Booked { reservation: Granted, windows: Array<{ endsAt: number, sum: number, holds: number }> }
  for (let run = 0; run < 300; run++) {
    const random = dice(run + 1)
    const { clock, store, reserve } = stand()
    const kinds: Window[] = [SECOND, { kind: 'length', ms: 300 }, HELD, { kind: 'calendar', startsAt: 0, endsAt: Infinity }]
    const entries: Entry[] = Array.from({ length: 5 }, (_, i) => ({ name: `c${i}`, window: kinds[random(kinds.length)] as Window, limit: random(60), dryRun: random(4) === 0 }))
    // The model: of each counter the window that is open, and in it one sum of all that is spent and held.
    const open = new Map<string, { endsAt: number, sum: number, holds: number }>()
    const booked: Booked[] = []
    const find = ({ name, window }: Entry) => {
      const found = open.get(name)
      return found !== undefined && (window.kind !== 'length' || found.endsAt > clock.now) ? found : undefined
    }
    for (let step = 0; step < 150; step++) {
      const action = random(10)
      if (action === 0) clock.now += random(400)
      else if (action < 6) {
        const chosen = entries.filter(() => random(2) === 0)
        const demands = chosen.map((entry) => demand(entry.name, random(100) / 10, entry.limit, { window: entry.window, dryRun: entry.dryRun, each: random(3) / 4 }))
        const elastic = random(2) === 0 ? { least: 2, most: 2 + random(30) } : { least: 0, most: 0 }
        const holdOf = ({ base, each }: Demand, output: number): number => Math.max(0, Math.ceil(base + output * each - 1e-4))
        const passes = (output: number): boolean => chosen.every((entry, i) =>
          entry.dryRun || (entry.limit > 0 && (find(entry)?.sum ?? 0) + holdOf(demands[i] as Demand, output) <= entry.limit))
        const reservation = reserve(demands, elastic)
        if (reservation.granted !== passes(elastic.least)) throw new Error(`run ${run} step ${step}: ${reservation.granted}`)
        if (!reservation.granted) continue
        if (!passes(reservation.output) || (reservation.output < elastic.most && passes(reservation.output + 1))) throw new Error(`run ${run} step ${step}: output ${reservation.output}`)
        const windows = chosen.map((entry, i) => {
          let window = find(entry)
          if (window === undefined) open.set(entry.name, window = { endsAt: clock.now + (entry.window.kind === 'length' ? entry.window.ms : Infinity), sum: 0, holds: 0 })
          window.sum += holdOf(demands[i] as Demand, reservation.output)
          window.holds++
          return window
        })
        booked.push({ reservation, windows })
      } else if (booked.length > 0) {
        end(booked.splice(random(booked.length), 1)[0] as Booked)
      }
      check(`run ${run} step ${step}`)
    }
    for (const one of booked.splice(0)) end(one)
    check(`run ${run}`)
    if (store.held !== 0) throw new Error(`run ${run}: ${store.held} holds left`)
    for (const entry of entries) if (entry.window.kind === 'held' && (find(entry)?.sum ?? 0) !== 0) throw new Error(`run ${run}: ${entry.name} is held`)

    function end ({ reservation, windows }: Booked): void {
      const used = reservation.held.map((held) => random(3) === 0 ? 0 : random(held + 1))
      store.settle(reservation, used)
      if (random(4) === 0) store.settle(reservation, reservation.held)
      windows.forEach((window, i) => {
        const { window: { kind }, counter } = reservation.demands[i] as Demand
        window.sum += (kind === 'held' ? 0 : used[i] ?? 0) - (reservation.held[i] ?? 0)
        window.holds--
        if (kind === 'length' && window.sum === 0 && window.holds === 0 && open.get(counter) === window) window.endsAt = -Infinity
      })
    }

    function check (where: string): void {
      entries.forEach((entry) => {
        const used = store.levels([gauge(entry.name, entry.window)])[0]?.used
        const expected = find(entry)?.sum ?? 0
        if (used !== expected) throw new Error(`${where}: ${entry.name} is ${used}, not ${expected}`)
        if (!entry.dryRun && expected > entry.limit) throw new Error(`${where}: ${entry.name} is over its limit`)
      })
    }
  }
  t.pass('300 runs')
})

t.test('waits as the vendors write them', async (t) => {
  t.same([0, 1, 7000, 59_999, 60_000, 3_552_000, 3_600_000].map(formatWait), ['0s', '1s', '7s', '1m0s', '1m0s', '59m12s', '1h0m0s'])
})
