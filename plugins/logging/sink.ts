import type { Writable } from 'node:stream'
import { standardOutput, streamOutput, type Output } from './output.ts'
import { prettify } from './pretty.ts'

export type LogFormat = 'pretty' | 'json'

/** Bytes that may wait for a slow reader. */
const LIMIT = 8 * 1024 * 1024
/** Bytes that are worth a write of their own, and of one write, unless one line is longer. */
const BATCH = 64 * 1024
/** ms that a line waits for others to share its write. */
const GATHER = 100
/** ms between two tries where writing fails. */
const RETRY = 1000

/**
 * Lines in memory of their own. As the text that the logger gives, a tree of its parts, the collector would copy them as long
 * as they wait; as small buffers of Node's, each would keep 64 kB alive, which it shares with whatever was made beside it.
 */
interface Batch {
  bytes: Buffer
  used: number
  lines: number
}

/**
 * The log's way out. Lines are gathered and written in batches, one write under way. A reader that is slow or gone
 * holds up no request and does not end the process: what does not fit is dropped, counted, and told of in one line
 * once lines get through again.
 */
export class LogSink {
  /** Lines that were not written. */
  dropped = 0
  readonly #output: Output
  readonly #format: (line: string) => string
  readonly #limit: number
  #batches: Batch[] = []
  #held = 0
  #told = 0
  #writing = false
  #timer: NodeJS.Timeout | undefined = undefined
  #flushed: (() => void)[] = []

  /**
   * @param format makes what is shown of a line
   * @param limit of what may wait, in bytes
   */
  constructor (output: Output, format: (line: string) => string, limit = LIMIT) {
    this.#output = output
    this.#format = format
    this.#limit = limit
  }

  /** Takes one line, with its line end. */
  write (line: string): void {
    const text = this.#format(line)
    const size = Buffer.byteLength(text)
    if (this.#held + size > this.#limit) {
      this.dropped++
      return
    }
    this.#push(text, size)
    if (this.#writing) return
    this.#timer ??= this.#writeIn(GATHER)
    // After a failure the timer is the one that says when to try again.
    if (this.#held >= BATCH && this.dropped === this.#told) this.#writeBatch()
  }

  /** Resolves once every line so far is written or dropped, or after `timeout` ms. */
  flush (timeout = 1000): Promise<void> {
    if (!this.#writing) this.#writeBatch()
    if (!this.#writing) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeout)
      this.#flushed.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }

  /** Writes what waits without waiting itself: the process is about to end. */
  flushNow (): void {
    const batches = this.#batches.splice(0)
    if (batches.length > 0) this.#output.writeNow(Buffer.concat(batches.map(bytesOf)))
  }

  #push (text: string, size = Buffer.byteLength(text)): void {
    let batch = this.#batches.at(-1)
    if (batch === undefined || batch.used + size > batch.bytes.length) {
      batch = { bytes: Buffer.allocUnsafeSlow(Math.max(BATCH, size)), used: 0, lines: 0 }
      this.#batches.push(batch)
    }
    batch.used += batch.bytes.write(text, batch.used)
    batch.lines++
    this.#held += size
  }

  #writeIn (ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#writeBatch(), ms).unref()
  }

  #writeBatch (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const batch = this.#batches.shift()
    if (batch === undefined) {
      for (const resolve of this.#flushed.splice(0)) resolve()
      return
    }
    this.#writing = true
    this.#output.write(bytesOf(batch), (error) => {
      this.#writing = false
      this.#held -= batch.used
      if (error) {
        this.dropped += batch.lines
        this.#timer = this.#writeIn(RETRY)
        return
      }
      if (this.dropped > this.#told) this.#tell()
      // A write costs much beside its bytes: what came in meanwhile waits for more, unless somebody waits for it.
      if (this.#held >= BATCH || this.#flushed.length > 0) this.#writeBatch()
      else if (this.#held > 0) this.#timer = this.#writeIn(GATHER)
    })
  }

  #tell (): void {
    const line = JSON.stringify({ level: 40, time: Date.now(), dropped: this.dropped - this.#told, msg: 'log lines were dropped: their reader was too slow, or gone' })
    this.#told = this.dropped
    this.#push(this.#format(`${line}\n`))
  }
}

const sinks = new Map<LogFormat, LogSink>()

/**
 * What the logger writes to: standard output, of which there is one a process, or a stream of the caller's.
 */
export function logStream (format: LogFormat, stream?: Writable): LogSink {
  const show = format === 'pretty' ? prettify : asItIs
  if (stream !== undefined) return new LogSink(streamOutput(stream), show)
  let sink = sinks.get(format)
  if (sink === undefined) {
    sink = new LogSink(standardOutput(), show)
    if (sinks.size === 0) process.on('exit', () => { for (const open of sinks.values()) open.flushNow() })
    sinks.set(format, sink)
  }
  return sink
}

/** Waits until standard output has taken all lines, or for `timeout` ms: before the process ends. */
export async function flush (timeout?: number): Promise<void> {
  await Promise.all([...sinks.values()].map((sink) => sink.flush(timeout)))
}

/** Lines that standard output did not take. */
export function droppedLines (): number {
  return [...sinks.values()].reduce((sum, { dropped }) => sum + dropped, 0)
}

function bytesOf ({ bytes, used }: Batch): Buffer {
  return bytes.subarray(0, used)
}

function asItIs (line: string): string {
  return line
}
