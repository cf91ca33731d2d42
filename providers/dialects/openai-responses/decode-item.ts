import type { Block, Delta, Event } from '../events.ts'
import { textOf, type JsonObject } from '../json.ts'
import { ID } from './id.ts'

/** Where an item's events go, and the numbers of its blocks. */
export class Blocks {
  out: Event[] = []
  #next = 0

  start (block: Block): OpenBlock {
    const index = this.#next++
    this.out.push({ type: 'block-start', index, block })
    return new OpenBlock(this, index)
  }
}

export class OpenBlock {
  /** How much of each text has been told, in UTF-16 units, by the place of the text in its item. */
  readonly #told = new Map<unknown, number>()
  readonly #blocks: Blocks
  readonly #index: number
  #open = true

  constructor (blocks: Blocks, index: number) {
    this.#blocks = blocks
    this.#index = index
  }

  say (delta: Delta): void {
    if (this.#open) this.#blocks.out.push({ type: 'block-delta', index: this.#index, delta })
  }

  /** A piece of a text. */
  piece (type: 'text' | 'arguments', piece: unknown, at: unknown = 0): void {
    const text = textOf(piece)
    if (text === undefined) return
    this.#told.set(at, (this.#told.get(at) ?? 0) + text.length)
    this.say(type === 'text' ? { type, text } : { type, json: text })
  }

  /** The same text as a whole: only what is missing of it is told. */
  fill (type: 'text' | 'arguments', whole: unknown, at: unknown = 0): void {
    this.piece(type, textOf(whole)?.slice(this.#told.get(at) ?? 0), at)
  }

  end (): void {
    if (this.#open) this.#blocks.out.push({ type: 'block-end', index: this.#index })
    this.#open = false
  }
}

/** Reads the events of one item of the output. What comes as pieces comes again as a whole, and is told once. */
export interface ItemDecoder {
  /** The item's id and type, as its first event had them. */
  readonly id: unknown
  readonly type: string
  /** The whole item has come. */
  done: boolean
  /** @param type of the event, without `response.` */
  push (type: string, event: JsonObject): void
  /** The item as it is in the end. */
  finish (item: JsonObject): void
  /** The reply is over, and the item never came whole. */
  close (): void
}

/** An item that only this dialect understands: told when it is whole. The events before that are pieces of it. */
export class ForeignItem implements ItemDecoder {
  readonly id: unknown
  readonly type: string
  done = false
  readonly #blocks: Blocks

  constructor (blocks: Blocks, id: unknown, type: string) {
    this.#blocks = blocks
    this.id = id
    this.type = type
  }

  push (): void {}

  finish (item: JsonObject): void {
    this.done = true
    this.#blocks.start({ type: 'foreign', dialect: ID, value: { ...item, type: this.type } }).end()
  }

  close (): void {
    if (!this.done) this.finish({ type: this.type, id: this.id })
  }
}
