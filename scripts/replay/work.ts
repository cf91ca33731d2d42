import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Job, Outcome } from './job.ts'

/** Has a process carry out jobs, one after the other; its outcomes under the jobs' names. */
export async function work (command: string, args: string[], jobs: ReadonlyMap<string, Job>): Promise<Map<string, Outcome>> {
  // A stray proxy or key of the shell's must not reach the SDKs.
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env['PATH'], NO_PROXY: '*' } })
  // Its end shows in its output; a job that it no longer reads is no fault of its own.
  child.stdin.on('error', () => {})
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const outcomes = new Map<string, Outcome>()
  for (const [name, job] of jobs) {
    child.stdin.write(`${JSON.stringify(job)}\n`)
    const line = await lines.next()
    if (line.done === true) break
    outcomes.set(name, JSON.parse(line.value) as Outcome)
  }
  child.stdin.end()
  if (outcomes.size !== jobs.size) throw new Error(`${command} ended after ${outcomes.size} of ${jobs.size} jobs`)
  return outcomes
}
