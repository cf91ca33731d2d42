import type { Answer } from './answer.ts'

/** What a stream is told by its clocks. */
export interface ClockEvents {
  /** Nothing has gone out for a while. */
  onQuiet (): void
  /** It goes on without telling anything. */
  onPatience (): void
  /** The answer has ended, and its last word does not come. */
  onLinger (): void
}

/** ms; 0: never. */
export interface ClockTimes {
  quiet: number
  patience: number
}

/** ms a provider may take to say a stream's last word once the answer has ended. */
const LINGER = 1000

/** The clocks of one stream. They stand still while the client takes nothing: then nobody else is late. */
export class Clocks {
  readonly #answer: Answer
  readonly #events: ClockEvents
  readonly #quiet: Alarm | undefined
  readonly #patience: Alarm | undefined
  #linger: NodeJS.Timeout | undefined

  constructor (answer: Answer, { quiet, patience }: ClockTimes, events: ClockEvents) {
    this.#answer = answer
    this.#events = events
    if (quiet > 0) this.#quiet = new Alarm(quiet, () => { if (!answer.stuck) events.onQuiet() })
    if (patience > 0) this.#patience = new Alarm(patience, () => { if (!answer.stuck) events.onPatience() })
  }

  /** Something went out. @param at `performance.now()` */
  wrote (at: number): void {
    this.#quiet?.putOff(at)
  }

  /** More was told than a sign of life. @param at `performance.now()` */
  told (at: number): void {
    this.#patience?.putOff(at)
  }

  /** All answers have ended. */
  ended (): void {
    this.#linger ??= setTimeout(() => this.#endLinger(), LINGER)
  }

  stop (): void {
    this.#quiet?.stop()
    this.#patience?.stop()
    clearTimeout(this.#linger)
  }

  #endLinger (): void {
    if (this.#answer.stuck) this.#linger?.refresh()
    else this.#events.onLinger()
  }
}

/** Rings whenever nothing has put it off for so many ms. Every chunk does, so that moves no timer: when one is due it looks how long ago that was. */
class Alarm {
  readonly #ms: number
  readonly #ring: () => void
  #since = performance.now()
  #timer: NodeJS.Timeout

  constructor (ms: number, ring: () => void) {
    this.#ms = ms
    this.#ring = ring
    this.#timer = this.#lookIn(ms)
  }

  putOff (since: number): void {
    this.#since = since
  }

  stop (): void {
    clearTimeout(this.#timer)
  }

  #lookIn (ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), ms).unref()
  }

  #look (): void {
    const now = performance.now()
    const left = this.#since + this.#ms - now
    if (left <= 0) this.#since = now
    this.#timer = this.#lookIn(left > 0 ? left : this.#ms)
    if (left <= 0) this.#ring()
  }
}
