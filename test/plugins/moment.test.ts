import t from 'tap'
import { timestamp } from '../../plugins/moment.ts'

t.test('a time as text is what the calendar says, in whatever order it is asked', async (t) => {
  const times = [0, 999, 1000, 1_795_730_925_571, 1_795_730_925_000, 1_795_730_925_999, 1_795_730_926_000, 1_795_730_925_570, 951_782_400_007]
  for (const time of [...times, ...times.toReversed()]) t.equal(timestamp(time), new Date(time).toISOString())
})
