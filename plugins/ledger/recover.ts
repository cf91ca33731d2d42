import type { Database } from '../database/index.ts'
import { readMark, writeMark } from '../database/marks.ts'
import { groupsIn } from './row.ts'
import type { Sums } from './sums.ts'

/** From which row on there may be open ones: those before are all closed. */
const OPEN_FROM = 'open from'

const OPEN_ROWS = `SELECT seq, started_at, key, key_name, groups, provider, requested_model, requests, hold, held_tokens
  FROM requests WHERE outcome IS NULL AND seq >= ?`
const INTERRUPT = "UPDATE requests SET outcome = 'interrupted', status = 0, usage_source = 'none', cost = CASE WHEN hold > 0 THEN hold END WHERE seq = ?"

export function openFrom (database: Database): number {
  return readMark(database, OPEN_FROM) ?? 0
}

/** Notes how far back an open row can be. */
export function mark (database: Database, seq: number): void {
  writeMark(database, OPEN_FROM, seq)
}

/**
 * Rows that the last process left open. What became of them nobody knows, so each is charged at its hold, the most it
 * can have cost, and says that it was interrupted.
 * @returns how many
 */
export function recover (database: Database, sums: Sums): number {
  const rows = [...database.iterate(OPEN_ROWS, openFrom(database))]
  for (const row of rows) {
    database.write(INTERRUPT, [Number(row['seq'])])
    sums.add({
      startedAt: Number(row['started_at']),
      key: String(row['key']),
      keyName: String(row['key_name']),
      groups: groupsIn(row),
      provider: String(row['provider']),
      model: String(row['requested_model']),
      requests: Number(row['requests']),
      usage: undefined,
      heldTokens: Number(row['held_tokens']),
      cost: Number(row['hold'])
    })
  }
  return rows.length
}
