import { overRounds, type Run } from './results.ts'

/** Far from any goal: what is caught is a mistake, not a busy machine. */
const MOST_CPU = 40

/** What must not be, on a machine of which nothing is known. The peer's faults are its own. */
export function smokeFaults (run: Pick<Run, 'results' | 'skipped' | 'scenarios'>): string[] {
  const faults = run.results
    .filter(({ target, faults }) => target !== 'portkey' && faults.length > 0)
    .map(({ scenario, target, faults }) => `${scenario}, ${target}: ${faults.join('; ')}`)
  const missing = run.skipped
    .filter(({ target }) => target !== 'portkey')
    .map(({ scenario, target, reason }) => `${scenario}, ${target}: ${reason}`)
  const ratio = overRounds(run, 'whole', (look) => look('cpu', 'ours') / look('cpu', 'nginx'))
  return [...faults, ...missing, ...(ratio > MOST_CPU ? [`a whole reply costs ${Math.round(ratio)} × nginx, more than ${MOST_CPU} ×`] : [])]
}
