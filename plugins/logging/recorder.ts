import type { Fold } from '../../providers/dialects/dialect.ts'
import { cutBody, isJson, MARGIN, wholeBody, type Recorded } from './body.ts'
import { Folding } from './folding.ts'
import type { Redact } from './redact.ts'

/** Bytes of a streamed reply that are held raw before they are folded, off the reply's path. */
const FOLD_FROM = 65_536
/** Bytes at which they are folded at once, because the event loop has not come round meanwhile. */
const FOLD_NOW = 1_048_576

const NOTHING = Buffer.alloc(0)
const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b

/** Keeps what is captured of one exchange: its request, and its reply as the bytes go to the client. */
export class Recorder {
  readonly #limit: number
  readonly #fold: (() => Fold | undefined) | undefined
  #request: Buffer
  readonly #requestBytes: number
  #chunks: Buffer[] = []
  #heldBytes = 0
  #foldedBytes = 0
  #replyBytes = 0
  #full = false
  #folding: Folding | undefined = undefined
  #scheduled = false
  #onRead: (() => void) | undefined = undefined

  /**
   * @param request a body already judged to be JSON
   * @param limit of each body, in bytes
   * @param fold begins the fold of a streamed reply; without it, a reply is kept as it is
   */
  constructor (request: Buffer, limit: number, fold?: () => Fold | undefined) {
    this.#limit = limit
    this.#fold = fold
    this.#requestBytes = request.length
    // A copy of the first part lets the whole go.
    this.#request = request.length > limit ? Buffer.from(request.subarray(0, limit + MARGIN)) : request
  }

  /** Takes a piece of the reply, on the reply's path: holds it, no more. The bytes must not change afterwards. */
  reply (chunk: Buffer): void {
    if (chunk.length === 0) return
    if (this.#replyBytes === 0) this.#begin(chunk)
    this.#replyBytes += chunk.length
    if (this.#full) return
    this.#chunks.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#folding === undefined) this.#full = this.#heldBytes > this.#limit + MARGIN
    else if (this.#heldBytes >= FOLD_NOW) this.#foldHeld(this.#folding)
    else if (this.#heldBytes >= FOLD_FROM) this.#schedule(this.#folding)
  }

  /** @param then called once the request's bytes are read no more; maybe never, where the exchange is not written down */
  whenRead (then: () => void): void {
    this.#onRead = then
  }

  /** Lets go of the request: it is written down. */
  close (): void {
    this.#request = NOTHING
    this.#onRead?.()
  }

  /** About how much memory it holds, in bytes. */
  get size (): number {
    return this.#request.length + this.#heldBytes + Math.min(this.#foldedBytes, this.#limit)
  }

  /** The request, cleared of secrets. */
  requestBody (redact: Redact): Recorded {
    if (this.#requestBytes > this.#limit) return cutBody(this.#request, this.#requestBytes, this.#limit, redact)
    return wholeBody(this.#request.toString('utf8'), true, redact)
  }

  /** The reply, cleared of secrets; `null` where there was none. A folded reply that was cut is what was folded. */
  replyBody (redact: Redact): Recorded {
    if (this.#replyBytes === 0) return { json: 'null', cut: undefined }
    const folding = this.#folding
    if (folding === undefined) {
      const bytes = Buffer.concat(this.#chunks)
      if (this.#replyBytes > this.#limit) return cutBody(bytes, this.#replyBytes, this.#limit, redact)
      const text = bytes.toString('utf8')
      return wholeBody(text, isJson(text), redact)
    }
    this.#foldHeld(folding)
    const { json } = wholeBody(folding.json(), true, redact)
    return { json, cut: folding.cut ? { bytes: this.#replyBytes, kept: this.#foldedBytes } : undefined }
  }

  #begin (chunk: Buffer): void {
    // A stream that was refused is answered with JSON, which no event begins like.
    if (this.#fold === undefined || chunk[0] === OPEN_BRACE || chunk[0] === OPEN_BRACKET) return
    const fold = this.#fold()
    if (fold !== undefined) this.#folding = new Folding(fold, this.#limit)
  }

  #schedule (folding: Folding): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#foldHeld(folding)
    })
  }

  #foldHeld (folding: Folding): void {
    for (const chunk of this.#chunks) {
      if (folding.cut) break
      folding.push(chunk)
      this.#foldedBytes += chunk.length
    }
    this.#chunks = []
    this.#heldBytes = 0
    this.#full = folding.cut
  }
}
