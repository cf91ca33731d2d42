import type { Delta } from '../events.ts'
import type { JsonObject } from '../json.ts'
import type { SseEvent } from '../sse.ts'

/** Writes an event, with its number in the stream. */
export type Write = (type: string, fields: JsonObject) => SseEvent

/** Writes one item of the output, from the event that adds it to the one that holds it whole. */
export abstract class Item {
  protected readonly id: string
  /** Its place in the output. */
  protected readonly at: number
  readonly #write: Write
  /** `undefined` while the item is open. */
  #whole: JsonObject | undefined

  constructor (write: Write, id: string, at: number) {
    this.#write = write
    this.id = id
    this.at = at
  }

  get done (): boolean {
    return this.#whole !== undefined
  }

  /** The item as it is now, or was when it ended. */
  get value (): JsonObject {
    return this.#whole ?? this.fields('incomplete')
  }

  begin (): SseEvent[] {
    return [this.#write('response.output_item.added', { output_index: this.at, item: this.fields('in_progress') })]
  }

  finish (status: 'completed' | 'incomplete'): SseEvent[] {
    if (this.done) return []
    const before = this.last()
    this.#whole = this.fields(status)
    return [...before, this.#write('response.output_item.done', { output_index: this.at, item: this.#whole })]
  }

  /** @param type without `response.` */
  protected event (type: string, fields: JsonObject): SseEvent {
    return this.#write(`response.${type}`, { item_id: this.id, output_index: this.at, ...fields })
  }

  protected abstract fields (status: string): JsonObject
  /** What is still to be said before the item is whole. */
  protected abstract last (): SseEvent[]
}

/** An item that is one block. */
export abstract class BlockItem extends Item {
  abstract delta (delta: Delta): SseEvent[]
}

/** An item of this dialect's own, which another never gives: carried as it is. */
export class OwnItem extends BlockItem {
  readonly #own: JsonObject

  constructor (write: Write, at: number, own: JsonObject) {
    super(write, String(own.id), at)
    this.#own = own
  }

  delta (): SseEvent[] {
    return []
  }

  protected fields (): JsonObject {
    return this.#own
  }

  protected last (): SseEvent[] {
    return []
  }
}
