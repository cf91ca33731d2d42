import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** How the database came to be, one step a version. Steps are added at the end and never changed. */
export const migrations: readonly string[] = [
  `CREATE TABLE stored (
    provider TEXT NOT NULL,
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    requests INTEGER,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (provider, id)
  ) STRICT, WITHOUT ROWID`
]

/** SQLite's own number for a lock that another holds. */
const BUSY = 5

/** Another process has the folder: two would each believe their own half. */
export class InUse extends Error {
  override name = 'InUse'
}

/** An open database, and the lock that holds its folder. */
export interface Opened {
  db: DatabaseSync
  close (): void
}

/**
 * Opens `gateway.db` in a folder, which is made if it is missing, and brings it up to date.
 * @throws {InUse} where another process has it; any other error where it cannot be used
 */
export function openDatabase (dir: string): Opened {
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  const lock = hold(dir)
  try {
    const db = new DatabaseSync(owned(join(dir, 'gateway.db')))
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
    migrate(db)
    return {
      db,
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
  const lock = new DatabaseSync(owned(join(dir, 'gateway.lock')), { timeout: 0 })
  try {
    lock.exec('BEGIN EXCLUSIVE')
    return lock
  } catch (error) {
    lock.close()
    if ((error as { errcode?: unknown }).errcode !== BUSY) throw error
    throw new InUse(`DATA_DIR ${JSON.stringify(dir)} is in use by another gateway: here, requests for what a provider keeps are refused. Give this one a DATA_DIR of its own`)
  }
}

/** Made before SQLite would make it readable for all; what lies beside it takes after it. */
function owned (file: string): string {
  closeSync(openSync(file, 'a', 0o600))
  return file
}

function migrate (db: DatabaseSync): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > migrations.length) throw new Error('gateway.db was written by a newer gateway')
  for (const [step, sql] of migrations.entries()) {
    if (step < version) continue
    db.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${step + 1}; COMMIT`)
  }
}
