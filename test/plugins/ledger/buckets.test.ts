import t from 'tap'
import type { Usage } from '../../../providers/dialects/events.ts'
import { BUCKET_COLUMNS, BUCKETS, countsOf, usageOf } from '../../../plugins/ledger/buckets.ts'

t.test('counts are in the order of their columns', async (t) => {
  const usage: Usage = Object.fromEntries(BUCKETS.map((bucket, index) => [bucket, index]))
  t.strictSame(countsOf(usage, null), BUCKET_COLUMNS.map((_, index) => index))
  t.strictSame(countsOf({}, null), BUCKET_COLUMNS.map(() => null))
  t.strictSame(countsOf({ output: 3 }, 0).indexOf(3), BUCKET_COLUMNS.indexOf('output'))
})

t.test('what was written is read again: an unknown bucket is none, and zero is one', async (t) => {
  for (const usage of [{}, { input: 0 }, { input: 7, cacheWrite1h: 5, audioOutput: 1 }] satisfies Usage[]) {
    const counts = countsOf(usage, null)
    t.strictSame(usageOf(Object.fromEntries(BUCKET_COLUMNS.map((column, index) => [column, counts[index]]))), usage)
  }
})
