import { median } from './statistics.ts'
import type { Figure, Scenario } from './scenarios/scenario.ts'

/** One measurement. */
export interface Result {
  scenario: string
  target: string
  round: number
  figures: Partial<Record<Figure, number>>
  /** What was wrong with replies, each kind once, with how often. */
  faults: string[]
  /** Cores that other processes kept busy meanwhile. */
  others: number
}

export interface Run {
  machine: Record<string, string>
  date: string
  /** Of the code that was measured; with a `+` where it was changed since. */
  commit?: string
  rounds: number
  seconds: number
  smoke: boolean
  scenarios: Array<Pick<Scenario, 'name' | 'title' | 'unit'> & { targets: string[] }>
  results: Result[]
  /** Who could not take part, and why. */
  skipped: Array<{ scenario: string, target: string, reason: string }>
}

/** A figure of a target in one round; NaN where it was not measured. */
export type Look = (figure: Figure, target: string) => number

/** What each round of a scenario says. Ratios and differences are taken within a round. */
export function eachRound ({ results }: Pick<Run, 'results'>, scenario: string, value: (look: Look) => number): number[] {
  const own = results.filter((result) => result.scenario === scenario)
  const rounds = [...new Set(own.map(({ round }) => round))]
  return rounds
    .map((round) => value((figure, target) => own.find((result) => result.round === round && result.target === target)?.figures[figure] ?? NaN))
    .filter((number) => !Number.isNaN(number))
}

/** What its rounds say in the middle. */
export function overRounds (run: Pick<Run, 'results'>, scenario: string, value: (look: Look) => number): number {
  return median(eachRound(run, scenario, value))
}

/** Equal ones once, with their number. */
export function tally (faults: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const fault of faults) counts.set(fault, (counts.get(fault) ?? 0) + 1)
  return [...counts].map(([fault, count]) => count === 1 ? fault : `${count} × ${fault}`)
}
