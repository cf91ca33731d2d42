import type { Usage } from './events.ts'

/**
 * What is known after a further report: its numbers replace earlier ones, what it leaves out stays. Cache writes that
 * come without their lifetimes keep the split that is known already.
 */
export function mergeUsage (known: Usage | undefined, report: Usage): Usage {
  const merged = { ...known, ...report }
  if (known?.cacheWrite1h !== undefined && report.cacheWrite1h === undefined && report.cacheWrite5m !== undefined) {
    merged.cacheWrite1h = Math.min(known.cacheWrite1h, report.cacheWrite5m)
    merged.cacheWrite5m = report.cacheWrite5m - merged.cacheWrite1h
  }
  return merged
}
