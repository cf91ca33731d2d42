import type { SQLInputValue } from 'node:sqlite'
import { Background, type Row } from './background.ts'
import { readMark } from './marks.ts'
import type { Opened } from './open.ts'
import { WriteAheadLog } from './write-ahead-log.ts'
import { DatabaseWriter, type WriterOptions } from './writer.ts'

/** The gateway's own database: writes and short reads here, long ones in a thread. */
export class Database extends DatabaseWriter {
  readonly #opened: Opened
  readonly #log: WriteAheadLog
  readonly #background: Background
  /** No other gateway's database has it. */
  readonly id: string

  constructor (opened: Opened, { checkpointAt, ...options }: WriterOptions & { checkpointAt?: number }) {
    super(opened.db, options)
    this.#opened = opened
    this.#log = new WriteAheadLog(opened.file)
    this.#background = new Background(opened.file, this, this.#log, checkpointAt)
    this.id = Number(readMark(this, 'database')).toString(36)
  }

  /** All rows of a query that may take its time, with all that was written before. */
  async read (sql: string, ...values: SQLInputValue[]): Promise<Row[]> {
    this.flush()
    return await this.#background.read(sql, ...values)
  }

  async close (): Promise<void> {
    this.flush()
    await this.#background.close()
    this.#opened.close()
    this.#log.close()
  }
}
