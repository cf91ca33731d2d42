import type { EncodeOptions, EventEncoder } from '../dialect.ts'
import type { Block, Delta, ErrorInfo, Event, Finish, Usage } from '../events.ts'
import { foreignType } from '../foreign.ts'
import type { SseEvent } from '../sse.ts'
import { CallItem, CustomCallItem } from './encode-call.ts'
import { OwnItem } from './encode-item.ts'
import type { BlockItem, Item } from './encode-item.ts'
import { MessageItem } from './encode-message.ts'
import { ReasoningItem } from './encode-reasoning.ts'
import { errors } from './errors.ts'
import { encodeFinish } from './finish.ts'
import { ID } from './id.ts'
import { responseId, responseObject } from './response.ts'
import { flatNames } from './tool-names.ts'
import type { FlatNames } from './tool-names.ts'
import { encodeUsage } from './usage.ts'

/**
 * Writes events as the event stream. Items lie side by side in the output, in the order in which they began, and
 * several may be open at a time. Texts in a row are parts of one message, which ends where something else begins.
 */
export class ResponsesEventEncoder implements EventEncoder {
  readonly lossy = new Set<string>()
  readonly #options: EncodeOptions
  readonly #names: FlatNames
  readonly #items: Item[] = []
  readonly #blocks = new Map<number, BlockItem | MessageItem>()
  /** The message that further text goes to. */
  #message: MessageItem | undefined
  #response: Record<string, unknown> | undefined
  #usage: Usage | undefined
  #sequence = 0

  constructor (options: EncodeOptions) {
    this.#options = options
    this.#names = flatNames(options.request)
  }

  push (event: Event): SseEvent[] {
    switch (event.type) {
      case 'reply-start': return this.#begin(event)
      case 'block-start': return this.#start(event.index, event.block)
      case 'block-delta': return this.#delta(event.index, event.delta)
      case 'block-end': return this.#end(event.index)
      case 'usage':
        this.#usage = event.usage
        return []
      case 'foreign':
        this.lossy.add(foreignType(event))
        return []
      case 'reply-end': return this.#finish(event.finish)
      case 'error': return this.#fail(event.error)
    }
  }

  #begin ({ id, model, usage }: Extract<Event, { type: 'reply-start' }>): SseEvent[] {
    this.#usage = usage
    this.#response = responseObject(responseId(id), model, this.#options.now, this.#options.request)
    return ['response.created', 'response.in_progress'].map((type) => this.#write(type, { response: this.#response }))
  }

  #start (index: number, block: Block): SseEvent[] {
    if (block.type === 'foreign' && block.dialect !== ID) {
      this.lossy.add(`content[].${foreignType(block)}`)
      return []
    }
    if (block.type === 'text' || block.type === 'refusal') {
      const out: SseEvent[] = []
      if (this.#message === undefined) {
        this.#message = new MessageItem(this.#write, this.#id('msg'), this.#items.length, this.lossy)
        out.push(...this.#add(this.#message))
      }
      this.#blocks.set(index, this.#message)
      return [...out, ...this.#message.start(index, block.type)]
    }
    const before = this.#seal()
    const item = this.#item(block)
    this.#blocks.set(index, item)
    return [...before, ...this.#add(item)]
  }

  #item (block: Exclude<Block, { type: 'text' | 'refusal' }>): BlockItem {
    const at = this.#items.length
    if (block.type === 'reasoning') return new ReasoningItem(this.#write, this.#id('rs'), at)
    if (block.type === 'foreign') return new OwnItem(this.#write, at, { id: this.#id('item'), ...block.value })
    const { custom, ...named } = this.#names.split(block.name) ?? { name: block.name, custom: block.custom === true }
    const called = { callId: block.id, ...named }
    return custom ? new CustomCallItem(this.#write, this.#id('ctc'), at, called) : new CallItem(this.#write, this.#id('fc'), at, called)
  }

  #delta (index: number, delta: Delta): SseEvent[] {
    const item = this.#blocks.get(index)
    if (item instanceof MessageItem) return item.delta(index, delta)
    if (delta.type === 'foreign') this.lossy.add(`content[].${foreignType(delta)}`)
    if (delta.type === 'citation') this.lossy.add('content[].citations')
    return item?.delta(delta) ?? []
  }

  #end (index: number): SseEvent[] {
    const item = this.#blocks.get(index)
    this.#blocks.delete(index)
    if (!(item instanceof MessageItem)) return item?.finish('completed') ?? []
    const out = item.end(index)
    return item !== this.#message && item.idle ? [...out, ...item.finish('completed')] : out
  }

  /** No more text goes to the message that is open. It ends with the last of its parts. */
  #seal (): SseEvent[] {
    const message = this.#message
    this.#message = undefined
    return message?.idle === true ? message.finish('completed') : []
  }

  #finish (finish: Finish): SseEvent[] {
    const said = finish.explanation === undefined ? [] : this.#explain(finish.explanation)
    const { status, why } = encodeFinish(finish, this.#items.some((item) => item instanceof MessageItem && item.refused))
    const ended = this.#items.flatMap((item) => item.finish(status))
    return [...said, ...ended, this.#write(`response.${status}`, { response: this.#whole({ status, ...why !== undefined && { incomplete_details: { reason: why } } }) })]
  }

  /** Why it was declined, which the provider told beside the answer. */
  #explain (text: string): SseEvent[] {
    const index = -1
    return [
      ...this.#start(index, { type: 'refusal' }),
      ...this.#delta(index, { type: 'text', text }),
      ...this.#end(index)
    ]
  }

  #fail (error: ErrorInfo): SseEvent[] {
    if (this.#response === undefined) return errors.events(error)
    return [this.#write('response.failed', { response: this.#whole({ status: 'failed', error: { code: error.code, message: error.message } }) })]
  }

  #whole (end: Record<string, unknown>): Record<string, unknown> {
    return {
      ...this.#response,
      ...end.status === 'completed' && { completed_at: this.#options.now },
      ...end,
      output: this.#items.map(({ value }) => value),
      usage: this.#usage === undefined ? null : encodeUsage(this.#usage)
    }
  }

  #add (item: Item): SseEvent[] {
    this.#items.push(item)
    return item.begin()
  }

  /** Items are named by the reply and their place in it. */
  #id (prefix: string): string {
    const reply = String(this.#response?.id ?? '').replace('resp_', '').replaceAll(/[^a-zA-Z0-9]/g, '').slice(-40)
    return `${prefix}_${reply}_${this.#items.length}`
  }

  readonly #write = (type: string, fields: Record<string, unknown>): SseEvent =>
    ({ event: type, data: JSON.stringify({ type, sequence_number: this.#sequence++, ...fields }) })
}
