import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Demand, Granted } from '../../../plugins/quota/store.ts'
import { GatewayError } from '../../../plugins/errors.ts'
import { until } from '../../helper.ts'
import { startRedis, startWire, withoutRedis } from '../../redis.ts'
import { demand, eventually, granted, held, hour, startGateway, usedOf, type Gateway } from './gateways.ts'

const options = { skip: withoutRedis }
let names = 0
const counter = (): string => `key ${++names}`

/** How long each of some requests, one after the other, waits for its limits. */
async function waits ({ store }: Gateway, demands: Demand[], count: number): Promise<number[]> {
  const found: number[] = []
  for (let i = 0; i < count; i++) {
    const since = performance.now()
    await granted(store.reserve(randomUUID(), demands))
    found.push(performance.now() - since)
  }
  return found
}

const isDown = ({ store }: Gateway) => (): boolean => store.state() === 'down'
const isUp = ({ store }: Gateway) => (): boolean => store.state() === 'up'

t.test('Redis is down at the start: limits are as configured without it, and it is used once it is there (S9, S12)', options, async (t) => {
  const redis = await startRedis(t)
  await redis.kill()
  const gateways = await Promise.all([undefined, 'deny', 'local'].map((without) => startGateway(t, redis.url, { without: without as undefined })))
  const [byUnit, deny, local] = gateways as [Gateway, Gateway, Gateway]
  t.same(gateways.map(({ store }) => store.state()), ['down', 'down', 'down'])
  const [requests, money] = [demand(counter(), 1, 7), demand(counter(), 1, 7, { unit: 'money' })]
  const refused = { code: 'limits_unavailable', status: 503, headers: { 'retry-after': '2' } }

  await t.rejects(byUnit.store.reserve('1', [requests, money]), refused, 'a budget')
  await t.rejects(deny.store.reserve('2', [requests]), refused, 'everything')
  const first = await granted(byUnit.store.reserve('3', [requests, { ...money, dryRun: true }]))
  t.match(await byUnit.store.reserve('4', [requests]), { granted: true })
  t.match(await byUnit.store.reserve('5', [requests]), { granted: false }, 'seven by three is two')
  t.match(await local.store.reserve('6', [money]), { granted: true }, 'a budget, too')
  byUnit.settle(first, [1, 5])

  await redis.start()
  await until(() => gateways.every((gateway) => isUp(gateway)()))
  t.equal(await usedOf(deny, requests), 2, 'what was used meanwhile, and what is held')
  t.equal(await usedOf(deny, money), 6)
  byUnit.settle(await granted(byUnit.store.reserve('7', [requests])), [0])
  await eventually(async () => await usedOf(byUnit, requests) === 2)
})

t.test('Redis hangs: at most 100 ms each, of few requests; back: what was used meanwhile is added (S11, S12)', options, async (t) => {
  const redis = await startRedis(t)
  const gateway = await startGateway(t, redis.url, { patience: 90, replicas: 1 })
  const other = await startGateway(t, redis.url)
  const [a, b] = [demand(counter(), 1, 1000), demand(counter(), 1, 1000, { unit: 'parallel', window: held })]
  const before = await granted(gateway.store.reserve(randomUUID(), [a, b]))
  redis.process.kill('SIGSTOP')
  const hung = await waits(gateway, [a, b], 20)
  const slow = hung.filter((ms) => ms > 80)
  t.ok(slow.length <= 5, `${slow.length} of ${hung.length} requests waited, ${slow.map(Math.round)} ms`)
  t.equal(gateway.store.state(), 'down')
  const rest = hung.slice(slow.length).sort((x, y) => x - y)
  t.ok((rest[rest.length >> 1] ?? 99) < 5, `the others waited ${rest.at(-1)?.toFixed(2)} ms at most`)
  gateway.settle(before, [3, 0])
  redis.process.kill('SIGCONT')
  const since = performance.now()
  await until(isUp(gateway))
  t.comment(`hung: first ${slow.map((ms) => ms.toFixed(0))} ms, then ${rest.at(-1)?.toFixed(2)} ms; in use ${(performance.now() - since).toFixed(0)} ms after it goes on`)
  t.ok(performance.now() - since < 10_000)
  await eventually(async () => await usedOf(other, a) === 23 && await usedOf(other, b) === 20)
  t.pass('what was settled, and what is held')
})

t.test('many at once when it hangs: nobody waits longer than one (S11)', options, async (t) => {
  const redis = await startRedis(t)
  const gateway = await startGateway(t, redis.url, { patience: 90, replicas: 1 })
  const a = demand(counter(), 1, 1000)
  await granted(gateway.store.reserve(randomUUID(), [a]))
  redis.process.kill('SIGSTOP')
  const since = performance.now()
  const answers = await Promise.all(Array.from({ length: 300 }, async () => {
    await granted(gateway.store.reserve(randomUUID(), [a]))
    return performance.now() - since
  }))
  const longest = Math.max(...answers)
  t.comment(`300 at once: ${longest.toFixed(0)} ms`)
  redis.process.kill('SIGCONT')
  await until(isUp(gateway))
  await eventually(async () => await usedOf(gateway, a) === 301)
  t.pass('each is counted once, though Redis still had them to read')
})

t.test('a network that lets nothing through, and one that is slow (S11, S12)', options, async (t) => {
  const redis = await startRedis(t)
  const wire = await startWire(t, redis.port)
  const gateway = await startGateway(t, wire.url, { patience: 90, replicas: 1 })
  const a = demand(counter(), 1, 1000)
  for (const delay of [500, Infinity]) {
    await until(isUp(gateway))
    await granted(gateway.store.reserve(randomUUID(), [a]))
    wire.delay = delay
    const found = await waits(gateway, [a], 10)
    // It is tried again, and nobody waits for that.
    const end = performance.now() + 700
    while (performance.now() < end) {
      found.push(...await waits(gateway, [a], 1))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const slow = found.filter((ms) => ms > 80)
    t.ok(slow.length <= 5, `${delay} ms: ${slow.length} of ${found.length} requests waited`)
    t.comment(`${delay} ms late: ${slow.length} of ${found.length} waited, ${slow.map((ms) => ms.toFixed(0))} ms`)
    wire.delay = 0
    const since = performance.now()
    await until(isUp(gateway))
    t.comment(`in use after ${(performance.now() - since).toFixed(0)} ms`)
  }
})

t.test('killed and back without anything: each gateway tells its rows and its open holds (S10, S12)', options, async (t) => {
  const redis = await startRedis(t)
  const gateways = await Promise.all([1, 2, 3].map(() => startGateway(t, redis.url)))
  const [one, two] = gateways as [Gateway, Gateway]
  const demands = [demand(counter(), 10, 1000, { unit: 'money' }), demand(counter(), 1, 1000, { window: hour }), demand(counter(), 1, 99, { unit: 'parallel', window: held })]
  const holds = await Promise.all(gateways.map((gateway) => granted(gateway.store.reserve(randomUUID(), demands))))
  for (const gateway of gateways) gateway.settle(await granted(gateway.store.reserve(randomUUID(), demands)), [4, 1, 0])
  await redis.kill()
  await until(() => gateways.every((gateway) => isDown(gateway)()))
  one.settle(holds[0] as Granted, [7, 1, 0])
  await redis.start()
  const since = performance.now()
  await until(() => gateways.every((gateway) => isUp(gateway)()))
  t.comment(`in use ${(performance.now() - since).toFixed(0)} ms after it is back`)
  for (const gateway of gateways) await gateway.store.levels(demands)
  t.same((await one.store.levels(demands)).map(({ used }) => used), [3 * 4 + 7 + 2 * 10, 3 + 1 + 2, 2])
  two.settle(holds[1] as Granted, [5, 1, 0])
  gateways[2]?.settle(holds[2] as Granted, [0, 0, 0])
  await eventually(async () => JSON.stringify((await one.store.levels(demands)).map(({ used }) => used)) === JSON.stringify([3 * 4 + 7 + 5, 3 + 1 + 1, 0]))
  t.match(one.log.join('\n'), 'Redis has lost what it had')
})

t.test('restarted with what it had: it goes on; with less than gateways have seen: it is told anew (S10, S12)', options, async (t) => {
  const redis = await startRedis(t, '--appendonly', 'yes', '--appendfsync', 'always')
  const gateway = await startGateway(t, redis.url)
  const a = demand(counter(), 5, 1000)
  const hold = await granted(gateway.store.reserve(randomUUID(), [a]))
  await redis.kill()
  await until(isDown(gateway))
  await redis.start()
  await until(isUp(gateway))
  gateway.rows.set(a.counter, { used: 500 })
  t.equal(await usedOf(gateway, a), 5, 'nothing is told twice')
  gateway.store.settle(hold, [3])
  await eventually(async () => await usedOf(gateway, a) === 3)

  const older = await startRedis(t)
  const saved = await startGateway(t, older.url)
  const b = demand(counter(), 1, 1000)
  const open = await granted(saved.store.reserve(randomUUID(), [b]))
  older.cli('SAVE')
  for (let i = 0; i < 5; i++) saved.settle(await granted(saved.store.reserve(randomUUID(), [b])), [1])
  await eventually(async () => await usedOf(saved, b) === 6)
  await older.kill()
  await until(isDown(saved))
  await older.start()
  await until(isUp(saved))
  t.equal(await usedOf(saved, b), 6)
  saved.settle(open, [2])
  await eventually(async () => await usedOf(saved, b) === 7)
})

t.test('Redis has no room: as if it were away, and nothing is half done', options, async (t) => {
  const redis = await startRedis(t, '--maxmemory-policy', 'noeviction')
  const gateway = await startGateway(t, redis.url, { replicas: 1 })
  const demands = [demand(counter(), 5, 100), demand(counter(), 1, 100, { window: hour })]
  const hold = await granted(gateway.store.reserve(randomUUID(), demands))
  redis.cli('CONFIG', 'SET', 'maxmemory', '1')
  gateway.settle(hold, [3, 1])
  await until(isDown(gateway))
  gateway.settle(await granted(gateway.store.reserve(randomUUID(), demands)), [4, 1])
  redis.cli('CONFIG', 'SET', 'maxmemory', '0')
  await until(isUp(gateway))
  t.same((await gateway.store.levels(demands)).map(({ used }) => used), [7, 2])
  t.match(gateway.log.join('\n'), /Redis is not in use: .*OOM/)
})

t.test('emptied: a gateway that nobody asks tells its share, too', options, async (t) => {
  const redis = await startRedis(t)
  const [idle, asked] = [await startGateway(t, redis.url, { lease: 150 }), await startGateway(t, redis.url)]
  const a = demand(counter(), 1, 100)
  idle.settle(await granted(idle.store.reserve(randomUUID(), [a])), [1])
  await granted(idle.store.reserve(randomUUID(), [a]))
  await eventually(async () => await usedOf(asked, a) === 2)
  redis.cli('FLUSHALL')
  await eventually(async () => await usedOf(asked, a) === 2)
  t.pass()
})

t.test('emptied under load: nothing is lost, nothing counted twice, only budgets wait for what other gateways have to tell', options, async (t) => {
  const redis = await startRedis(t)
  const gateways = await Promise.all([1, 2, 3].map(() => startGateway(t, redis.url)))
  const demands = [demand(counter(), 10, 1e6, { unit: 'money' }), demand(counter(), 1, 1e6, { window: hour }), demand(counter(), 1, 999, { unit: 'parallel', window: held })]
  const [, ...others] = demands
  let [spent, calls, failed, waited] = [0, 0, 0, 0]
  const stop = new AbortController()
  const load = gateways.flatMap((gateway, n) => Array.from({ length: 5 }, async (_, m) => {
    while (!stop.signal.aborted) {
      try {
        const budgeted = m % 2 === 0
        const hold = await granted(gateway.store.reserve(randomUUID(), budgeted ? demands : others))
        await new Promise((resolve) => setTimeout(resolve, (n + m * 3) % 7))
        const used = budgeted ? (calls + n) % 10 : 0
        gateway.settle(hold, budgeted ? [used, 1, 0] : [1, 0])
        spent += used
        calls++
      } catch (error) {
        if (!(error instanceof GatewayError)) throw error
        if (m % 2 === 0) waited++
        else failed++
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
    }
  }))
  for (let i = 0; i < 3; i++) {
    const enough = calls + 150
    await until(() => calls >= enough)
    redis.cli('FLUSHALL')
  }
  const enough = calls + 100
  await until(() => calls >= enough)
  stop.abort()
  await Promise.all(load)
  for (const gateway of gateways) await gateway.store.levels(demands)
  await eventually(async () => (await gateways[0]?.store.levels(demands))?.every(({ used }, i) => used === [spent, calls, 0][i]) === true)
  t.equal(failed, 0, `of ${calls} calls`)
  t.ok(waited > 0, 'budgets do')
  t.equal(redis.cli('--scan', '--pattern', '*holds*'), '')
})

t.test('killed and started again, at random, under load: the counters agree with the ledgers (S10, S16)', options, async (t) => {
  const redis = await startRedis(t, '--appendonly', 'yes', '--appendfsync', 'always')
  const gateways = await Promise.all([1, 2, 3].map(() => startGateway(t, redis.url, { without: 'local', replicas: 1 })))
  const demands = [demand(counter(), 10, 1e6, { unit: 'money' }), demand(counter(), 1, 999, { unit: 'parallel', window: held })]
  let [spent, calls] = [0, 0]
  const stop = new AbortController()
  const load = gateways.flatMap((gateway, n) => Array.from({ length: 4 }, async (_, m) => {
    while (!stop.signal.aborted) {
      const hold = await granted(gateway.store.reserve(randomUUID(), demands))
      await new Promise((resolve) => setTimeout(resolve, 1 + (n + m * 3) % 9))
      const used = (calls + n) % 10
      gateway.settle(hold, [used, 0])
      spent += used
      calls++
    }
  }))
  for (let i = 0; i < 3; i++) {
    const enough = calls + 100
    await until(() => calls >= enough)
    if (i % 2 === 0) redis.process.kill('SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, 30 * i))
    await redis.kill()
    await until(() => gateways.every((gateway) => isDown(gateway)()))
    await redis.start()
    await until(() => gateways.every((gateway) => isUp(gateway)()))
  }
  stop.abort()
  await Promise.all(load)
  await eventually(async () => (await gateways[0]?.store.levels(demands))?.every(({ used }, i) => used === [spent, 0][i]) === true)
  t.pass(`${calls} calls`)
})
