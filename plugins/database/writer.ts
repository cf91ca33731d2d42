import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'

export interface WriterOptions {
  /** Told of writes that failed, at most once a minute. @param lost how many gave way since it was told last */
  onFault: (error: unknown, waiting: number, lost: number) => void
  /** Told when the disk takes writes again, where it was told of the fault. */
  onRecovery?: (() => void) | undefined
  /** ms until what nobody waits for is written, and, while the disk takes none, between two tries. */
  delay?: number
  retry?: number
  /** Writes that may wait while the disk takes none; the oldest give way. */
  limit?: number
}

/** One statement on its way to the database. */
export interface Write {
  sql: string
  values: SQLInputValue[]
  /** Called once it is in the database, or has given way. */
  written?: (() => void) | undefined
  /** Set where it is not to be written after all. */
  withdrawn?: boolean
}

type Committed = (error?: unknown) => void

/** ms between two messages about writes that fail. */
const REPORT = 60_000
/** ms in which a write that nobody waits for may find others. */
const SHARE = 5
/** Writes of one transaction, so that what waited for a full disk does not come out as one long pause. */
const GROUP = 2000
/** Result codes that are the statement's own fault: SQLITE_ERROR, TOOBIG, CONSTRAINT, MISMATCH, RANGE. */
const STATEMENT_FAULTS = new Set([1, 18, 19, 20, 25])

/**
 * Reads at once, and writes in groups: one transaction for all that came in during one turn of the event loop, where
 * somebody waits for it, else a fifth of a second late. What a full disk does not take waits in memory, bounded, and is
 * tried again.
 */
export class DatabaseWriter {
  readonly #db: DatabaseSync
  readonly #options: Required<Omit<WriterOptions, 'onRecovery'>> & Pick<WriterOptions, 'onRecovery'>
  readonly #statements = new Map<string, StatementSync>()
  readonly #contributors: Array<() => Write[]> = []
  #waiting: Write[] = []
  #committed: Committed[] = []
  #soon: NodeJS.Timeout | undefined
  #shared: NodeJS.Timeout | undefined
  #now: NodeJS.Immediate | undefined
  /** What the disk said last, while it takes nothing. */
  #fault: { error: unknown } | undefined
  #refused: Error | undefined
  #reportedAt = -Infinity
  #reported = false
  /** Since it was told last, and before that. */
  #lost = 0
  #lostInAll = 0
  #paused = false

  constructor (db: DatabaseSync, { onFault, onRecovery, delay = 200, retry = 2000, limit = 100_000 }: WriterOptions) {
    this.#db = db
    this.#options = { onFault, onRecovery, delay, retry, limit }
  }

  /** Whether the disk takes writes, as far as is known. */
  get healthy (): boolean {
    return this.#fault === undefined
  }

  /** How many writes wait. */
  get waiting (): number {
    return this.#waiting.length
  }

  /** How many gave way or could not be written at all. */
  get lost (): number {
    return this.#lostInAll + this.#lost
  }

  /** The first row. */
  get (sql: string, ...values: SQLInputValue[]): Record<string, SQLOutputValue> | undefined {
    return this.#statement(sql).get(...values)
  }

  /** Row by row. */
  iterate (sql: string, ...values: SQLInputValue[]): Iterable<Record<string, SQLOutputValue>> {
    return this.#statement(sql).iterate(...values)
  }

  /** @param written called once it is in the database */
  write (sql: string, values: SQLInputValue[], written?: () => void): Write {
    const write: Write = { sql, values, written }
    this.#waiting.push(write)
    this.#bound()
    this.#soon ??= setTimeout(() => this.flush(), this.#fault === undefined ? this.#options.delay : this.#options.retry).unref()
    return write
  }

  /** Asked at the end of each group for what belongs into it besides, such as sums over its rows. */
  contribute (writes: () => Write[]): void {
    this.#contributors.push(writes)
  }

  /**
   * Writes what waits at the end of this turn of the event loop; where nobody waits for it, within some moments, so that it
   * may share the transaction of one who does.
   *
   * @param then called after it, with why where it failed
   */
  commit (then?: Committed): void {
    if (then !== undefined) {
      // The disk is tried every now and then, not by every request.
      if (this.#fault !== undefined) return then(this.#fault.error)
      this.#committed.push(then)
    }
    if (this.#paused) return
    if (then !== undefined) this.#now ??= setImmediate(() => this.flush())
    else this.#shared ??= setTimeout(() => this.flush(), SHARE)
  }

  /** Holds writes back for some moments: the log of the database is about to be begun anew. */
  pause (): void {
    this.#paused = true
  }

  resume (): void {
    if (!this.#paused) return
    this.#paused = false
    this.flush()
  }

  /** Tells of a fault of the disk that no write has met. */
  tell (error: Error): void {
    this.#report(error)
  }

  /** Nothing is to be written from now on, since nobody would find it. @param reason none: it may be again */
  refuse (reason: Error | undefined): void {
    if (this.#refused === undefined && reason === undefined) return
    this.#refused = reason
    this.flush()
  }

  /** Writes what waits. @returns whether nothing waits any more */
  flush (): boolean {
    clearTimeout(this.#soon)
    clearTimeout(this.#shared)
    clearImmediate(this.#now)
    this.#soon = this.#shared = this.#now = undefined
    this.#contribute()
    if (this.#refused !== undefined) {
      this.#fail(this.#refused)
      return false
    }
    while (this.#waiting.length > 0) {
      const group = this.#waiting.length > GROUP ? this.#waiting.slice(0, GROUP) : this.#waiting
      const error = this.#transaction(group)
      if (error !== undefined) {
        this.#fail(error.error)
        return false
      }
      this.#waiting = this.#waiting.slice(group.length)
      for (const { written } of group) written?.()
    }
    this.#recover()
    const committed = this.#committed
    this.#committed = []
    for (const tell of committed) tell()
    return true
  }

  #contribute (): void {
    for (const contribute of this.#contributors) {
      for (const write of contribute()) this.#waiting.push(write)
    }
    this.#bound()
  }

  /** @returns why it failed */
  #transaction (group: Write[]): { error: unknown } | undefined {
    let current: Write | undefined
    try {
      this.#statement('BEGIN IMMEDIATE').run()
      for (current of group) {
        if (current.withdrawn !== true) this.#statement(current.sql).run(...current.values)
      }
      current = undefined
      this.#statement('COMMIT').run()
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK')
      if (current === undefined || !STATEMENT_FAULTS.has(Number((error as { errcode?: unknown }).errcode) & 0xff)) return { error }
      // One row that cannot be written must not keep back all others for good.
      current.withdrawn = true
      this.#lost++
      this.#report(error)
      return this.#transaction(group)
    }
  }

  #fail (error: unknown): void {
    this.#fault = { error }
    this.#report(error)
    this.#soon = setTimeout(() => this.flush(), this.#options.retry).unref()
    const committed = this.#committed
    this.#committed = []
    for (const tell of committed) tell(error)
  }

  #recover (): void {
    if (this.#fault === undefined) return
    this.#fault = undefined
    // A disk that is nearly full takes one write and not the next: that is no news each time.
    if (this.#reported) this.#options.onRecovery?.()
    this.#reported = false
  }

  #bound (): void {
    while (this.#waiting.length > this.#options.limit) {
      this.#waiting.shift()?.written?.()
      this.#lost++
    }
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
    this.#reported = this.#fault !== undefined
    this.#options.onFault(error, this.#waiting.length, this.#lost)
    this.#lostInAll += this.#lost
    this.#lost = 0
  }
}
