import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'

export interface WriterOptions {
  /** Told of a write that failed, at most once a minute. */
  onFault: (error: unknown, waiting: number) => void
  /** ms until what waits is written, and then between two tries. */
  delay?: number
  retry?: number
  /** Writes that may wait while the disk takes none; the oldest give way. */
  limit?: number
}

interface Write { sql: string, values: SQLInputValue[], written: () => void }

/** ms between two messages about writes that fail. */
const REPORT = 60_000

/**
 * Reads at once, and writes in groups, a quarter of a second late at most: one transaction for all that came in. What
 * a full disk does not take waits in memory, bounded, and is tried again.
 */
export class DatabaseWriter {
  readonly #db: DatabaseSync
  readonly #options: Required<WriterOptions>
  readonly #statements = new Map<string, StatementSync>()
  #waiting: Write[] = []
  #timer: NodeJS.Timeout | undefined
  #reportedAt = -Infinity

  constructor (db: DatabaseSync, { onFault, delay = 200, retry = 2000, limit = 100_000 }: WriterOptions) {
    this.#db = db
    this.#options = { onFault, delay, retry, limit }
  }

  /** The first row. */
  get (sql: string, ...values: SQLInputValue[]): Record<string, SQLOutputValue> | undefined {
    return this.#statement(sql).get(...values)
  }

  /** @param written called once it is in the database */
  write (sql: string, values: SQLInputValue[], written: () => void = () => {}): void {
    this.#waiting.push({ sql, values, written })
    if (this.#waiting.length > this.#options.limit) this.#waiting.shift()?.written()
    this.#timer ??= setTimeout(() => this.flush(), this.#options.delay).unref()
  }

  /** Writes what waits. @returns whether nothing waits any more */
  flush (): boolean {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#waiting.length === 0) return true
    try {
      this.#db.exec('BEGIN IMMEDIATE')
      for (const { sql, values } of this.#waiting) this.#statement(sql).run(...values)
      this.#db.exec('COMMIT')
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      this.#report(error)
      this.#timer = setTimeout(() => this.flush(), this.#options.retry).unref()
      return false
    }
    const written = this.#waiting
    this.#waiting = []
    for (const { written: tell } of written) tell()
    return true
  }

  #statement (sql: string): StatementSync {
    let statement = this.#statements.get(sql)
    if (statement === undefined) this.#statements.set(sql, statement = this.#db.prepare(sql))
    return statement
  }

  #report (error: unknown): void {
    const now = performance.now()
    if (now - this.#reportedAt < REPORT) return
    this.#reportedAt = now
    this.#options.onFault(error, this.#waiting.length)
  }
}
