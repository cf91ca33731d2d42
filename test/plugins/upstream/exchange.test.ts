import { Redis } from 'ioredis'
import t from 'tap'
import { exchange, exchangeKeys } from '../../../plugins/upstream/exchange.ts'
import type { Teardown } from '../../helper.ts'
import { startRedis, withoutRedis } from '../../redis.ts'

interface Word { learned: number, rests: number, failures: number, moment: number }

/** Tells Redis what a gateway has learned of a target. @returns what then stands there: failures and gateway */
async function connect (t: Teardown): Promise<(gateway: string, word: Word) => Promise<string[]>> {
  const client = new Redis((await startRedis(t)).url, { protocol: 2 })
  t.teardown(() => client.disconnect())
  return async (gateway, { learned, rests, failures, moment }) => {
    await client.eval(exchange.source, exchangeKeys.length, ...exchangeKeys, gateway, 'epoch', '', 0, 'x', learned, rests, 10_000, failures, moment)
    const [, , , said = '', , by = ''] = (await client.hget(exchangeKeys[2] ?? '', 'x') ?? '').split(' ')
    return [said, by]
  }
}

t.test('of two gateways that say something else of a target, the one that learned it later is right', { skip: withoutRedis }, async (t) => {
  const tell = await connect(t)
  t.same(await tell('a', { learned: 500, rests: 9500, failures: 3, moment: 9_000_000 }), ['3', 'a'])
  t.same(await tell('b', { learned: 5000, rests: 0, failures: 0, moment: 10 }), ['3', 'a'], 'b learned it long before')
  t.same(await tell('b', { learned: 100, rests: 0, failures: 0, moment: 20 }), ['0', 'b'])
})

t.test('of two words of one gateway the later one counts, however long the first was on its way', { skip: withoutRedis }, async (t) => {
  const tell = await connect(t)
  t.same(await tell('a', { learned: 0, rests: 10_000, failures: 3, moment: 1000.25 }), ['3', 'a'])
  t.same(await tell('a', { learned: 400, rests: 0, failures: 0, moment: 1000.5 }), ['0', 'a'], 'by Redis\' clock it is the older')
  t.same(await tell('a', { learned: 0, rests: 10_000, failures: 3, moment: 1000.25 }), ['0', 'a'], 'one that was held up on another connection')
  t.same(await tell('b', { learned: 200, rests: 10_000, failures: 4, moment: 1 }), ['0', 'a'], 'and what is older than the first word is older than the second')
})
