import type { StreamReader, Written } from './dialect.ts'
import { SseReader } from './sse.ts'

/** What a model wrote, of a reply that was cut or told no usage. */
export interface Generated extends Written {
  /** How many times as much was written as these hold: 1 where they hold all. */
  factor: number
}

/** Bytes that are kept of a stream. It is a page of text or more, and memory for thousands of streams at once. */
const LIMIT = 32 * 1024
const FIRST = 2 * 1024
/** Bytes of a frame that may be no piece of text at all, such as a picture: it says nothing of how much was written. */
const LARGE = 4 * 1024

/**
 * The beginning of what streams by, as it is, to be read only if the stream is cut before it has told its usage. Of
 * the rest only the length is known.
 */
export class Sample {
  #bytes: Buffer | undefined
  #kept = 0
  #missed = 0

  /** @param piece a whole frame, or text */
  push (piece: Buffer): void {
    const end = this.#kept + piece.length
    if (end > LIMIT) {
      if (piece.length <= LARGE) this.#missed += piece.length
      return
    }
    let bytes = this.#bytes
    if (bytes === undefined || end > bytes.length) bytes = this.#grow(end)
    bytes.set(piece, this.#kept)
    this.#kept = end
  }

  #grow (least: number): Buffer {
    const length = Math.min(LIMIT, Math.max(FIRST, 2 * (this.#bytes?.length ?? 0), least))
    const bytes = Buffer.allocUnsafeSlow(length)
    if (this.#bytes !== undefined) bytes.set(this.#bytes.subarray(0, this.#kept))
    this.#bytes = bytes
    return bytes
  }

  get kept (): number {
    return this.#kept
  }

  /** Of everything that was pushed, how much is missing. */
  get missed (): number {
    return this.#missed
  }

  toString (): string {
    return this.#bytes?.toString('utf8', 0, this.#kept) ?? ''
  }

  /** What the frames that were kept say. */
  read ({ fold, written }: StreamReader): Generated | undefined {
    if (written === undefined) return undefined
    const reply = fold()
    const bytes = this.#bytes?.subarray(0, this.#kept) ?? Buffer.alloc(0)
    for (const event of new SseReader(LIMIT).push(bytes)) reply.push(event)
    return { ...written(reply.body()), factor: factorOf(this.#kept, this.#missed) }
  }
}

export function factorOf (kept: number, missed: number): number {
  return kept === 0 ? 1 : (kept + missed) / kept
}
