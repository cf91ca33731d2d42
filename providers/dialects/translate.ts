import type { Dialect, EventDecoder, EventEncoder } from './dialect.ts'
import type { Delta, ErrorInfo, Event } from './events.ts'
import { Observer } from './observer.ts'
import { factorOf, Sample, type Generated } from './sample.ts'
import { formatEvent, SseReader } from './sse.ts'
import type { SseEvent } from './sse.ts'

/** The largest event that is translated. An event must be held whole for it. */
const MAX_EVENT = 8 * 1024 * 1024

/** Characters of one reply that are held: what a dialect says once more at the end, and reasoning and calls. */
const MAX_HELD = 8 * 1024 * 1024

export interface TranslationOptions {
  /** Unix seconds. */
  now: number
  /** Whether the client is to see usage. */
  usage: boolean
  /** The client's own request body. */
  request?: Record<string, unknown>
  /** Tokens of the prompt, estimated. */
  inputEstimate?: () => number
  /** Takes keys out of an error's text. */
  redact: (text: string) => string
}

/** Carries a reply from one dialect's events to another's, by way of the neutral ones. */
export class EventTranslation extends Observer {
  /** Nothing more is to come: the reply has ended or failed. */
  done = false
  readonly #decoder: EventDecoder
  readonly #encoder: EventEncoder
  readonly #redact: (text: string) => string
  readonly #text = new Sample()
  readonly #reasoning = new Sample()
  #calls = 0
  readonly #holdsText: boolean
  #held = 0
  /** Indexes of blocks that reason. */
  readonly #thinks = new Set<number>()

  /** @throws {TypeError} where one of the two is only ever passed through */
  constructor (from: Dialect, to: Dialect, { redact, ...options }: TranslationOptions) {
    super()
    if (from.translation === undefined || to.translation === undefined) {
      throw new TypeError(`${from.id} is not translated to ${to.id}`)
    }
    this.#decoder = from.translation.decodeEvents()
    this.#encoder = to.translation.encodeEvents(options)
    this.#holdsText = to.translation.holdsText === true
    this.#redact = redact
  }

  /** Whether the bytes may end now: the provider has named a finish. */
  get finished (): boolean {
    return this.done || this.#decoder.finished === true
  }

  /** Names of what the reply held and the client's dialect cannot say. */
  get lossy (): string[] {
    return [...this.#encoder.lossy]
  }

  /** What the model wrote so far. */
  generated (): Generated {
    return { text: this.#text.toString(), reasoning: this.#reasoning.toString(), calls: this.#calls, factor: factorOf(this.#text, this.#reasoning) }
  }

  push (event: SseEvent): SseEvent[] {
    return this.#encode(this.#decoder.push(event))
  }

  end (): SseEvent[] {
    return this.#encode(this.#decoder.end())
  }

  fail (error: ErrorInfo): SseEvent[] {
    return this.#encode([{ type: 'error', error }])
  }

  #encode (events: Event[]): SseEvent[] {
    const out: SseEvent[] = []
    for (const event of events) {
      if (this.done) break
      this.#put(event, out)
      if (this.#held > MAX_HELD && !this.done) this.#put({ type: 'error', error: TOO_LONG }, out)
    }
    return out
  }

  /** One by one: an event may be the end of a hundred thousand blocks, more than a call takes as arguments. */
  #put (event: Event, out: SseEvent[]): void {
    for (const said of this.#encoder.push(this.#noted(event))) out.push(said)
  }

  #noted (event: Event): Event {
    switch (event.type) {
      case 'reply-start':
        this.note({ id: event.id, model: event.model, ...event.usage !== undefined && { usage: event.usage } })
        return event
      case 'usage':
        this.note(event)
        this.behind = false
        return event
      case 'block-start':
        if (event.block.type === 'reasoning') this.#thinks.add(event.index)
        if (event.block.type === 'tool-call') {
          this.#calls++
          this.#text.push(event.block.name)
        }
        return event
      case 'block-delta':
        this.#write(event.index, event.delta)
        return event
      case 'reply-end':
        this.done = true
        this.note({ finish: event.finish.raw ?? event.finish.reason })
        return event
      case 'error': {
        this.done = true
        const error = Object.fromEntries(Object.entries(event.error).map(([name, value]) => [name, typeof value === 'string' ? this.#redact(value) : value])) as typeof event.error
        this.note({ error })
        return { type: 'error', error }
      }
      default: return event
    }
  }

  #write (index: number, delta: Delta): void {
    const text = delta.type === 'text' ? delta.text : delta.type === 'arguments' ? delta.json : ''
    if (text === '') return
    this.behind = true
    const thinks = this.#thinks.has(index)
    if (this.#holdsText || thinks || delta.type === 'arguments') this.#held += text.length
    const sample = thinks ? this.#reasoning : this.#text
    sample.push(text)
  }
}

/** A stream translated as its bytes arrive. */
export class StreamTranslation extends Observer {
  readonly #events: EventTranslation
  readonly #reader = new SseReader(MAX_EVENT)
  /** How many times there was something to say. */
  told = 0
  #end: { bytes?: Buffer, truncated: boolean } | undefined

  constructor (from: Dialect, to: Dialect, options: TranslationOptions) {
    super()
    this.#events = new EventTranslation(from, to, options)
  }

  get done (): boolean {
    return this.#events.done
  }

  /** What the model wrote so far. */
  generated (): Generated {
    return this.#events.generated()
  }

  get ended (): boolean {
    return this.#end === undefined ? this.#events.finished : !this.#end.truncated
  }

  get lossy (): string[] {
    return this.#events.lossy
  }

  /** The gateway's own error, as the stream's last word. */
  fail (error: ErrorInfo): Buffer {
    return this.#write(this.#events.fail(error)) ?? Buffer.alloc(0)
  }

  push (chunk: Buffer): Buffer | undefined {
    const events = this.#translate(chunk)
    if (this.#reader.overflowed && !this.done) events.push(...this.#events.fail(OVERFLOW))
    return this.#write(events)
  }

  /** The stream's bytes are at an end. The same answer however often it is asked. */
  end (): { bytes?: Buffer, truncated: boolean } {
    if (this.#end === undefined) {
      // A last event may lack its blank line.
      const bytes = this.#write([...this.#translate(BLANK), ...this.#events.end()])
      this.#end = { truncated: !this.done, ...bytes !== undefined && { bytes } }
    }
    return this.#end
  }

  #translate (chunk: Buffer): SseEvent[] {
    const out: SseEvent[] = []
    for (const event of this.#reader.push(chunk)) {
      for (const said of this.#events.push(event)) out.push(said)
    }
    return out
  }

  #write (events: SseEvent[]): Buffer | undefined {
    this.follow(this.#events)
    let text = ''
    for (const event of events) text += formatEvent(event)
    if (text === '') return undefined
    this.told++
    return Buffer.from(text)
  }
}

const BLANK = Buffer.from('\n\n')

const TOO_LONG: ErrorInfo = {
  status: 502,
  code: 'upstream_bad_reply',
  message: 'The provider sent a longer reply than the gateway translates.'
}

const OVERFLOW: ErrorInfo = {
  status: 502,
  code: 'upstream_bad_reply',
  message: 'The provider sent an event that is larger than the gateway takes.'
}
