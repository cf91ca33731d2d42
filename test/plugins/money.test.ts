import t from 'tap'
import { formatDollars, toNano } from '../../plugins/money.ts'

t.test('an amount in dollars, exactly, however often it is asked for', async (t) => {
  const amounts: Array<[nano: number, dollars: string]> = [
    [0, '0'], [1, '0.000000001'], [1_063_761_250, '1.06376125'], [1e9, '1'], [12_000_000_000, '12'], [86_250_000, '0.08625'], [2 ** 53 - 1, '9007199.254740991']
  ]
  for (const [nano, dollars] of [...amounts, ...amounts.toReversed()]) {
    t.equal(formatDollars(nano), dollars)
    t.equal(formatDollars(nano), dollars)
  }
  t.equal(toNano(0.08625), 86_250_000)
})
