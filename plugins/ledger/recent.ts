import type { Database } from '../database/index.ts'
import { groupOwner } from './sums.ts'

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

const NEWEST_FIRST = `SELECT started_at, key, groups, requests, limits, held_tokens, outcome,
  coalesce(input, 0) + coalesce(cache_read, 0) + coalesce(cache_write_5m, 0) + coalesce(cache_write_1h, 0) + coalesce(output, 0) +
  coalesce(reasoning, 0) + coalesce(audio_input, 0) + coalesce(audio_output, 0) AS tokens
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
    if (typeof row['limits'] === 'string') {
      for (const { owner, unit, windowMs, resetAt } of (JSON.parse(row['limits']) as { seen?: Seen[] }).seen ?? []) {
        if (windowMs === undefined || resetAt === undefined || resetAt <= now) continue
        const name = windowName(owner, unit, windowMs)
        if (!windows.has(name)) windows.set(name, { startedAt: resetAt - windowMs, used: 0 })
      }
    }
    const groups = row['groups'] === null ? [] : JSON.parse(String(row['groups'])) as string[]
    const used = { requests: Number(row['requests']), tokens: row['outcome'] === 'interrupted' ? Number(row['held_tokens']) : Number(row['tokens']) }
    for (const owner of [String(row['key']), ...groups.map(groupOwner)]) {
      for (const [unit, amount] of Object.entries(used)) {
        for (const ms of [60_000, LONGEST]) {
          const window = windows.get(windowName(owner, unit, ms))
          if (window !== undefined && startedAt >= window.startedAt) window.used += amount
        }
      }
    }
  }
  return windows
}
