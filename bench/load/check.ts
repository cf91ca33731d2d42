import { STAMP_LENGTH } from '../clock.ts'
import { COMPLETION_TOKENS } from '../replies.ts'

const AT = 0x40
/** The end of a stream, as far as it is kept: usage and the last word stand there. */
const KEPT = 600
const USAGE = `"completion_tokens":${COMPLETION_TOKENS}`

/** Follows the body of a stream, and knows in the end whether anything of it is missing. */
export class StreamCheck {
  chunks = 0
  #tail: Buffer = Buffer.alloc(0)
  /** The beginning of a mark that a read has cut. */
  #cut: Buffer = Buffer.alloc(0)
  readonly #onMark: ((sentAt: number) => void) | undefined

  /** @param onMark hears when each piece was sent, in microseconds */
  constructor (onMark?: (sentAt: number) => void) {
    this.#onMark = onMark
  }

  push (piece: Buffer): void {
    const bytes = this.#cut.length === 0 ? piece : Buffer.concat([this.#cut, piece])
    this.#cut = Buffer.alloc(0)
    for (let at = bytes.indexOf(AT); at !== -1; at = bytes.indexOf(AT, at + STAMP_LENGTH)) {
      if (at + STAMP_LENGTH > bytes.length) {
        this.#cut = Buffer.from(bytes.subarray(at))
        break
      }
      this.chunks++
      this.#onMark?.(Number(bytes.toString('latin1', at + 1, at + STAMP_LENGTH)))
    }
    this.#tail = piece.length >= KEPT ? piece.subarray(-KEPT) : Buffer.concat([this.#tail.subarray(piece.length - KEPT), piece])
  }

  /** What is wrong with the stream, now that it has ended; `undefined`: nothing. */
  fault (status: number, chunks: number): string | undefined {
    if (status !== 200) return `status ${status}`
    if (this.chunks !== chunks) return `${this.chunks} of ${chunks} chunks`
    const end = this.#tail.toString('latin1')
    if (!end.includes(USAGE)) return 'no usage'
    return /data: \[DONE\]\n\n$/.test(end) ? undefined : 'no [DONE]'
  }
}
