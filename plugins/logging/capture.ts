import type { FastifyBaseLogger } from 'fastify'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import type { Exchange } from './exchange.ts'
import { LogFiles } from './files.ts'
import { Losses } from './losses.ts'
import { captureLine } from './record.ts'
import { Recorder } from './recorder.ts'
import { LineWriter } from './writer.ts'

/** What is captured: all, lines without bodies, or nothing. */
export type Bodies = 'full' | 'metadata' | 'off'

export interface CaptureOptions {
  dir: string
  /** For keys that do not say otherwise. */
  bodies: Bodies
  /** Bytes of one body. */
  bodyLimit: number
  /** Bytes of one file. */
  maxSize: number
  /** ms that a file is kept; 0: for good. */
  retention: number
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  dialect: (id: string) => Dialect | undefined
  /** ms since 1970; names the files. */
  now?: () => number
  /** Bytes that may wait. */
  queueLimit?: number
  /** ms between two messages about losses. */
  reportEvery?: number
}

interface Finished { exchange: Exchange, recorder: Recorder | undefined, size: number }

const QUEUE_LIMIT = 16 * 1024 * 1024
/** Bytes of a line without its bodies, about. */
const LINE_SIZE = 1024
/** ms of making lines before other work has its turn. */
const SLICE = 2
/** ms that closing waits for the disk. */
const CLOSE_TIMEOUT = 2000
/** ms between two looks for files past the retention. */
const SWEEP = 3_600_000

/**
 * Full exchanges in `LOG_DIR`, one JSON object a line. Ending an exchange only queues it: its line is made when the
 * event loop has a moment, and written by a loop of its own. The queue is bounded, and what does not fit is counted
 * and lost, so that no disk can delay a request.
 */
export class Capture {
  readonly #options: CaptureOptions
  readonly #queueLimit: number
  readonly #files: LogFiles
  readonly #losses: Losses
  readonly #writer: LineWriter
  readonly #sweeps: NodeJS.Timeout
  #finished: Finished[] = []
  #finishedBytes = 0
  #making = false
  #closed = false

  constructor (options: CaptureOptions) {
    const { dir, bodyLimit, maxSize, retention, log, now = Date.now, queueLimit = QUEUE_LIMIT, reportEvery } = options
    this.#options = options
    // One exchange with two bodies of the largest size, and some of it escaped, has room in any case.
    this.#queueLimit = Math.max(queueLimit, 3 * bodyLimit)
    this.#files = new LogFiles({ dir, maxSize, retention, now })
    this.#losses = new Losses(log, dir, reportEvery)
    this.#writer = new LineWriter(this.#files, this.#losses)
    this.#sweeps = setInterval(() => this.#files.sweep(), SWEEP).unref()
  }

  /** Exchanges that were to be captured and were not. */
  get dropped (): number {
    return this.#losses.total
  }

  /** Whether the folder takes them, as far as is known. */
  get healthy (): boolean {
    return this.#losses.healthy
  }

  /** Deletes what is past the retention, and opens a file, so that a fault is known before the first request. */
  start (): void {
    void this.#files.sweep()
    if (this.#options.bodies !== 'off') this.#writer.start()
  }

  /** What takes an exchange's bodies; `undefined` where none are captured. */
  begin (exchange: Exchange, body: Buffer): Recorder | undefined {
    if (this.#bodiesOf(exchange) !== 'full') return undefined
    const { bodyLimit, dialect } = this.#options
    return new Recorder(body, bodyLimit, exchange.stream ? () => dialect(exchange.clientDialect)?.stream.fold() : undefined)
  }

  /** Queues an exchange that has ended. */
  end (exchange: Exchange, recorder?: Recorder): void {
    if (this.#bodiesOf(exchange) === 'off') return
    const size = LINE_SIZE + (recorder?.size ?? 0)
    if (this.#closed || this.#finishedBytes + this.#writer.bytes + size > this.#queueLimit) return this.#losses.add(1)
    this.#finished.push({ exchange, recorder, size })
    this.#finishedBytes += size
    this.#makeSoon()
  }

  /** Writes what is queued, as far as the disk lets it within two seconds. */
  async close (): Promise<void> {
    this.#closed = true
    clearInterval(this.#sweeps)
    this.#make(Infinity)
    await this.#writer.close(CLOSE_TIMEOUT)
    this.#losses.close()
  }

  #bodiesOf ({ key }: Exchange): Bodies {
    return key.log ?? this.#options.bodies
  }

  #makeSoon (): void {
    if (this.#making) return
    this.#making = true
    setImmediate(() => {
      this.#making = false
      this.#make(performance.now() + SLICE)
    })
  }

  #make (until: number): void {
    let next = this.#finished.shift()
    while (next !== undefined) {
      this.#finishedBytes -= next.size
      try {
        this.#writer.push(captureLine(next.exchange, next.recorder))
      } catch {
        // A reply that its dialect cannot fold costs its own line, and nothing else.
        this.#losses.add(1)
      }
      next.recorder?.close()
      if (performance.now() >= until) break
      next = this.#finished.shift()
    }
    if (this.#finished.length > 0) this.#makeSoon()
  }
}
