import type { Event, Usage } from './events.ts'

/** A report of usage, read. */
export interface UsageReport {
  usage?: Usage
  /** Where the provider's own sums are not those of the buckets, in a few words, such as `total_tokens 120, buckets 118`. */
  mismatch?: string
}

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

/** The report as an event, where it says anything. */
export function usageEvents ({ usage, ...rest }: UsageReport): Event[] {
  return usage === undefined ? [] : [{ type: 'usage', usage, ...rest }]
}

/** All of its tokens: the buckets do not overlap. */
export function totalOf (usage: Usage): number {
  return Object.values(usage).reduce<number>((sum, count) => sum + (count ?? 0), 0)
}

/** Names the sums that are told and differ. A sum that is not told is not wrong. */
export function report (usage: Usage, ...checks: Array<[name: string, told: number | undefined, counted: number | undefined]>): UsageReport {
  const wrong = checks.filter(([, told, counted]) => told !== undefined && counted !== undefined && told !== counted)
  return wrong.length === 0 ? { usage } : { usage, mismatch: wrong.map(([name, told, counted]) => `${name} ${told}, buckets ${counted}`).join('; ') }
}
