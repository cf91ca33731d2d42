/**
 * Loaded into the gateway's process by `--import`, in the scenarios that ask for pauses of its event loop and in no other.
 * On SIGWINCH, which the gateway leaves alone, it writes down what it saw since the last time.
 */
import { openSync, readSync, writeFileSync, renameSync } from 'node:fs'
import { createHistogram } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

/** ms between two looks. */
const RESOLUTION = 1
const NANOSECONDS = 1e6

// Two processes more work in these scenarios, on a machine that may have two cores. That the kernel had one of them run is no
// pause of ours, and is told apart: how long the thread was able to run and did not is the second number of its schedstat
// (docs.kernel.org/scheduler/sched-stats.html).
const text = Buffer.alloc(128)
const schedstat = openSchedstat()

function openSchedstat (): number | undefined {
  try {
    return openSync(`/proc/self/task/${process.pid}/schedstat`, 'r')
  } catch {
    return undefined
  }
}

/** ms for which the thread has waited for a core so far; 0 where the system does not tell. */
function waited (): number {
  if (schedstat === undefined) return 0
  const length = readSync(schedstat, text, 0, text.length, 0)
  return Number(text.toString('latin1', 0, length).split(' ')[1]) / NANOSECONDS
}

function watch (): void {
  const [own, clock] = [createHistogram(), createHistogram()]
  let last = { at: performance.now(), waited: waited() }
  setInterval(() => {
    const now = { at: performance.now(), waited: waited() }
    const pause = now.at - last.at - RESOLUTION
    const record = (histogram: typeof own, ms: number): void => histogram.record(Math.max(1, Math.round(ms * NANOSECONDS)))
    record(clock, pause)
    record(own, pause - (now.waited - last.waited))
    last = now
  }, RESOLUTION).unref()

  process.on('SIGWINCH', () => {
    writeFileSync('pauses.tmp', JSON.stringify({ longest: own.max / NANOSECONDS, p99: own.percentile(99) / NANOSECONDS, clock: clock.max / NANOSECONDS }))
    own.reset()
    clock.reset()
    renameSync('pauses.tmp', 'pauses.json')
  })
}

// The gateway's own threads inherit the option.
if (isMainThread) watch()
