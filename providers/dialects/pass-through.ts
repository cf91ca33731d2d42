import type { Dialect, Reading } from './dialect.ts'
import type { ErrorInfo } from './events.ts'
import { isObject, parseOrNothing } from './json.ts'
import { Observer } from './observer.ts'
import { Sample, type Generated } from './sample.ts'
import { formatEvent, FrameSplitter, parseFrame } from './sse.ts'

/** Unless the dialect says otherwise, a frame larger than this passes in pieces, unexamined: memory stays flat whatever the provider sends. */
const MAX_FRAME = 64 * 1024

/** Bytes of a frame that may say all that went before it. */
const REPEAT = 512

export interface PassThroughOptions {
  /** Keeps back what was sent only because the gateway asked for usage. */
  withholdUsage: boolean
  /** How many answers the client asked for. */
  choices: number
  /** Takes keys out of an error's text. */
  redact: (text: string) => string
}

/**
 * A stream of the same dialect on both sides. Every byte passes as it is, frame by frame; the dialect's reader looks
 * at the few frames that matter. Only an error is touched, since providers quote keys in them: it is redacted, and the
 * last thing that passes, unless the dialect says it in more than one frame. Half a frame is never sent on, so that what follows it starts afresh.
 */
export class PassThrough extends Observer {
  /** Nothing more is to come: the terminator or an error has passed. */
  done = false
  /** How many pieces of it have passed that are more than a sign of life. */
  told = 0
  readonly #dialect: Dialect
  readonly #options: PassThroughOptions
  readonly #splitter: FrameSplitter
  readonly #ended = new Set<number>()
  /** An event has told something: before that a terminator ends nothing. */
  #spoken = false
  readonly #sample: Sample | undefined
  /** Usage was told as the reply ended: nothing can be behind it. */
  #settled = false
  /** The bytes to send on, those that lie side by side as one. */
  #out: Buffer[] = []
  #end: { bytes?: Buffer, truncated: boolean } | undefined

  constructor (dialect: Dialect, options: PassThroughOptions) {
    super()
    this.#dialect = dialect
    this.#options = options
    this.#splitter = new FrameSplitter(dialect.stream.largest ?? MAX_FRAME)
    this.#sample = dialect.stream.written === undefined ? undefined : new Sample()
  }

  /** Whether every answer has come to its end, so that the connection may break off now. */
  get ended (): boolean {
    return this.done || this.error !== undefined || this.#ended.size >= this.#options.choices
  }

  /** Whether what has passed so far ends with a whole event: not while a giant one passes in pieces. */
  get betweenEvents (): boolean {
    return !this.#splitter.inGiant
  }

  /** What the model wrote so far; `undefined` where the dialect has no text. */
  generated (): Generated | undefined {
    return this.#sample?.read(this.#dialect.stream)
  }

  /** The bytes for the client, where there are any yet. */
  push (chunk: Buffer): Buffer | undefined {
    this.#splitter.push(chunk, (frame, whole) => this.#frame(frame, whole))
    return this.#flush()
  }

  /** The stream's bytes are at an end. The same answer however often it is asked. */
  end (): { bytes?: Buffer, truncated: boolean } {
    this.#end ??= this.#finish()
    return this.#end
  }

  /** The gateway's own error, as the stream's last word. */
  fail (error: ErrorInfo): Buffer {
    return Buffer.from(this.#dialect.errors.events(error, { ...this.id !== undefined && { id: this.id }, ...this.model !== undefined && { model: this.model } }).map(formatEvent).join(''))
  }

  #finish (): { bytes?: Buffer, truncated: boolean } {
    const { rest, giant } = this.#splitter.end()
    // A last frame may lack its blank line, or be cut anywhere: it counts where its data is whole.
    const whole = !giant && this.#isWhole(rest)
    if (whole) this.#frame(rest, true)
    // Its last word is still to come: the error by which clients know that it failed.
    if (this.error !== undefined && !this.done) this.#fail(this.error)
    const truncated = !this.ended
    // What is out has no blank line yet: an error behind it must start a frame of its own.
    if (truncated && (giant || whole)) this.#pass(BLANK)
    const bytes = this.#flush()
    return bytes === undefined ? { truncated } : { bytes, truncated }
  }

  #isWhole (rest: Buffer): boolean {
    const event = parseFrame(rest)
    if (event === undefined) return false
    return parseOrNothing(event.data) !== undefined || isLast(this.#dialect.stream.read(event, undefined))
  }

  #frame (frame: Buffer, whole: boolean): void {
    if (this.done) return whole ? this.#passFarewell(frame) : undefined
    const { stream } = this.#dialect
    if (!isSignOfLife(frame) && (frame.length > HOLLOW || stream.hollow?.(frame) !== true)) this.told++
    // The model stands in the first frame that has data, whatever else does.
    if (!whole) {
      this.#spoken = true
      return this.#pass(frame)
    }
    if (this.model !== undefined && this.error === undefined && !stream.matters(frame) && (stream.json !== true || looksLikeJson(frame))) {
      this.#write(frame)
      return this.#pass(frame)
    }
    const event = parseFrame(frame)
    // Without data an event is none, though some clients take it for one. Comments pass.
    if (event === undefined) return stream.json === true && NAMED.test(frame.toString('latin1')) ? undefined : this.#pass(frame)
    const body = parseOrNothing(event.data)
    const reading = stream.read(event, body)
    if (stream.json === true && !isObject(body) && reading.end !== true && reading.error === undefined) return
    this.#spoken ||= isObject(body) || reading.error !== undefined
    if (reading.end === true && !this.#spoken) return
    const { behind } = this
    if (reading.around !== true) this.#write(frame)
    const { redact, withholdUsage } = this.#options
    for (const index of reading.ended ?? []) this.#ended.add(index)
    if (reading.end ?? reading.error !== undefined) this.done = true
    if (reading.error === undefined) {
      this.note(reading)
      // How a reply ends is no part of what was written.
      if (reading.finish !== undefined || reading.end === true) this.behind = behind
      if (reading.usage !== undefined) {
        this.behind = false
        this.#settled = this.finish !== undefined
      }
      if (reading.unasked !== true || !withholdUsage) this.#pass(frame)
    } else {
      const error = { ...reading.error, message: redact(reading.error.message) }
      this.note({ ...reading, error })
      if (reading.foreign === true) this.#fail(error)
      else this.#passRedacted(frame)
    }
  }

  /**
   * Behind the last word there is nothing to hear, in the same bytes no more than in later ones: no text, no error. But some
   * servers end a stream in two dialects' words, such as `response.completed` and `[DONE]`, and all of that is the end.
   */
  #passFarewell (frame: Buffer): void {
    if (this.error !== undefined) return
    const event = parseFrame(frame)
    if (event !== undefined && parseOrNothing(event.data) === undefined && isLast(this.#dialect.stream.read(event, undefined))) this.#pass(frame)
  }

  #fail (error: NonNullable<Observer['error']>): void {
    this.done = true
    this.#pass(this.fail({ status: 502, ...error }))
  }

  #write (frame: Buffer): void {
    this.behind = !this.#settled
    if (frame.length <= REPEAT || this.#dialect.stream.repeats?.(frame) !== true) this.#sample?.push(frame)
  }

  #passRedacted (frame: Buffer): void {
    const { redact } = this.#options
    const text = frame.toString('utf8')
    const redacted = redact(text)
    const bytes = redacted === text ? frame : Buffer.from(redacted)
    // JSON can write any character as its number, a key's too: then it is written anew.
    const event = parseFrame(bytes)
    const told = JSON.stringify(parseOrNothing(event?.data ?? '')) ?? ''
    const clear = redact(told)
    this.#pass(event === undefined || clear === told ? bytes : Buffer.from(formatEvent({ ...event, data: clear })))
  }

  #pass (bytes: Buffer): void {
    const last = this.#out.at(-1)
    if (last !== undefined && last.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset) {
      this.#out[this.#out.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length)
    } else {
      this.#out.push(bytes)
    }
  }

  #flush (): Buffer | undefined {
    const out = this.#out
    this.#out = []
    return out.length <= 1 ? out[0] : Buffer.concat(out)
  }
}

function isLast ({ end, farewell }: Reading): boolean {
  return end === true || farewell === true
}

/** A comment, a ping, or an event that holds nothing. */
function isSignOfLife (frame: Buffer): boolean {
  return frame[0] === COLON || frame.length <= EMPTY.length + 2 || (frame.length < LONGEST_PING && (frame.includes(PING) || frame.includes(KEEP_ALIVE)))
}

/** Whether a frame's data begins and ends as an object does. Cheap; what does not look so is parsed. */
function looksLikeJson (frame: Buffer): boolean {
  const at = frame[0] === D ? 0 : frame.indexOf(DATA) + 1
  const start = at + (frame[at + 5] === SPACE ? 6 : 5)
  return frame[start] === BRACE && (frame[start + 1] === QUOTE || frame[start + 1] === BRACE_END) && frame[lastOf(frame)] === BRACE_END
}

/** The place of the last byte before a frame's line ends. */
function lastOf (frame: Buffer): number {
  let at = frame.length - 1
  while (frame[at] === LF || frame[at] === CR) at--
  return at
}

const NAMED = /(?:^|[\r\n])event/
const LF = 0x0a
const CR = 0x0d
const SPACE = 0x20
const QUOTE = 0x22
const D = 0x64
const BRACE = 0x7b
const BRACE_END = 0x7d
const DATA = Buffer.from('\ndata:')
const COLON = 0x3a
const PING = Buffer.from('"ping"')
const KEEP_ALIVE = Buffer.from('"keepalive"')
const EMPTY = 'data: {}'
const LONGEST_PING = 96
/** Bytes of a frame that holds nothing, at most. */
const HOLLOW = 512
const BLANK = Buffer.from('\n\n')
