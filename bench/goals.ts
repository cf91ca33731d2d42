import { eachRound, type Look, type Run } from './results.ts'
import { median } from './statistics.ts'
import type { Figure } from './scenarios/scenario.ts'

/** What the gateway is held to. */
export interface Goal {
  scenario: string
  what: string
  unit: '×' | 'ms' | 'KB' | 'MB' | 'chunks'
  value: (look: Look) => number
  must: number
  aim: number
  /** More is better. */
  more?: boolean
}

const of = (figure: Figure, target: string) => (look: Look): number => look(figure, target)
const over = (figure: Figure, target: string, other: string) => (look: Look): number => look(figure, target) / look(figure, other)
const minus = (figure: Figure, target: string, other: string) => (look: Look): number => look(figure, target) - look(figure, other)

export const goals: Goal[] = [
  { scenario: 'whole', what: 'CPU per whole reply, saturated, against nginx', unit: '×', value: over('cpu', 'ours', 'nginx'), must: 8, aim: 6.5 },
  { scenario: 'whole', what: 'the same, how much less than Portkey', unit: '×', value: over('cpu', 'portkey', 'ours'), must: 15, aim: 20, more: true },
  { scenario: 'rate500', what: 'added latency at 500/s, p50', unit: 'ms', value: minus('p50', 'ours', 'direct'), must: 0.4, aim: 0.3 },
  { scenario: 'rate500', what: 'added latency at 500/s, p99', unit: 'ms', value: minus('p99', 'ours', 'direct'), must: 3, aim: 2.5 },
  { scenario: 'rate3000', what: 'added latency at 3,000/s, p50', unit: 'ms', value: minus('p50', 'ours', 'direct'), must: 0.55, aim: 0.4 },
  { scenario: 'rate3000', what: 'added latency at 3,000/s, p99', unit: 'ms', value: minus('p99', 'ours', 'direct'), must: 4, aim: 3 },
  { scenario: 'paced', what: 'CPU per chunk, 1,000 streams × 20/s, against nginx', unit: '×', value: over('cpu', 'ours', 'nginx'), must: 3.3, aim: 2.8 },
  { scenario: 'paced', what: 'added latency of a chunk, p50', unit: 'ms', value: minus('p50', 'ours', 'direct'), must: 0.5, aim: 0.3 },
  { scenario: 'paced', what: 'added latency of a chunk, p99', unit: 'ms', value: minus('p99', 'ours', 'direct'), must: 8, aim: 5 },
  { scenario: 'paced', what: 'chunks lost', unit: 'chunks', value: of('lost', 'ours'), must: 0, aim: 0 },
  { scenario: 'flat', what: 'CPU per chunk, 64 streams flat out, against nginx', unit: '×', value: over('cpu', 'ours', 'nginx'), must: 3, aim: 2.1 },
  { scenario: 'translated', what: 'the same translated, against our own pass-through', unit: '×', value: over('cpu', 'ours, translated', 'ours'), must: 2, aim: 1.5 },
  { scenario: 'held', what: 'memory per open stream over idle', unit: 'KB', value: of('growth', 'ours'), must: 45, aim: 35 },
  { scenario: 'held', what: 'memory with 2,000 open streams', unit: 'MB', value: of('memory', 'ours'), must: 240, aim: 200 },
  { scenario: 'prompts', what: 'CPU per prompt of 1 MB, against nginx', unit: '×', value: over('cpu', 'ours', 'nginx'), must: 8, aim: 5 },
  { scenario: 'pauses', what: 'longest pause of the event loop, prompts of 1 MB', unit: 'ms', value: of('longest', 'ours'), must: 3, aim: 1 },
  { scenario: 'slow', what: 'memory grown by 100 MB through a slow reader', unit: 'MB', value: of('grown', 'ours'), must: 30, aim: 15 },
  { scenario: 'start', what: 'cold start to the first reply', unit: 'ms', value: of('start', 'ours'), must: 250, aim: 170 },
  { scenario: 'start', what: 'memory when idle', unit: 'MB', value: of('memory', 'ours'), must: 105, aim: 90 },
  { scenario: 'features', what: 'all features, against the bare relay of the same build', unit: '×', value: over('cpu', 'ours', 'ours, bare'), must: 1.6, aim: 1.4 },
  { scenario: 'bodies', what: 'LOG_BODIES=full, against metadata', unit: '×', value: over('cpu', 'ours, full', 'ours'), must: 1.25, aim: 1.25 },
  { scenario: 'keys', what: '100,000 keys, against 10', unit: '×', value: over('cpu', 'ours, 100,000 keys', 'ours'), must: 1.1, aim: 1.05 },
  { scenario: 'rows', what: 'a full ledger, against an empty one', unit: '×', value: over('cpu', 'ours, full ledger', 'ours'), must: 1.1, aim: 1.05 },
  { scenario: 'reload', what: 'pause for a reload of 10,000 keys', unit: 'ms', value: of('longest', 'ours, 10,000 keys'), must: 30, aim: 10 },
  { scenario: 'reload', what: 'pause for a reload of 100,000 keys', unit: 'ms', value: of('longest', 'ours, 100,000 keys'), must: 300, aim: 300 }
]

export type Verdict = 'not measured' | 'missed' | 'met' | 'aim reached'

/** Where the gateway stands with a goal. */
export function judge (goal: Goal, run: Pick<Run, 'results'>): { value: number, least: number, most: number, verdict: Verdict } {
  const values = eachRound(run, goal.scenario, goal.value)
  const [value, least, most] = [median(values), Math.min(...values), Math.max(...values)]
  const reaches = (bound: number): boolean => goal.more === true ? value >= bound : value <= bound
  if (Number.isNaN(value)) return { value, least: NaN, most: NaN, verdict: 'not measured' }
  return { value, least, most, verdict: reaches(goal.aim) ? 'aim reached' : reaches(goal.must) ? 'met' : 'missed' }
}
