import { closeSync, fdatasync, openSync, readSync, statSync } from 'node:fs'
import { endianness } from 'node:os'

/** Bytes of one page in it (sqlite.org/fileformat2.html § 4.1). */
const FRAME = 24 + 4096
/** Where its index tells how many it has (sqlite.org/walformat.html § 2.1). */
const FRAMES_AT = 16
/** Bytes by which it may grow before it is given room on the disk. */
const STEP = 512 * 1024

/** Puts what was written to a file on the disk. */
type Flush = (descriptor: number, done: (error: Error | null) => void) => void

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
  readonly #flush: Flush
  #index: number | undefined
  #log: number | undefined
  /** Bytes of its file that have room on the disk. */
  #settled = 0
  #settling = false
  #closed = false

  /** @param file the database's */
  constructor (file: string, flush: Flush = fdatasync) {
    this.#file = file
    this.#flush = flush
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

  /**
   * Has its file put on the disk as it grows, off this thread. Room there is found no earlier than that, and whoever writes
   * meanwhile waits: a checkpoint that comes to 32 MB without any held up the event loop for 2 to 8 ms.
   *
   * @param onFault told of what the disk says: the system tells each fault once, so that a checkpoint may not hear of it
   */
  settle (onFault: (error: Error) => void): void {
    if (this.#settling) return
    const { size } = this
    if (size < this.#settled + STEP) return
    this.#log ??= openSync(`${this.#file}-wal`, 'r')
    this.#settling = true
    this.#flush(this.#log, (error) => {
      this.#settling = false
      if (error === null) this.#settled = size
      else if (!this.#closed) onFault(error)
      if (this.#closed) this.close()
    })
  }

  /** Once the database is closed. */
  close (): void {
    this.#closed = true
    if (this.#index !== undefined) closeSync(this.#index)
    this.#index = undefined
    if (this.#log === undefined || this.#settling) return
    closeSync(this.#log)
    this.#log = undefined
  }
}
