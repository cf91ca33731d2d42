import type { EventDecoder } from '../dialect.ts'
import type { Event } from '../events.ts'
import { saysError } from '../in-place.ts'
import { isObject, objectOf, objectsOf, parseOrNothing, textOf, type JsonObject } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { CallItem, CustomCallItem } from './decode-call.ts'
import { Blocks, ForeignItem } from './decode-item.ts'
import type { ItemDecoder } from './decode-item.ts'
import { MessageItem } from './decode-message.ts'
import { ReasoningItem } from './decode-reasoning.ts'
import { errorOf } from './errors.ts'
import { decodeFinish, finishWord, isFailure, terminalStatus } from './finish.ts'
import { ID } from './id.ts'
import { usageEvents } from '../usage.ts'
import { readUsage } from './usage.ts'

/**
 * Reads the event stream as neutral events. The items of the output are told as they come; of what the last event
 * holds, only what was missing.
 */
export class ResponsesEventDecoder implements EventDecoder {
  #started = false
  #over = false
  #phase = false
  readonly #blocks = new Blocks()
  /** By their place in the output. */
  readonly #items = new Map<unknown, ItemDecoder>()
  /** By their id, those that have one. */
  readonly #named = new Map<unknown, ItemDecoder>()

  push ({ event: name, data }: SseEvent): Event[] {
    if (this.#over) return []
    const body = parseOrNothing(data)
    if (!isObject(body) && name !== 'error') return []
    this.#read(name, objectOf(body))
    const { out } = this.#blocks
    this.#blocks.out = []
    return out
  }

  #read (name: string | undefined, body: JsonObject): void {
    const type = textOf(body.type) ?? name ?? ''
    if (type === 'error' || name === 'error' || (type === '' && saysError(body.error))) this.#error(body)
    else if (isObject(body.response)) this.#response(type, body.response)
    else if (type !== 'keepalive') this.#event(type, body)
  }

  /** Only the last event of a stream tells that the reply has ended. */
  end (): Event[] {
    return []
  }

  #start ({ id, model }: JsonObject): void {
    if (this.#started) return
    this.#started = true
    this.#say({ type: 'reply-start', id: textOf(id) ?? '', model: textOf(model) ?? '' })
  }

  #response (type: string, response: JsonObject): void {
    const status = terminalStatus(type, response)
    const usage = usageEvents(readUsage(response.usage))
    if (isFailure(status)) {
      if (this.#started) for (const event of usage) this.#say(event)
      return this.#error({ response })
    }
    this.#start(response)
    if (status === undefined) return
    this.#over = true
    for (const [at, item] of objectsOf(response.output).entries()) this.#last(at, item)
    for (const item of this.#items.values()) {
      if (!item.done) item.close()
    }
    for (const event of usage) this.#say(event)
    const items = [...this.#items.values()]
    const called = items.some(({ type }) => type === 'function_call' || type === 'custom_tool_call')
    const refused = items.some((item) => item instanceof MessageItem && item.refused)
    this.#say({ type: 'reply-end', finish: decodeFinish(finishWord(response, status), status === 'incomplete', called, refused) })
  }

  /** An item of the whole output. Some servers give it another id there, some another place. */
  #last (at: number, item: JsonObject): void {
    const placed = this.#items.get(at)
    const known = this.#named.get(item.id) ?? (placed?.type === item.type ? placed : undefined)
    if (known !== undefined) return this.#finish(known, item)
    const added = this.#add(item)
    // Its place may be taken by another.
    this.#place(this.#items.has(at) ? added : at, added)
    this.#finish(added, item)
  }

  #event (type: string, event: JsonObject): void {
    const at = event.output_index ?? event.item_id
    if (at === undefined) {
      if (type !== '') this.#say({ type: 'foreign', dialect: ID, value: { type, value: event } })
      return
    }
    this.#start({})
    const step = type.replace('response.', '')
    const item = objectOf(event.item)
    let known = this.#items.get(at)
    if (known === undefined) {
      known = isObject(event.item) ? this.#add(item) : this.#implied(step, event)
      if (known === undefined) return
      this.#place(at, known)
    }
    if (step === 'output_item.done') this.#finish(known, item)
    else if (!known.done) known.push(step, event)
  }

  #place (at: unknown, item: ItemDecoder): void {
    this.#items.set(at, item)
    if (item.id !== undefined && !this.#named.has(item.id)) this.#named.set(item.id, item)
  }

  #add (item: JsonObject): ItemDecoder {
    switch (item.type) {
      case 'message': return new MessageItem(this.#blocks, item.id)
      case 'reasoning': return new ReasoningItem(this.#blocks, item.id)
      case 'function_call': return new CallItem(this.#blocks, item)
      case 'custom_tool_call': return new CustomCallItem(this.#blocks, item)
      default: return new ForeignItem(this.#blocks, item.id, textOf(item.type) ?? 'unknown')
    }
  }

  /** The item of an event that came without the item's own. A call has no name then, until it is whole. */
  #implied (step: string, { item_id: id, part }: JsonObject): ItemDecoder | undefined {
    if (step.startsWith('reasoning_') || objectOf(part).type === 'reasoning_text') return new ReasoningItem(this.#blocks, id)
    return /^(?:output_text|refusal|content_part)\./.test(step) ? new MessageItem(this.#blocks, id) : undefined
  }

  #finish (known: ItemDecoder, item: JsonObject): void {
    if (known.done) return
    known.finish(item)
    // What a message is for, in a word that no other dialect has.
    if (this.#phase || textOf(item.phase) === undefined) return
    this.#phase = true
    this.#say({ type: 'foreign', dialect: ID, value: { type: 'phase', value: item.phase } })
  }

  #error (body: JsonObject): void {
    this.#over = true
    const { status = 502, code, message, param } = errorOf(body)
    this.#say({ type: 'error', error: { status, code, message, ...param !== undefined && { param } } })
  }

  #say (event: Event): void {
    this.#blocks.out.push(event)
  }
}
