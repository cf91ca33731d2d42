import t from 'tap'
import { isDate, parseMoment, timestamp } from '../../plugins/moment.ts'

t.test('a time as text is what the calendar says, in whatever order it is asked', async (t) => {
  const times = [0, 999, 1000, 1_795_730_925_571, 1_795_730_925_000, 1_795_730_925_999, 1_795_730_926_000, 1_795_730_925_570, 951_782_400_007]
  for (const time of [...times, ...times.toReversed()]) t.equal(timestamp(time), new Date(time).toISOString())
})

t.test('a moment is a date, which begins in UTC, or a date and time with its zone', async (t) => {
  t.strictSame(['2026-02-28', '2026-02-28T01:00:00+01:00'].map(parseMoment), [Date.UTC(2026, 1, 28), Date.UTC(2026, 1, 28)])
  t.strictSame(['2026-02-29', '2026-1-1', '2026-02-28T00:00:00', 'today'].map(parseMoment), [undefined, undefined, undefined, undefined])
  t.strictSame(['2026-02-28', '2026-02-29', '2026-02-28T00:00:00Z'].map(isDate), [true, false, false])
})
