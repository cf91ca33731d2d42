import type { StreamReader, Written } from './dialect.ts'
import { SseReader } from './sse.ts'

/** What a model wrote, of a reply that was cut or told no usage. */
export interface Generated extends Written {
  /** How many times as much was written as these hold: 1 where they hold all. */
  factor: number
}

/** Bytes that are kept of a stream: enough to know how much text its events hold, and memory for thousands of streams. */
const LIMIT = 8 * 1024
const FIRST = 1024
/** Bytes that large frames, such as all of a tool's arguments, may make of it. */
const MOST = 64 * 1024
/** Bytes of a frame that is no piece of text, but a picture or what a tool found: it says nothing of how much is written. */
const LARGE = 1024

/**
 * The beginning of what streams by, as it is, to be read only if the stream is cut before it has told its usage. Of
 * the rest only the length is known.
 */
export class Sample {
  #bytes: Buffer | undefined
  #kept = 0
  /** Of what is kept, and of what is not: the bytes of frames that are not large. */
  #usual = 0
  #missed = 0

  /** @param piece a whole frame, or text */
  push (piece: Buffer | string): void {
    const length = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.length
    const end = this.#kept + length
    const usual = length <= LARGE ? length : 0
    if (this.#usual >= LIMIT || end > MOST) {
      this.#missed += usual
      return
    }
    this.#usual += usual
    let bytes = this.#bytes
    if (bytes === undefined || end > bytes.length) bytes = this.#grow(end)
    if (typeof piece === 'string') bytes.write(piece, this.#kept)
    else bytes.set(piece, this.#kept)
    this.#kept = end
  }

  #grow (least: number): Buffer {
    const length = [FIRST, 2 * FIRST, 4 * FIRST, LIMIT + LARGE].find((length) => least <= length) ?? MOST
    const bytes = Buffer.allocUnsafeSlow(length)
    if (this.#bytes !== undefined) bytes.set(this.#bytes.subarray(0, this.#kept))
    this.#bytes = bytes
    return bytes
  }

  /** Bytes kept, and bytes that were not, both without those of large pieces. */
  get lengths (): { kept: number, missed: number } {
    return { kept: this.#usual, missed: this.#missed }
  }

  toString (): string {
    return this.#bytes?.toString('utf8', 0, this.#kept) ?? ''
  }

  /** What the frames that were kept say. */
  read ({ fold, written }: StreamReader): Generated | undefined {
    if (written === undefined) return undefined
    const reply = fold()
    const bytes = this.#bytes?.subarray(0, this.#kept) ?? Buffer.alloc(0)
    for (const event of new SseReader(MOST).push(bytes)) {
      try {
        reply.push(event)
      } catch {
        // Nested deeper than the stack goes: no text of a model's.
      }
    }
    return { ...written(reply.body()), factor: factorOf(this) }
  }
}

/** How many times as much was pushed as is kept, of all of them together. */
export function factorOf (...samples: Sample[]): number {
  const kept = samples.reduce((sum, { lengths }) => sum + lengths.kept, 0)
  const missed = samples.reduce((sum, { lengths }) => sum + lengths.missed, 0)
  return kept === 0 ? 1 : (kept + missed) / kept
}
