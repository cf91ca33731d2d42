import { randomUUID } from 'node:crypto'
import t from 'tap'
import { MemoryStore } from '../../../plugins/quota/memory.ts'
import type { Demand, Granted, Reservation } from '../../../plugins/quota/store.ts'
import { startRedis, withoutRedis } from '../../redis.ts'
import { demand, eventually, held, hour, randomFrom, startGateway } from './gateways.ts'

const forever = { kind: 'calendar', startsAt: 0, endsAt: Infinity } as const

/** What both must agree in. */
function view (answer: Reservation): string {
  const levels = answer.levels.map(({ used, resetIn }) => [used, resetIn === Infinity ? 'never' : Math.round(resetIn / 1e5)])
  return JSON.stringify(answer.granted
    ? [answer.output, answer.held, answer.exceeded, levels]
    : ['refused', answer.demand, levels])
}

t.test('the stores in Redis and in memory say the same of whatever is asked', { skip: withoutRedis }, async (t) => {
  const { store } = await startGateway(t, (await startRedis(t)).url)
  const random = randomFrom(77)
  const seen = { granted: 0, refused: 0, cut: 0, exceeded: 0 }
  for (let run = 0; run < 25; run++) {
    const memory = new MemoryStore()
    const demands = [
      demand(`${run} money`, 0, random(10) === 0 ? 0 : 500 + random(5000), { unit: 'money' }),
      demand(`${run} tokens`, 0, 30 + random(600), { unit: 'tokens', window: hour }),
      demand(`${run} parallel`, 1, 1 + random(9), { unit: 'parallel', window: held }),
      demand(`${run} dry`, 0, 20 + random(50), { dryRun: true, window: hour }),
      demand(`${run} requests`, 1, 10 + random(20), { window: forever })
    ]
    const asked = (each: Demand): Demand => {
      if (each.unit === 'money') return { ...each, base: random(300) + random(10) / 7, each: random(40) / 7 }
      return each.unit === 'tokens' ? { ...each, base: random(50), each: random(2) } : { ...each, base: random(3) }
    }
    const open: Array<[Granted, Granted]> = []
    for (let step = 0; step < 60; step++) {
      if (random(5) < 3) {
        const some = demands.filter(() => random(4) > 0).map(asked)
        const output = random(2) === 0 ? undefined : { least: random(10), most: 10 + random(200) }
        const id = randomUUID()
        const [there, here] = [await store.reserve(id, some, output), memory.reserve(id, some, output)]
        if (view(there) !== view(here)) return t.equal(view(there), view(here), JSON.stringify(some))
        if (!there.granted || !here.granted) {
          seen.refused++
          continue
        }
        seen.granted++
        seen.exceeded += there.exceeded.length
        if (output !== undefined && there.output < output.most) seen.cut++
        open.push([there, here])
      } else if (open.length > 0) {
        const [[there, here]] = open.splice(random(open.length), 1) as [[Granted, Granted]]
        const none = random(4) === 0
        const used = there.held.map((most) => none ? 0 : random(most + 5))
        store.settle(there, used)
        memory.settle(here, used)
        const stand = JSON.stringify(memory.levels(demands).map((level) => level.used))
        await eventually(async () => JSON.stringify((await store.levels(demands)).map((level) => level.used)) === stand, 3000)
      }
    }
  }
  t.ok(seen.granted > 200 && seen.refused > 200 && seen.cut > 20 && seen.exceeded > 3, JSON.stringify(seen))
})

t.test('a dry run of more than any number holds leaves the counter as it was', { skip: withoutRedis }, async (t) => {
  const { store } = await startGateway(t, (await startRedis(t)).url)
  for (const quota of [store, new MemoryStore()]) {
    const dry = { ...demand('dry', 0, 10, { dryRun: true, window: forever }), base: 5 }
    const small = await quota.reserve(randomUUID(), [dry])
    const large = await quota.reserve(randomUUID(), [{ ...dry, base: 1e30, each: 1e30 }], { least: 1, most: 1e9 })
    t.ok(small.granted && large.granted)
    if (!small.granted || !large.granted) return
    t.same(large.exceeded, [0])
    t.ok(Number.isSafeInteger(large.held[0]))
    quota.settle(large, [1])
    quota.settle(small, [5])
    await eventually(async () => (await quota.levels([dry]))[0]?.used === 6, 3000)
  }
})
