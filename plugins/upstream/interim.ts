const STATUS = 'HTTP/1.1 '.length
const ZERO = 0x30
const ONE = 0x31
const TWO = 0x32
const LF = 0x0a
const CR = 0x0d

/**
 * Makes of each `100 Continue` before a reply a `102 Processing`, as the bytes come in. A client must skip both, asked for or
 * not (RFC 9110 § 15.2); the library breaks the connection off at the first.
 */
export class Interim {
  /** Bytes of the status line that have come, as far as they tell anything; `undefined` from the reply's own head on. */
  #at: number | undefined
  #lineEmpty = false

  /** A reply is to come. */
  begin (): void {
    this.#at = 0
  }

  pass (bytes: Buffer): void {
    for (let index = 0; this.#at !== undefined && index < bytes.length; index++) {
      const byte = bytes[index] as number
      if (this.#at === STATUS + 2 && byte === ZERO) bytes[index] = TWO
      this.#at = this.#next(this.#at, byte)
    }
  }

  #next (at: number, byte: number): number | undefined {
    // Blank lines may lead.
    if (at === 0 && (byte === CR || byte === LF)) return at
    if (at < STATUS) return at + 1
    if (at === STATUS) return byte === ONE ? at + 1 : undefined
    // Of another 1xx the last digit is none of our business.
    if (at === STATUS + 1) return byte === ZERO ? at + 1 : at + 2
    if (byte === LF && this.#lineEmpty) return 0
    if (byte !== CR) this.#lineEmpty = byte === LF
    return STATUS + 3
  }
}
