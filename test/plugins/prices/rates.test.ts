import t from 'tap'
import { ratesMet, toRates } from '../../../plugins/prices/rates.ts'

t.test('the rates that a request met', async (t) => {
  const plain = toRates({ input: 0.75, output: 4.5, cache_read: 0.075 })
  const met = (usage: Parameters<typeof ratesMet>[1], rates = plain): unknown => JSON.parse(ratesMet(rates, usage))
  t.strictSame(met({ input: 11, output: 321 }), { input: 750_000_000, output: 4_500_000_000 })
  t.strictSame(met({ input: 1, cacheRead: 0, reasoning: 5 }), { input: 750_000_000, reasoning: 4_500_000_000 })
  t.strictSame(met({ cacheRead: 3, audioOutput: 1 }), { cacheRead: 75_000_000, audioOutput: 4_500_000_000 })
  t.strictSame(met({}), {})
  t.strictSame(met({ output: 2 }, toRates({ input: 1, output: 1, per_request: 0.005 })), { output: 1_000_000_000, request: 5_000_000 })
  t.strictSame(met({ output: 2 }), { output: 4_500_000_000 }, 'each price has its own')
})
