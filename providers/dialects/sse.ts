/**
 * Server-sent events, read and written as the HTML standard has them (§ 9.2): lines end in LF, CR or CRLF, a blank
 * line dispatches, a byte order mark may lead, and bytes arrive cut anywhere.
 */
export interface SseEvent {
  /** The `event:` field. */
  event?: string
  data: string
}

const LF = 0x0a
const CR = 0x0d
const BOM = '\ufeff'

/** Called with each frame: an event's bytes up to and with its blank line. `whole` is false for pieces of a giant. */
export type FrameSink = (frame: Buffer, whole: boolean) => void

/**
 * Cuts a byte stream into frames without changing a byte: the frames joined are the stream. A frame that outgrows
 * `limit` is handed on in pieces, so that memory stays flat whatever the provider sends.
 */
export class FrameSplitter {
  readonly #limit: number
  #held: Buffer[] = []
  #heldBytes = 0
  #lineEmpty = true
  #afterCr = false
  #giant = false

  constructor (limit: number) {
    this.#limit = limit
  }

  push (chunk: Buffer, sink: FrameSink): void {
    let start = 0
    let from = 0
    // Without a CR in sight, lines end only in LF and `indexOf` hops from one to the next.
    const plain = !this.#afterCr && !chunk.includes(CR)
    while (from < chunk.length) {
      const end = plain ? chunk.indexOf(LF, from) : nextLineEnd(chunk, from)
      if (end === -1) {
        this.#lineEmpty = false
        this.#afterCr = false
        break
      }
      const crLf = this.#afterCr && end === from && chunk[end] === LF
      const blank = this.#lineEmpty && end === from
      this.#afterCr = chunk[end] === CR
      this.#lineEmpty = true
      from = end + 1
      if (crLf) continue
      if (blank) {
        // The LF of a CRLF belongs to this frame where it is already here.
        if (this.#afterCr && chunk[from] === LF) {
          this.#afterCr = false
          from++
        }
        this.#emit(start === 0 && from === chunk.length ? chunk : chunk.subarray(start, from), sink)
        start = from
      }
    }
    if (start < chunk.length) this.#hold(start === 0 ? chunk : chunk.subarray(start), sink)
  }

  /** Whether pieces of an unfinished frame have been handed on. */
  get inGiant (): boolean {
    return this.#giant
  }

  /** The bytes of an unfinished last frame, if any; `giant` tells that pieces of it are already out. */
  end (): { rest: Buffer, giant: boolean } {
    const rest = Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    return { rest, giant: this.#giant }
  }

  #emit (piece: Buffer, sink: FrameSink): void {
    const whole = !this.#giant
    this.#giant = false
    if (this.#held.length === 0) return sink(piece, whole)
    const frame = Buffer.concat([...this.#held, piece])
    this.#held = []
    this.#heldBytes = 0
    sink(frame, whole)
  }

  #hold (piece: Buffer, sink: FrameSink): void {
    if (this.#giant) return sink(piece, false)
    this.#held.push(piece)
    this.#heldBytes += piece.length
    if (this.#heldBytes <= this.#limit) return
    this.#giant = true
    const held = Buffer.concat(this.#held)
    this.#held = []
    this.#heldBytes = 0
    sink(held, false)
  }
}

function nextLineEnd (chunk: Buffer, from: number): number {
  for (let i = from; i < chunk.length; i++) {
    if (chunk[i] === LF || chunk[i] === CR) return i
  }
  return -1
}

/** Reads one whole frame. `undefined` where it dispatches nothing: comments, a lone id or retry. */
export function parseFrame (frame: Buffer): SseEvent | undefined {
  let text = frame.toString('utf8')
  if (text.includes('\r')) text = text.replaceAll(/\r\n?/g, '\n')
  let event: string | undefined
  let data: string | undefined
  let end = 0
  for (let at = text.startsWith(BOM) ? 1 : 0; at < text.length; at = end + 1) {
    end = text.indexOf('\n', at)
    if (end === -1) end = text.length
    if (text.startsWith('data', at)) {
      const value = valueOf('data', text, at, end)
      if (value !== undefined) data = data === undefined ? value : `${data}\n${value}`
    } else if (text.startsWith('event', at)) {
      event = valueOf('event', text, at, end) ?? event
    }
  }
  if (data === undefined) return undefined
  return event === undefined ? { data } : { event, data }
}

/** What a line says of a field that its beginning names; `undefined` where that is the beginning of another name. */
function valueOf (field: string, text: string, start: number, end: number): string | undefined {
  const colon = start + field.length
  if (colon === end) return ''
  if (text[colon] !== ':') return undefined
  return text.slice(text[colon + 1] === ' ' ? colon + 2 : colon + 1, end)
}

/** Writes one event. Data is JSON or a terminator: neither holds a raw line end. */
export function formatEvent ({ event, data }: SseEvent): string {
  return event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`
}

/** Reads a stream's bytes, however they are cut, as events. A giant or unfinished frame is not an event. */
export class SseReader {
  readonly #splitter: FrameSplitter
  #overflow = false

  /** @param limit of one event, in bytes */
  constructor (limit: number) {
    this.#splitter = new FrameSplitter(limit)
  }

  push (chunk: Buffer): SseEvent[] {
    const events: SseEvent[] = []
    this.#splitter.push(chunk, (frame, whole) => {
      if (!whole) {
        this.#overflow = true
        return
      }
      const event = parseFrame(frame)
      if (event !== undefined) events.push(event)
    })
    return events
  }

  /** Whether an event was larger than the limit, and so lost. */
  get overflowed (): boolean {
    return this.#overflow
  }
}
