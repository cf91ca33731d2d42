import type { Dialect, EventDecoder } from './dialect.ts'
import type { Event } from './events.ts'
import { parseOrNothing } from './json.ts'
import { SseReader, type SseEvent } from './sse.ts'

/** An event larger than this is content for certain. */
const MAX_EVENT = 256 * 1024

/** Finds out whether a stream has begun: whether there is anything in it that the model wrote, or only talk around it. */
export class Beginning {
  readonly #dialect: Dialect
  readonly #reader = new SseReader(MAX_EVENT)
  readonly #decoder: EventDecoder | undefined

  /** @param dialect the provider's */
  constructor (dialect: Dialect) {
    this.#dialect = dialect
    this.#decoder = dialect.translation?.decodeEvents()
  }

  /** @returns `undefined` while it has neither begun nor failed */
  push (chunk: Buffer): 'begun' | 'failed' | undefined {
    for (const event of this.#reader.push(chunk)) {
      const state = this.#read(event)
      if (state !== undefined) return state
    }
    return this.#reader.overflowed ? 'begun' : undefined
  }

  #read (event: SseEvent): 'begun' | 'failed' | undefined {
    if (this.#decoder !== undefined) return this.#decoder.push(event).map(stateBy).find((state) => state !== undefined)
    const { error, around } = this.#dialect.stream.read(event, parseOrNothing(event.data))
    if (error !== undefined) return 'failed'
    return around === true ? undefined : 'begun'
  }
}

function stateBy (event: Event): 'begun' | 'failed' | undefined {
  switch (event.type) {
    case 'error': return 'failed'
    case 'block-delta': return event.delta.type === 'text' && event.delta.text === '' ? undefined : 'begun'
    case 'block-start': return event.block.type === 'tool-call' || event.block.type === 'foreign' ? 'begun' : undefined
    case 'reply-end': return 'begun'
    default: return undefined
  }
}
