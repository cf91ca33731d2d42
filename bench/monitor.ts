/**
 * Loaded into the gateway's process by `--import`, in the scenarios that ask for pauses of its event loop and in no other.
 * On SIGWINCH, which the gateway leaves alone, it writes down
 * what it saw since the last time.
 */
import { writeFileSync, renameSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** ms between two looks, which are part of what the histogram counts as delay. */
const RESOLUTION = 1

const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
histogram.enable()

process.on('SIGWINCH', () => {
  const ms = (nanoseconds: number): number => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
  writeFileSync('pauses.tmp', JSON.stringify({ longest: ms(histogram.max), p99: ms(histogram.percentile(99)) }))
  histogram.reset()
  renameSync('pauses.tmp', 'pauses.json')
})
