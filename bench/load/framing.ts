import type { Listener } from './connection.ts'

const CRLF = '\r\n'

/** Reads one HTTP/1.1 reply, in whatever pieces it comes. */
export class Framing {
  keepAlive = true
  /** Neither a length nor chunks: the body ends with the connection. */
  untilClose = false
  readonly #listener: Pick<Listener, 'onHead' | 'onBody'>
  #state: 'head' | 'body' | 'size' | 'chunk' | 'trailer' = 'head'
  #rest: Buffer = Buffer.alloc(0)
  /** Bytes missing of the body, or of the chunk with the line's end behind it. */
  #missing = 0

  constructor (listener: Pick<Listener, 'onHead' | 'onBody'>) {
    this.#listener = listener
  }

  /** @returns whether the reply is whole. @throws {Error} where it is not HTTP */
  push (piece: Buffer): boolean {
    let bytes: Buffer = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    this.#rest = Buffer.alloc(0)
    while (true) {
      if (this.#state === 'body' || this.#state === 'chunk') {
        const taken = this.untilClose ? bytes.length : Math.min(bytes.length, this.#missing)
        const ending = this.#state === 'chunk' ? CRLF.length : 0
        const content = bytes.subarray(0, Math.max(0, Math.min(taken, this.#missing - ending)))
        if (content.length > 0) this.#listener.onBody(content)
        bytes = bytes.subarray(taken)
        this.#missing -= taken
        if (this.#missing > 0) return false
        if (this.#state === 'body') return true
        this.#state = 'size'
      }
      const end = bytes.indexOf(this.#state === 'head' ? CRLF + CRLF : CRLF)
      if (end === -1) {
        this.#rest = bytes
        return false
      }
      const line = bytes.toString('latin1', 0, end)
      bytes = bytes.subarray(end + (this.#state === 'head' ? 4 : 2))
      if (this.#state === 'head') this.#readHead(line)
      else if (this.#state === 'size') this.#readSize(line)
      else if (line === '') return true
    }
  }

  #readHead (head: string): void {
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1])
    if (Number.isNaN(status)) throw new Error(`no HTTP: ${head.slice(0, 80)}`)
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1]
    this.keepAlive = !/\r\nconnection: *close/i.test(head)
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) this.#state = 'size'
    else {
      this.#state = 'body'
      this.untilClose = length === undefined
      this.#missing = this.untilClose ? Infinity : Number(length)
    }
    this.#listener.onHead(status)
  }

  #readSize (line: string): void {
    const size = parseInt(line, 16)
    if (Number.isNaN(size)) throw new Error(`no size of a chunk: ${line.slice(0, 80)}`)
    this.#state = size === 0 ? 'trailer' : 'chunk'
    this.#missing = size + CRLF.length
  }
}
