/** Looks in a row: at the moment of a rename one may meet the old file without its name. */
const SURE = 2

/**
 * Whether a file has lost its name though its path still leads to it: it was replaced or deleted where the path does not go, as
 * happens to one that is mounted by itself. What has its name now is not seen by that path, ever.
 */
export class Nameless {
  /** There are file systems that count no names, and files that never had one. */
  #had = false
  #looks = 0

  get sure (): boolean {
    return this.#looks >= SURE
  }

  /**
   * @param links how many names it has
   * @returns what is news
   */
  look (links: bigint): 'lost' | 'found' | undefined {
    if (links > 0n) {
      const found = this.sure
      this.#had = true
      this.#looks = 0
      return found ? 'found' : undefined
    }
    return this.#had && ++this.#looks === SURE ? 'lost' : undefined
  }
}
