import { readFileSync, writeFileSync } from 'node:fs'
import { barChart, type Bar } from './plot.ts'
import { number, report, summaryTable } from './report.ts'
import { overRounds, type Run } from './results.ts'

const docs = new URL('../docs/', import.meta.url)

/** Puts a run into docs/ and the README: the tables between their markers, the figures as JSON, and two plots. */
export function publish (run: Run): void {
  put(new URL('benchmarks.md', docs), 'results', `\n${report(run)}\n\n`)
  put(new URL('../README.md', docs), 'speed', `${summaryTable(run)}\n`)
  writeFileSync(new URL('benchmarks.json', docs), JSON.stringify(run, null, 2) + '\n')
  writePlot('benchmark-requests.svg', 'CPU per whole reply, saturated', bars(run, 'whole'))
  writePlot('benchmark-chunks.svg', 'CPU per chunk, 1,000 streams of 20 chunks a second', bars(run, 'paced'))
}

/** Between the markers of that name. */
function put (page: URL, marker: string, text: string): void {
  const [start, end] = [`<!-- ${marker} -->\n`, `<!-- /${marker} -->`]
  const [before = '', rest = ''] = readFileSync(page, 'utf8').split(start)
  writeFileSync(page, before + start + text + rest.slice(rest.indexOf(end)))
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
