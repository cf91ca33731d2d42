import type { LogFiles } from './files.ts'
import type { Losses } from './losses.ts'

/** Bytes that go to the disk in one write, unless one line is larger, and that are written without waiting for more. */
const BATCH = 1024 * 1024
/** ms that a line waits for others to share its write. */
const GATHER = 100
/** ms between two tries where the disk fails. */
const RETRY = 1000

/** Carries lines to their files, one write under way at a time. What a failed write held is lost and counted. */
export class LineWriter {
  /** Bytes that wait, those under way included. */
  bytes = 0
  readonly #files: LogFiles
  readonly #losses: Losses
  #lines: Buffer[] = []
  /** Lines of the write that failed. */
  #lost = 0
  #run: Promise<void> | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined

  constructor (files: LogFiles, losses: Losses) {
    this.#files = files
    this.#losses = losses
  }

  push (line: Buffer): void {
    this.#lines.push(line)
    this.bytes += line.length
    this.#wakeIn(GATHER)
  }

  /** Opens a file before there is a line for it, so that a fault is known early. */
  start (): void {
    this.#run ??= this.#guarded(async () => {
      await this.#files.room(0)
      this.#losses.works()
    })
  }

  /** Writes what waits, in no more than `timeout` ms. What is left then is lost. */
  async close (timeout: number): Promise<void> {
    clearTimeout(this.#timer)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => { timer = setTimeout(resolve, timeout) })
    await Promise.race([late, this.#finish()])
    clearTimeout(timer)
    if (this.#lines.length > 0) this.#losses.add(this.#lines.length)
    this.#lines = []
  }

  async #finish (): Promise<void> {
    await this.#run
    clearTimeout(this.#timer)
    await (this.#run = this.#guarded(() => this.#drain()))
    await this.#files.close()
  }

  #wakeIn (ms: number): void {
    if (this.#timer !== undefined || this.#run !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#run ??= this.#guarded(() => this.#drain())
    }, ms).unref()
  }

  async #guarded (work: () => Promise<void>): Promise<void> {
    let wait = GATHER
    try {
      await work()
    } catch (error) {
      this.#losses.failed(error, this.#lost)
      this.#lost = 0
      wait = RETRY
    }
    this.#run = undefined
    if (this.#lines.length > 0) this.#wakeIn(wait)
  }

  /** Writes the lines that wait. What comes in meanwhile waits for more, unless it is much: a write costs much beside its bytes. */
  async #drain (): Promise<void> {
    let waiting = this.#lines.length
    for (let next = this.#lines[0]; next !== undefined && (waiting > 0 || this.bytes >= BATCH); next = this.#lines[0]) {
      const room = await this.#files.room(next.length)
      const batch = this.#take(Math.max(Math.min(room, BATCH), next.length))
      const bytes = Buffer.concat(batch)
      waiting -= batch.length
      try {
        await this.#files.write(bytes)
        this.#losses.works()
      } catch (error) {
        this.#lost = batch.length
        throw error
      } finally {
        this.bytes -= bytes.length
      }
    }
  }

  /** The first lines, as many as fit into so many bytes. */
  #take (room: number): Buffer[] {
    let count = 0
    let bytes = 0
    for (const line of this.#lines) {
      bytes += line.length
      if (bytes > room) break
      count++
    }
    return this.#lines.splice(0, count)
  }
}
