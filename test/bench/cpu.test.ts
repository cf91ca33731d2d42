import t from 'tap'
import { parseBusy, parseRss, parseStat } from '../../bench/cpu.ts'

t.test('times of a process, whatever its name', async (t) => {
  const fields = 'S 1 2 3 0 -1 4194304 101 0 0 0 250 75 1000 5 20 0 1 0 76044 3133440 390'
  t.same(parseStat(`42 (node) ${fields}`), { own: 3.25, children: 10.05 })
  t.same(parseStat(`42 (a ) S 9 (b) ${fields}`), { own: 3.25, children: 10.05 }, 'a name may look like fields')
  t.same(parseStat('gone'), { own: NaN, children: NaN })
})

t.test('times of the machine leave out idling, waiting and what was stolen', async (t) => {
  t.equal(parseBusy('cpu  100 20 30 9999 888 4 6 777 0 0\ncpu0 1 1 1 1\n'), 1.6)
})

t.test('memory in use', async (t) => {
  t.equal(parseRss('VmPeak:\t  999 kB\nVmRSS:\t    1736 kB\nRssAnon:\t 1 kB\n'), 1736 * 1024)
  t.ok(Number.isNaN(parseRss('')))
})
