/** Bytes of a body from which on it may take a while to judge and translate it. */
const LARGE = 512 * 1024
/** The part of the time it took that then is everybody else's. */
const REST = 1 / 4

/**
 * Long prompts are handled one after the other, with a rest behind each: to translate 8 MB takes some tenths of a second,
 * and eight that came at once would hold up all other requests for as long as all of them take.
 */
export class Turns {
  readonly #waiting: Array<() => void> = []
  #taken = false

  /** Does the work now where no other large one is about, and else in its turn. */
  take (bytes: number, work: () => void): void {
    if (bytes < LARGE) return work()
    this.#waiting.push(work)
    if (!this.#taken) this.#next()
  }

  #next (): void {
    const work = this.#waiting.shift()
    this.#taken = work !== undefined
    if (work === undefined) return
    const begun = performance.now()
    try {
      work()
    } finally {
      const rest = (performance.now() - begun) * REST
      // A timer is a millisecond late: what is handled at once is followed by the next in the next turn of the event loop.
      if (rest < 1) setImmediate(() => this.#next())
      else setTimeout(() => this.#next(), rest)
    }
  }
}
