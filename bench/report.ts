import { goals, judge, type Goal } from './goals.ts'
import { overRounds, type Run } from './results.ts'
import { figures, type Figure } from './scenarios/scenario.ts'

/** Cores that other programs may keep busy without a word. */
export const BUSY = 0.3

/** Everything, in Markdown. */
export function report (run: Run): string {
  const { machine, date, commit, rounds, seconds, scenarios } = run
  return [
    `${date}${commit === undefined ? '' : `, commit ${commit}`}, ${Object.entries(machine).map(([name, value]) => name === 'node' || name === 'nginx' ? `${name} ${value}` : value).join(', ')}. ` +
      `${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${seconds} s.`,
    goalTable(run),
    ...scenarios.map((scenario) => scenarioTable(run, scenario))
  ].join('\n\n')
}

/** The goals, and where the gateway stands with each. */
export function goalTable (run: Pick<Run, 'results' | 'scenarios'>): string {
  const rows = goals.filter(({ scenario }) => run.scenarios.some(({ name }) => name === scenario)).map((goal) => {
    const { value, least, most, verdict } = judge(goal, run)
    const [measured, rounds] = Number.isNaN(value) ? ['–', ''] : [quantity(goal, value), `${number(least)} to ${number(most)}`]
    return [goal.what, bound(goal, goal.must), bound(goal, goal.aim), measured, rounds, verdict]
  })
  return table(['goal', 'must', 'aim', 'measured', 'rounds', ''], rows)
}

/** What a reader of the README wants to know: the gateway beside the others, in a few rows. */
export function summaryTable (run: Pick<Run, 'results'>): string {
  const targets = ['nginx', 'ours', 'portkey']
  const row = (what: string, scenario: string, figure: Figure, unit: string): string[] =>
    [what, ...targets.map((target) => `${number(overRounds(run, scenario, (look) => look(figure, target)))} ${unit}`)]
  return table(['', 'nginx', 'llm-gateway', 'Portkey'], [
    row('CPU of a whole reply of 1 KB, saturated', 'whole', 'cpu', 'µs'),
    row('CPU of a chunk, 1,000 streams of 20 a second', 'paced', 'cpu', 'µs'),
    row('memory with 2,000 open streams', 'held', 'memory', 'MB')
  ], '---:')
}

function scenarioTable (run: Run, { name, title, unit, targets }: Run['scenarios'][number]): string {
  const own = run.results.filter(({ scenario }) => scenario === name)
  const measured = (Object.keys(figures) as Figure[]).filter((figure) => own.some((result) => Number.isFinite(result.figures[figure])))
  const ratio = targets.includes('nginx') && measured.includes('cpu')
  const rows = targets.filter((target) => own.some((result) => result.target === target)).map((target) => [
    target,
    ...measured.map((figure) => number(overRounds(run, name, (look) => look(figure, target)))),
    ...(ratio ? [number(overRounds(run, name, (look) => look('cpu', target) / look('cpu', 'nginx')))] : []),
    [...new Set(own.filter((result) => result.target === target).flatMap(({ faults }) => faults))].join('; ')
  ])
  const others = Math.max(...own.map((result) => result.others))
  const busy = others > BUSY ? [`Other programs kept ${number(others)} cores busy in one of its measurements.`] : []
  const left = run.skipped.filter(({ scenario }) => scenario === name).map(({ target, reason }) => `${target} is left out: ${reason.split('\n', 1).join()}`)
  const heads = measured.map((figure) => figure === 'cpu' ? `${figures.cpu} per ${unit}` : figure === 'rate' ? `${unit}s ${figures.rate}` : figures[figure])
  return [`### \`${name}\`: ${title}`, table(['', ...heads, ...(ratio ? ['× nginx'] : []), 'faults'], rows), ...busy, ...left].join('\n\n')
}

/**
 * @param rows the first column is text; those between are numbers
 * @param last the rule of the last column: text, unless it says otherwise
 */
export function table (head: string[], rows: string[][], last = '---'): string {
  const rule = head.map((_, index) => index === 0 ? '---' : index === head.length - 1 ? last : '---:')
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** Three digits that count. */
export function number (value: number): string {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  return value.toLocaleString('en', { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 })
}

function quantity ({ unit }: Goal, value: number): string {
  return unit === '×' ? `${number(value)} ×` : `${number(value)} ${unit}`
}

function bound (goal: Goal, value: number): string {
  return `${goal.more === true ? '≥' : '≤'} ${quantity(goal, value)}`
}
