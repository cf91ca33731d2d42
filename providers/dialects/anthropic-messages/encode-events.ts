import type { EncodeOptions, EventEncoder } from '../dialect.ts'
import type { Block, Citation, Delta, Event, Finish, Usage } from '../events.ts'
import { foreignType } from '../foreign.ts'
import { isObject, objectOf } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { errors } from './errors.ts'
import { encodeFinish } from './finish.ts'
import { ID } from './id.ts'
import { encodeUsage } from './usage.ts'

type BlockEvent = Extract<Event, { index: number }>

/** The one block that is open on the wire, `begun` once its start is out. */
interface Open { index: number, block: Block, begun: boolean, silent: boolean }

/**
 * Writes events as the event stream. The wire has one block open at a time: events of another one wait until it has
 * ended. A block of reasoning is named on the wire by what comes first in it: thought, or its encrypted form.
 */
export class MessagesEventEncoder implements EventEncoder {
  readonly lossy = new Set<string>()
  readonly #waiting = new Map<number, BlockEvent[]>()
  /** Fields for `message_delta` that only this dialect has. */
  readonly #extra = { delta: {} as Record<string, unknown>, message: {} as Record<string, unknown> }
  #open: Open | undefined
  #next = 0
  #usage: Usage | undefined
  readonly #options: EncodeOptions

  constructor (options: EncodeOptions) {
    this.#options = options
  }

  push (event: Event): SseEvent[] {
    switch (event.type) {
      case 'reply-start': return this.#start(event)
      case 'block-start':
      case 'block-delta':
      case 'block-end': return this.#block(event)
      case 'usage':
        this.#usage = event.usage
        return []
      case 'foreign': return this.#foreign(event)
      case 'reply-end': return this.#finish(event.finish)
      case 'error': return errors.events(event.error)
    }
  }

  #start ({ id, model, usage }: Extract<Event, { type: 'reply-start' }>): SseEvent[] {
    this.#usage = usage
    const { inputEstimate } = this.#options
    const early = usage ?? (inputEstimate === undefined ? {} : { input: inputEstimate() })
    const message = { id, type: 'message', role: 'assistant', model, content: [], stop_reason: null, stop_sequence: null, usage: encodeUsage(early) }
    return [write({ type: 'message_start', message })]
  }

  #block (event: BlockEvent): SseEvent[] {
    if (this.#open === undefined || this.#open.index === event.index) return this.#say(event)
    const waiting = this.#waiting.get(event.index)
    if (waiting !== undefined) waiting.push(event)
    else if (event.type === 'block-start') this.#waiting.set(event.index, [event])
    return []
  }

  #say (event: BlockEvent): SseEvent[] {
    if (event.type === 'block-start') return this.#begin(event.index, event.block)
    if (this.#open === undefined) return []
    if (event.type === 'block-delta') return this.#piece(this.#open, event.delta)
    return [...this.#end(this.#open), ...this.#resume()]
  }

  /** Says what has waited, in the order in which the blocks began. */
  #resume (): SseEvent[] {
    const out: SseEvent[] = []
    for (const [index, events] of this.#waiting) {
      this.#waiting.delete(index)
      for (const event of events) {
        if (event.type === 'block-end') out.push(...this.#end(this.#open))
        else out.push(...this.#say(event))
      }
      if (this.#open !== undefined) break
    }
    return out
  }

  #begin (index: number, block: Block): SseEvent[] {
    const silent = block.type === 'foreign' && block.dialect !== ID
    this.#open = { index, block, begun: false, silent }
    if (silent && block.type === 'foreign') this.lossy.add(`content[].${foreignType(block)}`)
    switch (block.type) {
      case 'text':
      case 'refusal': return this.#write(this.#open, { type: 'text', text: '' })
      case 'tool-call': return this.#write(this.#open, { type: 'tool_use', id: block.id, name: block.name, input: {} })
      case 'foreign': return silent ? [] : this.#write(this.#open, block.value)
      case 'reasoning': return []
    }
  }

  #write (open: Open, block: Record<string, unknown>): SseEvent[] {
    open.begun = true
    return [write({ type: 'content_block_start', index: this.#next, content_block: block })]
  }

  #piece (open: Open, delta: Delta): SseEvent[] {
    if (open.silent) return []
    switch (delta.type) {
      case 'text': return open.block.type === 'reasoning'
        ? [...this.#thinking(open), this.#delta({ type: 'thinking_delta', thinking: delta.text })]
        : [this.#delta({ type: 'text_delta', text: delta.text })]
      case 'arguments': return [this.#delta({ type: 'input_json_delta', partial_json: delta.json })]
      case 'signature': return [...this.#thinking(open), this.#delta({ type: 'signature_delta', signature: delta.signature })]
      case 'redacted': {
        const before = open.begun ? this.#stop() : []
        return [...before, ...this.#write(open, { type: 'redacted_thinking', data: delta.data })]
      }
      case 'citation': return this.#citation(delta.citation)
      case 'logprobs':
        this.lossy.add('logprobs')
        return []
      case 'foreign':
        if (delta.dialect === ID) return [this.#delta(delta.value)]
        this.lossy.add(`content[].${foreignType(delta)}`)
        return []
    }
  }

  #citation ({ url, title, quote, raw }: Citation): SseEvent[] {
    if (raw?.dialect === ID) return [this.#delta({ type: 'citations_delta', citation: raw.value })]
    if (url === undefined) {
      this.lossy.add('content[].citations')
      return []
    }
    // The dialect's own citations are objects of the provider's; one from elsewhere is a web page that was found.
    const citation = { type: 'web_search_result_location', url, title: title ?? null, cited_text: quote ?? '', encrypted_index: '' }
    return [this.#delta({ type: 'citations_delta', citation })]
  }

  #thinking (open: Open): SseEvent[] {
    return open.begun ? [] : this.#write(open, { type: 'thinking', thinking: '', signature: '' })
  }

  #end (open: Open | undefined): SseEvent[] {
    this.#open = undefined
    if (open === undefined || open.silent) return []
    return [...this.#thinking(open), ...this.#stop()]
  }

  #stop (): SseEvent[] {
    return [write({ type: 'content_block_stop', index: this.#next++ })]
  }

  #delta (delta: Record<string, unknown>): SseEvent {
    return write({ type: 'content_block_delta', index: this.#next, delta })
  }

  #foreign (event: Extract<Event, { type: 'foreign' }>): SseEvent[] {
    const type = foreignType(event)
    if (event.dialect !== ID) {
      this.lossy.add(type)
      return []
    }
    const { value } = objectOf(event.value)
    if (isObject(value) && value.type === type) return [write({ ...value, type })]
    this.#extra[type === 'container' ? 'delta' : 'message'][type] = value
    return []
  }

  #finish (finish: Finish): SseEvent[] {
    const out: SseEvent[] = []
    while (this.#open !== undefined) {
      for (const said of [...this.#end(this.#open), ...this.#resume()]) out.push(said)
    }
    const delta = { ...encodeFinish(finish), ...this.#extra.delta }
    // What is not known leaves what the start has told.
    const usage = this.#usage === undefined ? { output_tokens: 0 } : encodeUsage(this.#usage)
    out.push(write({ type: 'message_delta', delta, usage, ...this.#extra.message }))
    out.push(write({ type: 'message_stop' }))
    return out
  }
}

function write (event: { type: string } & Record<string, unknown>): SseEvent {
  return { event: event.type, data: JSON.stringify(event) }
}
