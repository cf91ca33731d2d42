import { readFileSync, writeFileSync } from 'node:fs'
import { barChart, type Bar } from './plot.ts'
import { number, report } from './report.ts'
import { overRounds, type Run } from './results.ts'

const docs = new URL('../docs/', import.meta.url)

/** Puts a run into docs/: the tables between their markers, the figures as JSON, and two plots. */
export function publish (run: Run): void {
  const page = new URL('benchmarks.md', docs)
  const text = readFileSync(page, 'utf8').replace(/(<!-- results -->\n)[^]*(<!-- \/results -->)/, (_, start: string, end: string) => `${start}\n${report(run)}\n\n${end}`)
  writeFileSync(page, text)
  writeFileSync(new URL('benchmarks.json', docs), JSON.stringify(run, null, 2) + '\n')
  writePlot('benchmark-requests.svg', 'CPU per whole reply, saturated', bars(run, 'whole'))
  writePlot('benchmark-chunks.svg', 'CPU per chunk, 1,000 streams of 20 chunks a second', bars(run, 'paced'))
}

function bars (run: Run, scenario: string): Bar[] {
  const targets = run.scenarios.find(({ name }) => name === scenario)?.targets ?? []
  return targets.flatMap((target) => {
    const value = overRounds(run, scenario, (look) => look('cpu', target))
    const ratio = overRounds(run, scenario, (look) => look('cpu', target) / look('cpu', 'nginx'))
    return Number.isNaN(value) ? [] : [{ label: target, value, note: `${number(value)} µs, ${number(ratio)} × nginx`, highlighted: target === 'ours' }]
  })
}

function writePlot (file: string, title: string, bars: Bar[]): void {
  if (bars.length > 0) writeFileSync(new URL(file, docs), barChart(title, bars))
}
