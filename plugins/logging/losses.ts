import type { FastifyBaseLogger } from 'fastify'

/** Counts the exchanges that were not captured, and says so on the log: at most once a minute. */
export class Losses {
  total = 0
  readonly #log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  readonly #dir: string
  readonly #every: number
  /** The code of what keeps lines from being written at the moment. */
  #fault: string | undefined = undefined
  #untold = 0
  #faultTold = false
  #everWorked = false
  #last = -Infinity
  #timer: NodeJS.Timeout | undefined = undefined

  /**
   * @param dir named in the messages
   * @param every ms between two of them
   */
  constructor (log: Pick<FastifyBaseLogger, 'info' | 'warn'>, dir: string, every = 60_000) {
    this.#log = log
    this.#dir = dir
    this.#every = every
  }

  /** Whether `LOG_DIR` takes lines, as far as is known. */
  get healthy (): boolean {
    return this.#fault === undefined
  }

  /** Exchanges were lost. */
  add (count: number): void {
    this.total += count
    this.#untold += count
    this.#report()
  }

  /** Writing failed, and so many exchanges were lost with it. */
  failed (error: unknown, lost: number): void {
    this.#fault = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    this.total += lost
    this.#untold += lost
    this.#report()
  }

  /** Writing works. */
  works (): void {
    this.#everWorked = true
    this.#fault = undefined
    if (!this.#faultTold) return
    this.#faultTold = false
    this.#untold = 0
    this.#log.info({ dir: this.#dir, dropped: this.total }, 'LOG_DIR can be written again: exchanges are captured')
  }

  /** Says what has not been said yet. */
  close (): void {
    clearTimeout(this.#timer)
    if (this.#untold > 0) this.#tell()
  }

  #report (): void {
    if (this.#timer !== undefined) return
    // A folder that never worked was set up wrong. It is enough to say so once.
    if (this.#faultTold && !this.#everWorked) return
    const wait = this.#last + this.#every - performance.now()
    if (wait <= 0) this.#tell()
    else this.#timer = setTimeout(() => this.#tell(), wait).unref()
  }

  #tell (): void {
    this.#timer = undefined
    if (this.#fault === undefined && this.#untold === 0) return
    const fields = { dir: this.#dir, code: this.#fault, dropped: this.#untold }
    this.#last = performance.now()
    this.#untold = 0
    const toldBefore = this.#faultTold
    this.#faultTold = this.#fault !== undefined
    // Set up wrong: whoever starts the gateway is told where they look for that, whatever they make of its log.
    if (this.#faultTold && !toldBefore && !this.#everWorked) console.error(`llm-gateway: LOG_DIR ${JSON.stringify(this.#dir)} cannot be written (${this.#fault}): exchanges are not captured until it can`)
    this.#log.warn(fields, this.#faultTold
      ? 'LOG_DIR cannot be written: exchanges are not captured until it can'
      : 'exchanges were not captured: LOG_DIR is too slow for them')
  }
}
