import { accessSync, closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeFolderSync } from '../file/folder.ts'
import { holderOf } from './holder.ts'
import { migrate } from './migrations.ts'

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
