import { accessSync, closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeFolderSync } from '../file/folder.ts'
import { holderOf } from './holder.ts'

/** How the database came to be, one step a version. Steps are added at the end and never changed. */
export const migrations: readonly string[] = [
  `CREATE TABLE stored (
    provider TEXT NOT NULL,
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    requests INTEGER,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (provider, id)
  ) STRICT, WITHOUT ROWID`,
  // The ledger. Times are ms since 1970, money whole nano-dollars, tokens NULL where they are not known. `id` is in the
  // order of time, so that its index grows at the end only; `request_id` stands only where a client chose another, and
  // `sent_model` where an alias stands for it.
  `CREATE TABLE requests (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    request_id TEXT,
    started_at INTEGER NOT NULL,
    first_byte_at INTEGER,
    ended_at INTEGER,
    key TEXT NOT NULL,
    key_name TEXT NOT NULL,
    groups TEXT,
    provider TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    sent_model TEXT,
    served_model TEXT,
    client_dialect TEXT NOT NULL,
    upstream_dialect TEXT NOT NULL,
    stream INTEGER NOT NULL,
    attempts INTEGER,
    status INTEGER,
    outcome TEXT,
    error TEXT,
    requests INTEGER NOT NULL,
    input INTEGER,
    cache_read INTEGER,
    cache_write_5m INTEGER,
    cache_write_1h INTEGER,
    output INTEGER,
    reasoning INTEGER,
    audio_input INTEGER,
    audio_output INTEGER,
    usage_source TEXT,
    cost INTEGER,
    price_version TEXT,
    price_model TEXT,
    rates TEXT,
    hold INTEGER NOT NULL,
    held_tokens INTEGER NOT NULL,
    lossy TEXT,
    limits TEXT
  ) STRICT;
  CREATE INDEX requests_by_request_id ON requests (request_id) WHERE request_id IS NOT NULL;
  CREATE TABLE sums (
    owner TEXT NOT NULL,
    slot INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    key_name TEXT NOT NULL,
    calls INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    audio_input INTEGER NOT NULL,
    audio_output INTEGER NOT NULL,
    held_tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (owner, slot, provider, model)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  // Rows on their way to a common database, in the order in which they were closed; and which of the gateways' databases
  // this is, as long as it lasts.
  `CREATE TABLE spool (place INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
  CREATE INDEX spool_by_seq ON spool (seq);
  INSERT INTO marks (name, value) VALUES ('database', abs(random() % 9007199254740991))`
]

/** SQLite's own number for a lock that another holds. */
const BUSY = 5

/** Another process has the folder: two would each believe their own half. */
export class InUse extends Error {
  override name = 'InUse'
  /** The folder, and who has it, without what to do about it. */
  readonly finding: string

  constructor (dir: string, holder: number | undefined) {
    const finding = `DATA_DIR ${JSON.stringify(dir)} is in use by another gateway${holder === undefined ? '' : ` (process ${holder})`}`
    super(`${finding}: an older one that still runs? Stop that one first. Two that are to run side by side need a DATA_DIR each, or they would count past each other`)
    this.finding = finding
  }
}

/** An open database, and the lock that holds its folder. */
export interface Opened {
  db: DatabaseSync
  file: string
  close (): void
}

/**
 * Opens `gateway.db` in a folder, which is made if it is missing, and brings it up to date.
 * @throws {InUse} where another process has it; any other error where it cannot be used
 */
export function openDatabase (dir: string): Opened {
  makeFolderSync(dir)
  const lock = hold(dir)
  try {
    const file = owned(join(dir, 'gateway.db'))
    const db = new DatabaseSync(file)
    // What is committed outlives the process; a loss of power may take the last moments with it. The log is moved into
    // the database by a thread of its own (background.ts), because that waits for the disk.
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 67108864')
    migrate(db)
    probe(db)
    return {
      db,
      file,
      close () {
        db.close()
        lock.close()
      }
    }
  } catch (error) {
    lock.close()
    throw error
  }
}

/** A lock of the operating system's, by way of a database of its own: whatever ends the process frees it. */
function hold (dir: string): DatabaseSync {
  const file = owned(join(dir, 'gateway.lock'))
  const lock = new DatabaseSync(file, { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    if ((error as { errcode?: unknown }).errcode !== BUSY) throw error
    throw new InUse(dir, holderOf(file))
  }
}

/**
 * Made before SQLite would make it readable for all; what lies beside it takes after it. One that is there is not opened: to close
 * it would free the lock of a gateway in this same process (sqlite.org/howtocorrupt.html § 2.2).
 */
function owned (file: string): string {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EEXIST') throw error
    // SQLite would open it for reading alone, and then lock nothing.
    accessSync(file, constants.W_OK)
  }
  return file
}

/** Looks at the end of each table: what is broken there is a reason not to use it, and not one to fail by and by. */
function probe (db: DatabaseSync): void {
  for (const table of ['stored', 'requests', 'sums', 'marks', 'spool']) db.prepare(`SELECT * FROM ${table} ORDER BY 1 DESC LIMIT 1`).get()
}

function migrate (db: DatabaseSync): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > migrations.length) throw new Error('gateway.db was written by a newer gateway')
  for (const [step, sql] of migrations.entries()) {
    if (step < version) continue
    db.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${step + 1}; COMMIT`)
  }
}
