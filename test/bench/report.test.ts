import { readFileSync } from 'node:fs'
import t from 'tap'
import { goals, judge } from '../../bench/goals.ts'
import { readOptions } from '../../bench/options.ts'
import { barChart } from '../../bench/plot.ts'
import { goalTable, number, report, summaryTable, table } from '../../bench/report.ts'
import { overRounds, tally, type Result, type Run } from '../../bench/results.ts'
import { smokeFaults } from '../../bench/smoke.ts'

const result = (target: string, round: number, cpu: number, faults: string[] = []): Result => ({ scenario: 'whole', target, round, figures: { cpu }, faults, others: 0.1 })
const run: Run = {
  machine: { cpu: '2 × a CPU', node: 'v24.0.0' },
  date: '2026-11-26',
  commit: '0123abc',
  rounds: 3,
  seconds: 5,
  smoke: false,
  scenarios: [{ name: 'whole', title: 'Whole replies', unit: 'request', targets: ['direct', 'nginx', 'ours', 'portkey'] }],
  results: [
    result('direct', 0, NaN),
    result('nginx', 0, 10), result('ours', 0, 70),
    result('nginx', 1, 20), result('ours', 1, 100, ['2 × status 502']),
    result('nginx', 2, 10), result('ours', 2, 90)
  ],
  skipped: [{ scenario: 'whole', target: 'portkey', reason: 'npm could not install it\nbecause' }]
}
const [first] = goals

t.test('ratios are taken within a round', async (t) => {
  t.equal(overRounds(run, 'whole', (look) => look('cpu', 'ours') / look('cpu', 'nginx')), 7)
  t.ok(Number.isNaN(overRounds(run, 'whole', (look) => look('cpu', 'portkey'))))
  t.same(judge(first!, run), { value: 7, least: 5, most: 9, verdict: 'met' })
  t.equal(judge(goals[1]!, run).verdict, 'not measured')
  t.equal(judge({ ...first!, must: 8, aim: 10, more: true }, run).verdict, 'missed')
})

t.test('the README has the figures that were published', async (t) => {
  const published = JSON.parse(readFileSync('docs/benchmarks.json', 'utf8')) as Run
  const [, made] = /<!-- speed -->\n([^]*?)\n<!-- \/speed -->/.exec(readFileSync('README.md', 'utf8')) ?? []
  t.equal(made, summaryTable(published), 'npm run bench -- --publish writes both')
})

t.test('a report in Markdown', async (t) => {
  t.equal(goalTable(run).split('\n')[2], '| CPU per whole reply, saturated, against nginx | ≤ 8 × | ≤ 6.5 × | 7 × | 5 to 9 | met |')
  const text = report(run)
  t.match(text, '2026-11-26, commit 0123abc, 2 × a CPU, node v24.0.0. 3 rounds of 5 s.')
  t.match(text, '| ours | 90 | 7 | 2 × status 502 |')
  t.match(text, '| direct | – | – |  |')
  t.notMatch(text, 'busy')
  t.match(report({ ...run, results: run.results.map((result) => ({ ...result, others: 0.5 })) }), 'Other programs kept 0.5 cores busy')
  t.match(text, /portkey is left out: npm could not install it$/m)
  t.equal(table(['a', 'b', 'c'], [['x', '1', 'y']]), '| a | b | c |\n| --- | ---: | --- |\n| x | 1 | y |')
  t.same([NaN, 0, 0.123, 12.34, 123.4, 12345].map(number), ['–', '0', '0.12', '12.3', '123', '12,345'])
  t.same(tally(['a', 'b', 'a']), ['2 × a', 'b'])
})

t.test('a smoke run fails for faults and absurd figures, not for those of the peer', async (t) => {
  t.same(smokeFaults(run), ['whole, ours: 2 × status 502'])
  t.same(smokeFaults({ ...run, results: [result('nginx', 0, 10), result('ours', 0, 410), result('portkey', 0, 1, ['status 500'])] }), ['a whole reply costs 41 × nginx, more than 40 ×'])
  t.same(smokeFaults({ ...run, results: [], skipped: [{ scenario: 'whole', target: 'ours', reason: 'it is not built' }] }), ['whole, ours: it is not built'])
})

t.test('bars, logarithmic where one would dwarf the others', async (t) => {
  const bar = (label: string, value: number) => ({ label, value, note: `${value} µs`, highlighted: label === 'ours' })
  const plain = barChart('CPU <of> all', [bar('nginx', 10), bar('ours', 80)])
  t.match(plain, 'CPU &lt;of&gt; all')
  t.match(plain, 'width="50.0"')
  t.match(plain, 'width="400.0"')
  t.notMatch(plain, 'logarithmic')
  t.match(barChart('CPU', [bar('nginx', 10), bar('portkey', 1000)]), 'logarithmic')
})

t.test('options', async (t) => {
  t.same(readOptions([], ['a', 'b']), { only: ['a', 'b'], smoke: false, publish: false, nodeOptions: '', rounds: 3, seconds: 5, rows: 1_000_000 })
  t.same(readOptions(['--smoke', '--only', 'b'], ['a', 'b']), { only: ['b'], smoke: true, publish: false, nodeOptions: '', rounds: 1, seconds: 1, rows: 1000 })
  t.throws(() => readOptions(['--only', 'c'], ['a', 'b']), { message: 'no scenario "c"; there are a, b' })
  t.throws(() => readOptions(['--rounds', '0'], []), { message: '--rounds must be a whole number from 1, and is 0' })
  t.throws(() => readOptions(['--smoke', '--publish'], []))
  t.throws(() => readOptions(['--publish', '--only', 'a'], ['a', 'b']), { message: /all scenarios/ })
})
