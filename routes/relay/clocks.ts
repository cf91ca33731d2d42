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
  readonly #quiet: NodeJS.Timeout | undefined
  readonly #patience: NodeJS.Timeout | undefined
  #linger: NodeJS.Timeout | undefined

  constructor (answer: Answer, { quiet, patience }: ClockTimes, events: ClockEvents) {
    this.#answer = answer
    this.#events = events
    if (quiet > 0) this.#quiet = setInterval(() => { if (!answer.stuck) events.onQuiet() }, quiet).unref()
    if (patience > 0) this.#patience = setTimeout(() => this.#losePatience(), patience).unref()
  }

  /** Something went out. */
  wrote (): void {
    this.#quiet?.refresh()
  }

  /** More was told than a sign of life. */
  told (): void {
    this.#patience?.refresh()
  }

  /** All answers have ended. */
  ended (): void {
    this.#linger ??= setTimeout(() => this.#endLinger(), LINGER)
  }

  stop (): void {
    clearInterval(this.#quiet)
    clearTimeout(this.#patience)
    clearTimeout(this.#linger)
  }

  #losePatience (): void {
    if (this.#answer.stuck) this.#patience?.refresh()
    else this.#events.onPatience()
  }

  #endLinger (): void {
    if (this.#answer.stuck) this.#linger?.refresh()
    else this.#events.onLinger()
  }
}
