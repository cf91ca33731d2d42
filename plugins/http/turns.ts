/** Bytes of a body from which on it may take a while to judge and translate it. */
const LARGE = 512 * 1024
/** The part of the time it took that then is everybody else's. */
const REST = 1 / 4
/** ms that a turn may be waited for. */
const PATIENCE = 15_000

/**
 * Long prompts are handled one after the other, with a rest behind each: to translate 8 MB takes some tenths of a second,
 * and eight that came at once would hold up all other requests for as long as all of them take.
 */
export class Turns {
  readonly #waiting: Array<{ since: number, work: (late: boolean) => void }> = []
  #taken = false

  /** How many wait for their turn. */
  get waiting (): number {
    return this.#waiting.length
  }

  /**
   * Does the work now where no other large one is about, and else in its turn.
   * @param work told whether its turn has come too late: then there are more than can be handled
   */
  take (bytes: number, work: (late: boolean) => void): void {
    if (bytes < LARGE) return work(false)
    this.#waiting.push({ since: performance.now(), work })
    if (!this.#taken) this.#next()
  }

  #next (): void {
    const next = this.#waiting.shift()
    this.#taken = next !== undefined
    if (next === undefined) return
    const begun = performance.now()
    try {
      next.work(begun - next.since > PATIENCE)
    } finally {
      const rest = (performance.now() - begun) * REST
      // A timer is a millisecond late: what is handled at once is followed by the next in the next turn of the event loop.
      if (rest < 1) setImmediate(() => this.#next())
      else setTimeout(() => this.#next(), rest)
    }
  }
}

/** Those of all servers of this process: they share its event loop. */
export const turns = new Turns()
