import { open, readdir, stat, unlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '../file/folder.ts'

const OWN_NAME = /^exchanges-(\d{4}-\d{2}-\d{2})(?:\.(\d+))?\.jsonl$/
const LINE_END = 0x0a

export interface LogFilesOptions {
  dir: string
  /** Bytes of one file. A single line may be larger. */
  maxSize: number
  /** ms that a file is kept after it was last written to; 0: for good. */
  retention: number
  /** ms since 1970. */
  now: () => number
}

interface CurrentFile {
  handle: FileHandle
  path: string
  day: string
  /** Tells whether the path still leads to this file. */
  inode: number
  size: number
}

/**
 * Lines in files named by day and number: `exchanges-2026-11-24.jsonl`, `exchanges-2026-11-24.1.jsonl` and so on.
 * A file ends with its UTC day or at its size, and is deleted after the retention. One call at a time.
 */
export class LogFiles {
  readonly #options: LogFilesOptions
  #current: CurrentFile | undefined = undefined
  #sweeping: Promise<void> | undefined = undefined

  constructor (options: LogFilesOptions) {
    this.#options = options
  }

  /**
   * Opens the file that the next line belongs in, and says how many bytes may go there.
   * @param bytes of that line
   * @throws the system's error; nothing was written
   */
  async room (bytes: number): Promise<number> {
    const day = new Date(this.#options.now()).toISOString().slice(0, 10)
    const current = this.#current
    if (current === undefined || current.day !== day || !fits(current.size, bytes, this.#options.maxSize) || !(await isInPlace(current))) {
      await this.close()
      this.#current = await this.#open(day, bytes)
      void this.sweep()
    }
    return Math.max(this.#options.maxSize - (this.#current?.size ?? 0), bytes)
  }

  /**
   * Appends to the file that `room` opened.
   * @throws the system's error. A part may have been written; the file is closed.
   */
  async write (lines: Buffer): Promise<void> {
    const current = this.#current
    if (current === undefined) throw new Error('no file is open')
    try {
      for (let at = 0; at < lines.length;) {
        const { bytesWritten } = await current.handle.write(lines, at)
        at += bytesWritten
        current.size += bytesWritten
      }
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Deletes our own files that are past the retention. What cannot be deleted is left for the next time. */
  sweep (): Promise<void> {
    this.#sweeping ??= this.#sweep().catch(() => {}).finally(() => { this.#sweeping = undefined })
    return this.#sweeping
  }

  async close (): Promise<void> {
    const current = this.#current
    this.#current = undefined
    // What a failed write left behind may fail once more here.
    await current?.handle.close().catch(() => {})
  }

  async #open (day: string, bytes: number): Promise<CurrentFile> {
    const { dir, maxSize } = this.#options
    await makeFolder(dir)
    for (let number = await this.#lastNumber(day); ; number++) {
      const path = join(dir, number === 0 ? `exchanges-${day}.jsonl` : `exchanges-${day}.${number}.jsonl`)
      const handle = await open(path, 'a+', 0o600)
      try {
        const { size, ino } = await handle.stat()
        if (fits(size, bytes, maxSize)) {
          const current = { handle, path, day, inode: ino, size }
          await endLine(current)
          return current
        }
      } catch (error) {
        await handle.close().catch(() => {})
        throw error
      }
      await handle.close()
    }
  }

  async #lastNumber (day: string): Promise<number> {
    let last = 0
    for (const name of await readdir(this.#options.dir)) {
      const [, itsDay, number = '0'] = OWN_NAME.exec(name) ?? []
      if (itsDay === day) last = Math.max(last, Number(number))
    }
    return last
  }

  async #sweep (): Promise<void> {
    const { dir, retention, now } = this.#options
    if (retention === 0) return
    for (const name of await readdir(dir)) {
      if (!OWN_NAME.test(name)) continue
      const path = join(dir, name)
      try {
        const { mtimeMs } = await stat(path)
        // The file in use may be past it too, where nothing was written for so long: `room` then finds it gone.
        if (now() - mtimeMs > retention) await unlink(path)
      } catch {
        // Gone meanwhile, or not ours to delete.
      }
    }
  }
}

function fits (size: number, bytes: number, maxSize: number): boolean {
  return size === 0 || size + bytes <= maxSize
}

async function isInPlace ({ path, inode }: CurrentFile): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found?.ino === inode
}

/** A full disk or a crash may have left part of a line, which must not run into the next one. */
async function endLine (current: CurrentFile): Promise<void> {
  if (current.size === 0) return
  const { buffer } = await current.handle.read(Buffer.alloc(1), 0, 1, current.size - 1)
  if (buffer[0] === LINE_END) return
  const { bytesWritten } = await current.handle.write('\n')
  current.size += bytesWritten
}
