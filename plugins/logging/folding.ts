import type { Fold } from '../../providers/dialects/dialect.ts'
import { SseReader } from '../../providers/dialects/sse.ts'

/** Folding stops where less than this share of the limit is left, so that the last stretch is not measured for ever. */
const REST = 8

/** Puts a streamed reply together to the whole reply it means, in memory bounded by the limit. */
export class Folding {
  /** Set where a part of the reply is missing. */
  cut = false
  readonly #fold: Fold
  readonly #limit: number
  readonly #reader: SseReader
  #room: number

  /** @param limit of the folded reply, in bytes */
  constructor (fold: Fold, limit: number) {
    this.#fold = fold
    this.#limit = limit
    this.#reader = new SseReader(limit)
    this.#room = limit
  }

  push (chunk: Buffer): void {
    if (this.cut) return
    try {
      for (const event of this.#reader.push(chunk)) this.#fold.push(event)
      this.#room -= chunk.length
      // A reply is never larger folded than streamed, so it need not be measured before this many bytes came in.
      if (this.#room <= 0) this.#measure()
    } catch {
      // A copy that cannot be read must not hurt the reply it is a copy of.
      this.cut = true
    }
    if (this.#reader.overflowed) this.cut = true
  }

  /** The whole reply so far, as JSON. */
  json (): string {
    try {
      return JSON.stringify(this.#fold.body())
    } catch {
      this.cut = true
      return 'null'
    }
  }

  #measure (): void {
    this.#room = this.#limit - Buffer.byteLength(this.json())
    if (this.#room < this.#limit / REST) this.cut = true
  }
}
