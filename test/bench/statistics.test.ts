import t from 'tap'
import { median, percentile } from '../../bench/statistics.ts'

t.test('a percentile is one of the values', async (t) => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
  t.equal(percentile(hundred, 0.5), 50)
  t.equal(percentile(hundred, 0.99), 99)
  t.equal(percentile(hundred, 1), 100)
  t.equal(percentile(hundred, 0), 1)
  t.equal(percentile([10, 9], 0.5), 9, 'numbers, not texts')
  t.ok(Number.isNaN(percentile([], 0.5)))
})

t.test('the median', async (t) => {
  t.equal(median([10, 9, 100]), 10)
  t.equal(median([4, 1, 3, 2]), 2.5)
  t.ok(Number.isNaN(median([])))
})
