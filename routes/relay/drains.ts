/** Replies that may be read on at once for clients that have left. */
const MOST = 100

/**
 * Replies that are read to their end although their client has left, so that the provider's own count of them is had. They
 * are bounded in number and time, since nobody gains by the rest.
 */
export class Drains {
  readonly #timeout: number
  #open = 0

  /** @param timeout ms */
  constructor (timeout: number) {
    this.#timeout = timeout
  }

  /**
   * @param expire called when the time is up
   * @returns what is to be called at the end; `undefined` where there is no room for one more
   */
  begin (expire: () => void): (() => void) | undefined {
    if (this.#open >= MOST || this.#timeout === 0) return undefined
    this.#open++
    const timer = setTimeout(expire, this.#timeout).unref()
    return () => {
      clearTimeout(timer)
      this.#open--
    }
  }
}
