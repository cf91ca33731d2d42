import type { Call, Dialect } from './dialect.ts'
import type { ErrorInfo, Usage } from './events.ts'
import { isObject, parseExact, parseOrNothing } from './json.ts'
import { Observer } from './observer.ts'
import { PassThrough } from './pass-through.ts'
import type { Generated } from './sample.ts'
import { formatEvent, SseReader } from './sse.ts'
import type { SseEvent } from './sse.ts'
import { EventTranslation, StreamTranslation } from './translate.ts'

/**
 * A provider's reply as the client is to have it: in the client's dialect, streamed or whole as the client asked,
 * whatever the provider made of that.
 */
export interface ReplyOptions {
  client: Dialect
  /** The provider's dialect. */
  upstream: Dialect
  call: Call
  /** The client's own request body. */
  request?: Record<string, unknown>
  /** Tokens of the prompt, estimated. */
  inputEstimate?: () => number
  /** Takes keys out of an error's text. */
  redact: (text: string) => string
  /** Unix seconds. */
  now: number
}

/** What there is to say when a reply is at its end. */
export interface Ending {
  /** The last bytes for the client; of a whole reply, all of them. */
  bytes?: Buffer
  /** The reply did not come to its end. Said of it is what came before. */
  truncated: boolean
  usage: Usage | undefined
  /** Where the provider's own sums are not those of the buckets, in a few words. */
  mismatch?: string
  /** More was written since usage was last told: it is not all that was used. */
  behind?: boolean
  /** What the model wrote, for a reply that told no usage. Absent, or nothing, where no text is generated. */
  generated?: () => Generated | undefined
  model: string | undefined
  /** The provider's own word for why it ended. */
  finish: string | undefined
  /** The provider's error. In a stream it has been told the client, redacted. */
  error: Observer['error']
  /** Ids of what the provider keeps from now on. */
  stored: readonly string[]
  /** Names of what the client's dialect could not say. */
  lossy?: string[]
}

/** A stream on its way to the client. */
export interface ReplyStream {
  /** The bytes for the client, where there are any yet. */
  push (chunk: Buffer): Buffer | undefined
  /** The stream's last word is out: nothing more is worth reading. */
  readonly done: boolean
  /** The reply has come to its end, so that the connection may break off now. */
  readonly ended: boolean
  /** What has gone out so far ends with a whole event. */
  readonly betweenEvents: boolean
  /** Grows with whatever is more than a sign of life. */
  readonly told: number
  /** Ids of what the provider keeps, as far as it has told them. */
  readonly stored: readonly string[]
  /** The provider's bytes are at an end. The same answer however often it is asked. */
  end (): Ending
  /** The gateway's own error, behind what `end` gave: the stream's last word. */
  fail (error: ErrorInfo): Buffer
}

/** A stream to a client that asked for one. */
export function replyStream (options: ReplyOptions): ReplyStream {
  return new TextStream(options)
}

/** A class and no object of closures: thousands are open at once. */
class TextStream implements ReplyStream {
  readonly #stream: PassThrough | StreamTranslation

  constructor ({ client, upstream, call, redact, ...rest }: ReplyOptions) {
    this.#stream = client.id === upstream.id
      ? new PassThrough(client, { withholdUsage: !call.wantsUsage, choices: call.choices, redact })
      : new StreamTranslation(upstream, client, { ...rest, usage: call.wantsUsage, redact })
  }

  get done (): boolean { return this.#stream.done }
  get ended (): boolean { return this.#stream.ended }
  get told (): number { return this.#stream.told }
  get stored (): readonly string[] { return this.#stream.stored }
  get betweenEvents (): boolean { return !(this.#stream instanceof PassThrough) || this.#stream.betweenEvents }

  push (chunk: Buffer): Buffer | undefined { return this.#stream.push(chunk) }
  fail (error: ErrorInfo): Buffer { return this.#stream.fail(error) }

  end (): Ending {
    const stream = this.#stream
    const ending = { ...stream.end(), ...told(stream), behind: stream.behind, generated: () => stream.generated() }
    return stream instanceof StreamTranslation ? { ...ending, lossy: stream.lossy } : ending
  }
}

/**
 * A reply that is there whole: a stream that was not asked for, or JSON.
 *
 * @param sse whether the body is a stream
 * @throws {SyntaxError} where it is JSON and not valid
 */
export function wholeReply (body: Buffer, options: ReplyOptions & { sse: boolean }): Ending {
  return options.sse ? fromStream(body, options) : fromJson(body, options)
}

function fromJson (marked: Buffer, options: ReplyOptions): Ending {
  const bytes = marked.subarray(0, 3).equals(MARK) ? marked.subarray(3) : marked
  const { client, upstream, call } = options
  const text = bytes.toString('utf8')
  const body = client.id === upstream.id ? JSON.parse(text) : parseExact(text)
  if (!isObject(body)) throw new SyntaxError('the reply is not a JSON object')
  const reading = upstream.stream.readWhole(body)
  const observer = new Observer()
  observer.note(reading)
  if (reading.error !== undefined) return { truncated: false, ...told(observer) }
  if (client.id !== upstream.id) return translate(upstream.stream.unfold(body), options)
  const out = call.stream && client.translation !== undefined ? write(client.stream.unfold(body)) : bytes
  return { bytes: out, truncated: false, ...told(observer), generated: () => generated(client, body) }
}

/** A byte order mark, which JSON must not have and readers may overlook. */
const MARK = Buffer.from('\uFEFF')

function fromStream (bytes: Buffer, options: ReplyOptions): Ending {
  const { client, upstream } = options
  const reader = new SseReader(bytes.length + 2)
  const events = [...reader.push(bytes), ...reader.push(Buffer.from('\n\n'))]
  if (client.id !== upstream.id) return translate(events, options)
  const observer = new Observer()
  const fold = client.stream.fold()
  let spoken = false
  let ended = false
  for (const event of events) {
    const said = parseOrNothing(event.data)
    const reading = client.stream.read(event, said)
    observer.note(reading)
    spoken ||= isObject(said)
    // A terminator alone ends nothing.
    ended ||= spoken && (reading.end === true || reading.ended !== undefined)
    fold.push(event)
    if (reading.end ?? reading.error !== undefined) break
  }
  const body = fold.body()
  return { bytes: Buffer.from(JSON.stringify(body)), truncated: !ended && observer.error === undefined, ...told(observer), behind: !ended || observer.error !== undefined, generated: () => generated(client, body) }
}

function translate (events: SseEvent[], { client, upstream, call, ...rest }: ReplyOptions): Ending {
  const translation = new EventTranslation(upstream, client, { ...rest, usage: !call.stream || call.wantsUsage })
  const out = [...events.flatMap((event) => translation.push(event)), ...translation.end()]
  const ending = { truncated: !translation.done, ...told(translation), behind: translation.behind, generated: () => translation.generated(), lossy: translation.lossy }
  if (call.stream) return { ...ending, bytes: write(out) }
  const fold = client.stream.fold()
  for (const event of out) fold.push(event)
  return { ...ending, bytes: Buffer.from(JSON.stringify(fold.body())) }
}

function generated ({ stream }: Dialect, body: Record<string, unknown>): Generated | undefined {
  const written = stream.written?.(body)
  return written && { ...written, factor: 1 }
}

function told ({ usage, mismatch, model, finish, error, stored }: Observer): Pick<Ending, 'usage' | 'mismatch' | 'model' | 'finish' | 'error' | 'stored'> {
  return { usage, ...mismatch !== undefined && { mismatch }, model, finish, error, stored }
}

function write (events: SseEvent[]): Buffer {
  return Buffer.from(events.map(formatEvent).join(''))
}
