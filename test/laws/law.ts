/** Something that holds. `run` throws where it does not. */
export interface Law { name: string, run (): void }

/** Pseudo-random numbers from a seed: a law that fails once fails always. */
export class Random {
  #state: number

  constructor (seed: number) {
    this.#state = seed * 2654435761 >>> 0
  }

  /** Evenly from 0 to below 1: mulberry32, since simpler ones make the same few choices for neighbouring seeds. */
  next (): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to below `limit`. */
  below (limit: number): number {
    return Math.floor(this.next() * limit)
  }

  chance (of: number): boolean {
    return this.next() < of
  }

  pick<T> (from: readonly T[]): T {
    return from[this.below(from.length)] as T
  }

  list<T> (most: number, make: (i: number) => T): T[] {
    return Array.from({ length: this.below(most + 1) }, (_, i) => make(i))
  }

  /** Text with characters of one to four bytes, and such as break naive parsers. */
  text (): string {
    return Array.from({ length: 1 + this.below(6) }, () => this.pick(WORDS)).join('')
  }
}

const WORDS = ['a', 'word ', 'größer', '漢字', '👩‍🚀', '\n', '\r\n', '"', '\\', 'data: ', '\n\n', '[DONE]', ' ', '"usage":{', '\u0000', '"finish_reason":"stop"']
