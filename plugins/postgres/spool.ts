import type { Database } from '../database/index.ts'
import { readMark, writeMark } from '../database/marks.ts'
import { columns } from './schema.ts'

/** Rows that are closed, or changed after that, such as by a new price, go to the end of the spool in the same transaction. */
const TRIGGER = `CREATE TRIGGER spooled AFTER UPDATE OF outcome, cost ON requests WHEN new.outcome IS NOT NULL
  BEGIN INSERT INTO spool (seq) VALUES (new.seq); END`
const TRIGGERED = "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND name = 'spooled'"

/** Of what stood there before the trigger did: up to where it has been put into the spool, and how far it goes. */
const FILLED = 'spool filled'
const FILL_TO = 'spool fill to'
/** Rows of one step. */
const STEP = 500
const LAST_OF_STEP = `SELECT max(seq) AS seq FROM (SELECT seq FROM requests WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ${STEP})`
const FILL = 'INSERT INTO spool (seq) SELECT seq FROM requests WHERE seq > ? AND seq <= ? AND outcome IS NOT NULL ORDER BY seq'

const LENGTH = 'SELECT (SELECT max(place) FROM spool) - (SELECT min(place) FROM spool) + 1 AS length'

const JSON_COLUMNS = ['groups', 'rates', 'lossy', 'limits']
const fields = Object.keys(columns).map((name) => `'${name}', ${name === 'gateway' ? '?' : JSON_COLUMNS.includes(name) ? `json(${name})` : name}`)
const BATCH = `SELECT max(place) AS last, json_group_array(json_object(${fields.join(', ')})) FILTER (WHERE id IS NOT NULL) AS rows
  FROM (SELECT place, requests.* FROM spool LEFT JOIN requests ON requests.seq = spool.seq ORDER BY place LIMIT ?)`

/** Rows that leave together. */
export interface Batch {
  /** Its last place. */
  last: number
  /** A JSON array. */
  rows: string
}

/** Rows of the ledger that have yet to be in the common database. */
export class Spool {
  readonly #database: Database
  #filled: number
  readonly #fillTo: number

  /** What the ledger has already is put in too, where it has been without a common database so far. */
  constructor (database: Database) {
    this.#database = database
    if (database.get(TRIGGERED) === undefined) {
      database.flush()
      this.#filled = 0
      this.#fillTo = Number(database.get('SELECT max(seq) AS seq FROM requests')?.['seq'] ?? 0)
      database.write(TRIGGER, [])
      writeMark(database, FILLED, this.#filled)
      writeMark(database, FILL_TO, this.#fillTo)
      database.flush()
    } else {
      this.#filled = readMark(database, FILLED) ?? 0
      this.#fillTo = readMark(database, FILL_TO) ?? 0
    }
  }

  get empty (): boolean {
    return this.#database.get('SELECT 1 FROM spool LIMIT 1') === undefined
  }

  /** About how many rows wait, without counting them: places are given in order, and taken from the lowest. */
  get length (): number {
    return Number(this.#database.get(LENGTH)?.['length'] ?? 0) + this.#fillTo - this.#filled
  }

  /** Whether the disk takes writes. */
  get writable (): boolean {
    return this.#database.healthy
  }

  /** The next rows in order. They stay until they are taken. */
  async next (limit: number): Promise<Batch | undefined> {
    const [found] = await this.#database.read(BATCH, this.#database.id, limit)
    return typeof found?.['last'] === 'number' ? { last: found['last'], rows: String(found['rows'] ?? '[]') } : undefined
  }

  take ({ last }: Batch): void {
    this.#database.write('DELETE FROM spool WHERE place <= ?', [last])
    this.#database.commit()
  }

  /** Puts in some more of what the ledger had already. @returns whether there was any */
  fill (): boolean {
    if (this.#filled >= this.#fillTo || !this.#database.healthy) return false
    const last = Number(this.#database.get(LAST_OF_STEP, this.#filled, this.#fillTo)?.['seq'] ?? this.#fillTo)
    this.#database.write(FILL, [this.#filled, last])
    writeMark(this.#database, FILLED, last)
    this.#filled = last
    return this.#database.flush()
  }

  /** The last row that may be deleted: no row from here on is needed for the common database. */
  upTo (): number {
    // What closes at this moment is in it too.
    this.#database.flush()
    const oldest = this.#database.get('SELECT min(seq) AS seq FROM spool')?.['seq']
    return Math.min(typeof oldest === 'number' ? oldest - 1 : Infinity, this.#filled < this.#fillTo ? this.#filled : Infinity)
  }
}

/** Where there is no common database any more: should there be one again, it is sent everything. */
export function endSpool (database: Database): void {
  if (database.get(TRIGGERED) === undefined) return
  database.write('DROP TRIGGER spooled', [])
  database.write('DELETE FROM spool', [])
  database.flush()
}
