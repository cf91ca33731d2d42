import { randomUUID } from 'node:crypto'
import t from 'tap'
import { keys } from '../../../plugins/quota/redis/keys.ts'
import type { Granted } from '../../../plugins/quota/store.ts'
import { until } from '../../helper.ts'
import { startRedis, withoutRedis, type RedisServer } from '../../redis.ts'
import { demand, eventually, granted, held, hour, month, randomFrom, startGateway, usedOf, type Gateway } from './gateways.ts'

const options = { skip: withoutRedis }
let redis: RedisServer
let names = 0
/** A counter that no test had. */
const counter = (): string => `key ${++names} requests`

t.test('against a real Redis', options, async (t) => {
  redis = await startRedis(t)

  t.test('all demands pass together, or none is reserved', async (t) => {
    const { store } = await startGateway(t, redis.url)
    const [a, b] = [demand(counter(), 1, 2), demand(counter(), 60, 100)]
    t.match(await store.reserve('r1', [a, b]), { granted: true, id: 'r1', held: [1, 60], levels: [{ used: 1 }, { used: 60 }], exceeded: [], output: 0 })
    t.match(await store.reserve('r2', [a, b]), { granted: false, demand: 1, levels: [{ used: 1 }, { used: 60 }] })
    t.match(await store.levels([a, b]), [{ used: 1 }, { used: 60 }], 'nothing was taken')
  })

  t.test('settling replaces what is held, once', async (t) => {
    const gateway = await startGateway(t, redis.url)
    const a = demand(counter(), 60, 100, { unit: 'tokens' })
    const hold = await granted(gateway.store.reserve(randomUUID(), [a]))
    gateway.store.settle(hold, [10])
    gateway.store.settle(hold, [10])
    await eventually(async () => await usedOf(gateway, a) === 10)
    const given = await granted(gateway.store.reserve(randomUUID(), [a]))
    gateway.store.settle(given, [0])
    await eventually(async () => await usedOf(gateway, a) === 10)
    t.pass()
  })

  t.test('a window of a length begins with the first request that counts', async (t) => {
    const gateway = await startGateway(t, redis.url)
    const a = demand(counter(), 1, 3, { window: { kind: 'length', ms: 400 } })
    t.same(await gateway.store.levels([a]), [{ used: 0, resetIn: 0 }])
    const given = await granted(gateway.store.reserve(randomUUID(), [a]))
    gateway.store.settle(given, [0])
    await eventually(async () => (await gateway.store.levels([a]))[0]?.resetIn === 0)
    t.pass('one that was given back opened none')
    const first = await granted(gateway.store.reserve(randomUUID(), [a]))
    t.ok(Math.abs((first.levels[0]?.resetIn ?? 0) - 400) < 2)
    await granted(gateway.store.reserve(randomUUID(), [a]))
    await eventually(async () => await usedOf(gateway, a) === 0)
    const next = await granted(gateway.store.reserve(randomUUID(), [a]))
    t.not(next.windows[0], first.windows[0])
    gateway.store.settle(first, [0])
    gateway.store.settle(next, [2])
    await eventually(async () => await usedOf(gateway, a) === 2)
    t.pass('a late settlement leaves the next one alone')
  })

  t.test('parallel requests are held, and nothing of them is spent', async (t) => {
    const gateway = await startGateway(t, redis.url)
    const a = demand(counter(), 1, 2, { unit: 'parallel', window: held })
    const first = await granted(gateway.store.reserve(randomUUID(), [a]))
    await granted(gateway.store.reserve(randomUUID(), [a]))
    t.match(await gateway.store.reserve(randomUUID(), [a]), { granted: false, levels: [{ used: 2, resetIn: 0 }] })
    gateway.store.settle(first, [1])
    await eventually(async () => await usedOf(gateway, a) === 1)
  })

  t.test('output is as much as every limit affords, between least and most', async (t) => {
    const { store } = await startGateway(t, redis.url)
    const money = demand(counter(), 1000.5, 5000, { unit: 'money', each: 2.5 })
    const tokens = demand(counter(), 10, 1000, { unit: 'tokens', each: 1 })
    t.match(await store.reserve(randomUUID(), [money, tokens], { least: 16, most: 500 }), { granted: true, output: 500, held: [2251, 510] })
    t.match(await store.reserve(randomUUID(), [money, tokens], { least: 16, most: 500 }), { granted: true, output: 480, held: [2201, 490] })
    t.match(await store.reserve(randomUUID(), [money, tokens], { least: 16, most: 500 }), { granted: false, demand: 0 })
    const dry = demand(counter(), 10, 100, { each: 1, dryRun: true })
    t.match(await store.reserve(randomUUID(), [dry], { least: 200, most: 500 }), { granted: true, output: 500, held: [510], exceeded: [0] })
    const none = demand(counter(), 0, 0)
    t.match(await store.reserve(randomUUID(), [none]), { granted: false, demand: 0 }, 'a limit of zero refuses everything')
    t.match(await store.reserve(randomUUID(), [demand(counter(), 1, Infinity, { each: 1 })], { least: 0, most: 7 }), { granted: true, output: 7 })
    t.match(await store.reserve(randomUUID(), [], { least: 0, most: 7 }), { granted: true, output: 7 })
  })

  t.test('amounts are exact beyond what Lua writes by itself', async (t) => {
    const gateway = await startGateway(t, redis.url)
    const most = 9_007_199_254_740_801
    const a = demand(counter(), most - 1, most, { unit: 'money' })
    const hold = await granted(gateway.store.reserve(randomUUID(), [a]))
    t.same(hold.held, [most - 1])
    t.equal(await usedOf(gateway, a), most - 1)
    gateway.store.settle(hold, [most - 7])
    await eventually(async () => await usedOf(gateway, a) === most - 7)
    t.match(await gateway.store.reserve(randomUUID(), [{ ...a, base: 8 }]), { granted: false })
    const rest = await granted(gateway.store.reserve(randomUUID(), [{ ...a, base: 7 }]))
    t.equal(rest.levels[0]?.used, most)
  })

  t.test('windows of the calendar say when they end, and are forgotten days later; a total never is', async (t) => {
    const { store } = await startGateway(t, redis.url)
    const [a, total] = [demand(counter(), 1, 5), demand(counter(), 1, 5, { window: { kind: 'calendar', startsAt: 0, endsAt: Infinity } })]
    const { levels } = await granted(store.reserve(randomUUID(), [a, total]))
    t.ok(Math.abs((levels[0]?.resetIn ?? 0) - (month.endsAt - Date.now())) < 1000)
    t.equal(levels[1]?.resetIn, Infinity)
    const days = Number(redis.cli('PTTL', `llmgw:{limits}:counter:${a.counter}`)) / 86_400_000
    t.ok(days > 35 && days < 40, `${days} days`)
    t.equal(redis.cli('PTTL', `llmgw:{limits}:counter:${total.counter}`), '-1')
  })

  t.test('1,000 at once over three gateways, with room for K: exactly K (S30)', async (t) => {
    const gateways = await Promise.all([1, 2, 3].map(() => startGateway(t, redis.url)))
    const [a, b] = [demand(counter(), 7, 7 * 137, { unit: 'money' }), demand(counter(), 1, 900, { window: hour })]
    const answers = await Promise.all(Array.from({ length: 1000 }, (_, i) => gateways[i % 3]?.store.reserve(randomUUID(), [a, b])))
    t.equal(answers.filter((answer) => answer?.granted).length, 137)
    t.equal(await usedOf(gateways[0] as Gateway, a), 7 * 137)
    t.equal(await usedOf(gateways[1] as Gateway, b), 137)
  })

  t.test('any interleaving over three gateways: spent + held never passes the limit, and nothing is left held', async (t) => {
    const random = randomFrom(7)
    const gateways = await Promise.all([1, 2, 3].map(() => startGateway(t, redis.url)))
    let refused = 0
    await Promise.all(Array.from({ length: 12 }, async () => {
      const limits = [random(200) + 20, random(100) + 10, random(8) + 1]
      const demands = [
        demand(counter(), 0, limits[0] ?? 0, { unit: 'money' }), demand(counter(), 1, limits[1] ?? 0, { window: hour }),
        demand(counter(), 1, limits[2] ?? 0, { unit: 'parallel', window: held })
      ]
      const spent = [0, 0, 0]
      const open: Array<{ gateway: Gateway, hold: Granted }> = []
      for (let step = 0; step < 120; step++) {
        const gateway = gateways[random(3)] as Gateway
        if (random(5) < 3) {
          const amounts = [random(9), random(3), random(2)]
          const answer = await gateway.store.reserve(randomUUID(), demands.map((each, i) => ({ ...each, base: amounts[i] ?? 0 })))
          if (answer.granted) open.push({ gateway, hold: answer })
          else refused++
          answer.levels.forEach(({ used }, i) => { if (used > (limits[i] ?? 0)) t.fail(`${used} of ${limits[i]}`) })
        } else if (open.length > 0) {
          const [{ gateway, hold }] = open.splice(random(open.length), 1) as [typeof open[number]]
          const used = hold.held.map((most) => random(most + 1))
          gateway.settle(hold, used)
          used.forEach((amount, i) => { if (i < 2) spent[i] = (spent[i] ?? 0) + amount })
        }
      }
      for (const { gateway, hold } of open) gateway.settle(hold, [0, 0, 0])
      await eventually(async () => {
        const levels = await gateways[0]?.store.levels(demands)
        return levels?.every(({ used }, i) => used === spent[i]) === true
      })
    }))
    t.ok(refused > 50, `${refused} were refused`)
    t.equal(redis.cli('--scan', '--pattern', 'llmgw:{limits}:holds:*').split('\n').filter((key) => gateways.some(({ owner }) => key.includes(owner))).length, 0, 'no hold is left')
  })

  t.test('holds of a gateway that is gone are charged, and its parallel requests freed; those of one that lives are not', async (t) => {
    const timing = { lease: 300, sweepEvery: 50 }
    const [gone, alive] = [await startGateway(t, redis.url, timing), await startGateway(t, redis.url, timing)]
    const [a, b] = [demand(counter(), 5, 100), demand(counter(), 1, 100, { unit: 'parallel', window: held })]
    for (let i = 0; i < 300; i++) void gone.store.reserve(randomUUID(), [{ ...a, limit: 9999 }, { ...b, limit: 999 }])
    await eventually(async () => await usedOf(alive, a) === 1500)
    const hold = await granted(alive.store.reserve(randomUUID(), [{ ...a, limit: 9999 }, { ...b, limit: 999 }]))
    await gone.store.close()
    await eventually(async () => await usedOf(alive, b) === 1)
    t.equal(await usedOf(alive, a), 1505, 'charged at what they held')
    await new Promise((resolve) => setTimeout(resolve, 400))
    t.equal(await usedOf(alive, b), 1, 'a lease is renewed')
    alive.settle(hold, [2, 0])
    await eventually(async () => await usedOf(alive, a) === 1502 && await usedOf(alive, b) === 0)
  })

  t.test('a gateway that starts again frees at once what it held before', async (t) => {
    const a = demand(counter(), 1, 9, { unit: 'parallel', window: held })
    const before = await startGateway(t, redis.url, { source: 'same' })
    await granted(before.store.reserve(randomUUID(), [a]))
    await before.store.close()
    const after = await startGateway(t, redis.url, { source: 'same', sweepEvery: 30 })
    await granted(after.store.reserve(randomUUID(), [a]))
    await eventually(async () => await usedOf(after, a) === 1)
    t.pass()
  })

  t.test('each gateway adds its share of a counter once, before its first reservation', async (t) => {
    const a = demand(counter(), 1, 100)
    const rows = new Map([[a.counter, { used: 30 }]])
    const first = await startGateway(t, redis.url, { rows, source: 'one' })
    t.match(await first.store.reserve(randomUUID(), [a]), { levels: [{ used: 31 }] })
    const second = await startGateway(t, redis.url, { rows: new Map([[a.counter, { used: 20 }]]), source: 'two' })
    t.equal(await usedOf(second, a), 51)
    const again = await startGateway(t, redis.url, { rows, source: 'one' })
    t.match(await again.store.reserve(randomUUID(), [a]), { levels: [{ used: 52 }] }, 'the same rows, after a restart')
    const b = demand(counter(), 1, 100, { window: hour })
    const third = await startGateway(t, redis.url, { rows: new Map([[b.counter, { used: 9, startedAt: Date.now() - 3_000_000 }]]), source: 'three' })
    const [level] = await third.store.levels([b])
    t.equal(level?.used, 9)
    t.ok(Math.abs((level?.resetIn ?? 0) - 600_000) < 1000, 'its window goes on')
  })

  t.test('what a common database knows of others counts until they tell it themselves', async (t) => {
    const a = demand(counter(), 1, 1000)
    let asked = 0
    const others = async (): Promise<Record<string, { used: number }>> => {
      asked++
      return { one: { used: 5 }, two: { used: 90 }, gone: { used: 7 } }
    }
    const one = await startGateway(t, redis.url, { rows: new Map([[a.counter, { used: 10 }]]), source: 'one', others })
    const answers = await Promise.all([1, 2, 3].map(() => one.store.reserve(randomUUID(), [a])))
    t.equal(asked, 1, 'asked once')
    t.same(answers.map(({ levels }) => levels[0]?.used), [108, 109, 110])
    const two = await startGateway(t, redis.url, { rows: new Map([[a.counter, { used: 100 }]]), source: 'two', others })
    t.equal(await usedOf(two, a), 120)
    const b = demand(counter(), 1, 1000)
    const three = await startGateway(t, redis.url, { others: async () => { throw new Error('connection refused') } })
    t.match(await three.store.reserve(randomUUID(), [b]), { granted: true }, 'the other database is away')
    t.match(three.log.join('\n'), 'what other gateways used could not be asked for: connection refused')
  })

  t.test('a share is told by a gateway that nobody asks', async (t) => {
    const a = demand(counter(), 1, 100)
    await startGateway(t, redis.url, { rows: new Map([[a.counter, { used: 40 }]]), gauges: [a] })
    const asked = await startGateway(t, redis.url)
    t.equal(await usedOf(asked, a), 40)
  })

  t.test('a gateway that could not tell its shares when it met Redis tells them the next time', async (t) => {
    await redis.cli('flushall')
    const a = demand('late', 1, 100)
    const one = await startGateway(t, redis.url)
    await granted(one.store.reserve(randomUUID(), [demand('other', 1, 100)]))
    let tries = 0
    const seed = {
      source: 'late',
      own: () => ({ used: 7 }),
      gauges () {
        if (++tries === 1) throw new Error('not yet')
        return [a]
      }
    }
    await startGateway(t, redis.url, { seed })
    await eventually(async () => redis.cli('hget', keys.counter('late'), 'u') === '7')
    t.equal(tries, 2)
  })

  t.test('a reservation that was given up before it came holds nothing', async (t) => {
    const gateway = await startGateway(t, redis.url, { patience: 50 })
    const a = demand(counter(), 1, 9)
    const stopped = redis.process
    stopped.kill('SIGSTOP')
    const answer = await gateway.store.reserve('late', [a])
    stopped.kill('SIGCONT')
    t.ok(answer.granted)
    await eventually(async () => await usedOf(gateway, a) === 0)
    gateway.store.settle(answer as Granted, [1])
    await eventually(async () => await usedOf(gateway, a) === 1)
  })
})

t.test('one node of a cluster takes all keys', options, async (t) => {
  const node = await startRedis(t, '--cluster-enabled', 'yes')
  node.cli('CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
  await until(() => node.cli('CLUSTER', 'INFO').includes('cluster_state:ok'))
  const gateway = await startGateway(t, node.url, { sweepEvery: 20 })
  const [a, b] = [demand(counter(), 1, 9), demand(counter(), 1, 9, { window: hour })]
  gateway.settle(await granted(gateway.store.reserve(randomUUID(), [a, b])), [3, 3])
  await eventually(async () => await usedOf(gateway, a) === 3 && await usedOf(gateway, b) === 3)
  t.equal(gateway.store.state(), 'up')
})
