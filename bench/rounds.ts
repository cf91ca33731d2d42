import { neighbours, type Sample, type Scenario, type Surroundings } from './scenarios/scenario.ts'
import { tally, type Result, type Run } from './results.ts'
import { Unavailable, type Running, type Target } from './targets/target.ts'

/**
 * Seconds: what is measured is a process that has been at work, which V8 has compiled for it. It is still busy with that after some
 * ten thousand requests, the more code a request runs through the longer.
 */
const WARM_UP = 16
/** Enough for the smoke test's bound, which is no measure of how much V8 has still to compile. */
const SMOKE_WARM_UP = 3

export interface Progress {
  say (text: string): void
  settled (result: Result): void
}

/**
 * Measures a scenario: all of its targets run side by side, and in each round each has its turn, in an order of chance. So whatever
 * else the machine does, it does to all alike.
 */
export async function measure (scenario: Scenario, rounds: number, surroundings: Surroundings, progress: Progress): Promise<Pick<Run, 'results' | 'skipped'>> {
  const results: Result[] = []
  const skipped: Run['skipped'] = []
  const running = new Map<Target, Running>()
  const port = surroundings.provider.port

  const start = async (target: Target): Promise<Running | undefined> => {
    if (skipped.some(({ target: name }) => name === target.name)) return undefined
    try {
      return await target.start(port)
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error
      skipped.push({ scenario: scenario.name, target: target.name, reason: error.message })
      progress.say(`  ${target.name}: left out: ${error.message}`)
    }
  }

  try {
    if (scenario.fresh !== true) {
      for (const target of scenario.targets) {
        const started = await start(target)
        if (started === undefined) continue
        running.set(target, started)
        await attempt(scenario, started, { ...surroundings, seconds: surroundings.smoke ? SMOKE_WARM_UP : WARM_UP })
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const target of shuffled(scenario.targets)) {
        const one = running.get(target) ?? (scenario.fresh === true ? await start(target) : undefined)
        if (one === undefined) continue
        const { result: { figures, faults }, others } = await neighbours(one, surroundings, () => attempt(scenario, one, surroundings))
          .finally(() => scenario.fresh === true ? one.stop() : undefined)
        const result = { scenario: scenario.name, target: target.name, round, figures, faults: tally(faults), others }
        results.push(result)
        progress.settled(result)
      }
    }
  } finally {
    for (const one of running.values()) await one.stop()
  }
  return { results, skipped }
}

/** A target that fails is a result too. */
async function attempt (scenario: Scenario, running: Running, surroundings: Surroundings): Promise<Sample> {
  try {
    return await scenario.measure(running, surroundings)
  } catch (error) {
    return { figures: {}, faults: [(error as Error).message] }
  }
}

function shuffled<T> (list: readonly T[]): T[] {
  return list.map((one) => ({ one, at: Math.random() })).sort((a, b) => a.at - b.at).map(({ one }) => one)
}
