import type { Database } from '../database/index.ts'
import { ROW_TOKENS } from './buckets.ts'

/** The longest window that begins with a request and not by the calendar. */
const LONGEST = 3_600_000
/** Rows that are looked at for it, at most. */
const MOST = 1_000_000

/** Where such a window stood. */
export interface RecentWindow {
  /** ms since 1970. */
  startedAt: number
  used: number
}

/** A limit as a row tells of it: what of `LimitSeen` matters here. */
interface Seen { owner: string, unit: string, windowMs?: number, resetAt?: number }

const NEWEST_FIRST = `SELECT started_at, requests, limits, held_tokens, outcome, ${ROW_TOKENS} AS tokens
  FROM requests ORDER BY seq DESC LIMIT ${MOST}`

/** The name of a window in the answer. */
export function windowName (owner: string, unit: string, ms: number): string {
  return `${owner} ${unit} ${ms}`
}

/**
 * Windows of an hour and less that are open now, from the rows: each row says when the windows that it counted in end,
 * and what it used of them.
 */
export function recentWindows (database: Database, now = Date.now()): Map<string, RecentWindow> {
  const windows = new Map<string, RecentWindow>()
  for (const row of database.iterate(NEWEST_FIRST)) {
    const startedAt = Number(row['started_at'])
    if (startedAt < now - LONGEST) break
    if (typeof row['limits'] !== 'string') continue
    const used: Record<string, number> = { requests: Number(row['requests']), tokens: Number(row[row['outcome'] === 'interrupted' ? 'held_tokens' : 'tokens']) }
    // A row's own word for when its window ends, not the row's time, which is that of its arrival: windows begin later.
    for (const { owner, unit, windowMs, resetAt } of (JSON.parse(row['limits']) as { seen?: Seen[] }).seen ?? []) {
      if (windowMs === undefined || resetAt === undefined || resetAt <= now) continue
      const name = windowName(owner, unit, windowMs)
      let window = windows.get(name)
      if (window === undefined) windows.set(name, window = { startedAt: resetAt - windowMs, used: 0 })
      window.used += used[unit] ?? 0
    }
  }
  return windows
}
