import type { Database } from '../database/index.ts'

/** Rows of one step: about a millisecond. */
const STEP = 200
/** ms between two steps, and between two looks where nothing is due. */
const PAUSE = 20
const LOOK = 60_000

const OLDEST = 'SELECT seq, started_at FROM requests WHERE seq > ? ORDER BY seq LIMIT 1'
const DELETE = `DELETE FROM requests WHERE seq IN (
  SELECT seq FROM requests WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ${STEP}
) AND started_at < ? AND outcome IS NOT NULL`
const LAST_OF_STEP = `SELECT max(seq) AS seq FROM (SELECT seq FROM requests WHERE seq > ? ORDER BY seq LIMIT ${STEP})`

export interface RetentionOptions {
  /** ms; 0 keeps rows for good. */
  retention: number
  /** No row beyond this one may go yet. */
  upTo?: () => number
  look?: number
}

/**
 * Deletes rows that are older than they have to be kept, a few at a time, so that no request feels it. Their sums stay.
 * @returns what ends it
 */
export function keepDeleting (database: Database, { retention, upTo = () => Infinity, look = LOOK }: RetentionOptions): () => void {
  if (retention === 0) return () => {}
  let seq = 0
  let stopped = false
  let timer = setTimeout(step, 0).unref()

  function step (): void {
    const cutoff = Date.now() - retention
    const oldest = database.get(OLDEST, seq)
    const due = oldest !== undefined && Number(oldest['started_at']) < cutoff && Number(oldest['seq']) <= upTo() && database.healthy
    if (!due) {
      // What is open still is looked at again.
      seq = 0
      timer = setTimeout(step, look).unref()
      return
    }
    const last = Math.min(Number(database.get(LAST_OF_STEP, seq)?.['seq']), upTo())
    const first = seq
    seq = last
    database.write(DELETE, [first, last, cutoff], () => { if (!stopped) timer = setTimeout(step, PAUSE).unref() })
    database.commit()
  }

  return () => {
    stopped = true
    clearTimeout(timer)
  }
}
