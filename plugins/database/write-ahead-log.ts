import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'

/** Bytes of one page in it (sqlite.org/fileformat2.html § 4.1). */
const FRAME = 24 + 4096
/** Where its index tells how many it has (sqlite.org/walformat.html § 2.1). */
const FRAMES_AT = 16

/**
 * The write-ahead log of an open database, as far as it is in use: its file stays as large as it once was, since to cut it off
 * holds up whoever writes next.
 *
 * Its index is opened once, and closed only behind the database: to close a file frees all locks that the process has on it,
 * SQLite's too, and without them whoever looks into the database from outside takes himself for the first, and begins the index
 * anew under our feet (sqlite.org/howtocorrupt.html § 2.2).
 */
export class WriteAheadLog {
  readonly #file: string
  readonly #count = Buffer.alloc(4)
  #index: number | undefined

  /** @param file the database's */
  constructor (file: string) {
    this.#file = file
  }

  /** Bytes. */
  get size (): number {
    try {
      this.#index ??= openSync(`${this.#file}-shm`, 'r')
      readSync(this.#index, this.#count, 0, 4, FRAMES_AT)
    } catch {
      // Somebody took the index away, or no descriptor is left.
      return statSync(`${this.#file}-wal`, { throwIfNoEntry: false })?.size ?? 0
    }
    return FRAME * (endianness() === 'LE' ? this.#count.readUInt32LE() : this.#count.readUInt32BE())
  }

  /** Once the database is closed. */
  close (): void {
    if (this.#index !== undefined) closeSync(this.#index)
    this.#index = undefined
  }
}
