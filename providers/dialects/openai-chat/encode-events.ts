import { InputUnwrapper } from '../custom-input.ts'
import type { EncodeOptions, EventEncoder } from '../dialect.ts'
import type { Block, Citation, Delta, Event, Finish, Usage } from '../events.ts'
import { foreignType } from '../foreign.ts'
import { objectOf, objectsOf, textOf } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { errors } from '../openai-errors.ts'
import { encodeFinish } from './finish.ts'
import { ID } from './id.ts'
import { encodeDetail } from './reasoning.ts'
import { encodeUsage } from './usage.ts'

interface State {
  block: Block
  /** Where its text begins in the message's content, in characters. */
  start: number
  text: string
  signature: string | undefined
  redacted: string | undefined
  citations: Citation[]
  /** A tool call's place among the calls, and whether it has had arguments. */
  call: number
  called: boolean
  /** Of a call of a tool that takes text. */
  input: InputUnwrapper | undefined
}

/** What stands beside a delta, not in it. */
const BESIDE = new Set(['choices', 'logprobs', 'citations', 'search_results'])

/** Writes events as chunks. */
export class ChatEventEncoder implements EventEncoder {
  readonly lossy = new Set<string>()
  readonly #options: EncodeOptions
  readonly #blocks = new Map<number, State>()
  /** A chunk as far as its choices. It is the same in all of them. */
  #head = ''
  #usage: Usage | undefined
  #calls = 0
  #details = 0
  #annotations = 0
  #characters = 0
  /** Whether the client's tools of a name take text. */
  readonly #custom: ReadonlyMap<string | undefined, boolean>

  constructor (options: EncodeOptions) {
    this.#options = options
    this.#begin('', '')
    this.#custom = new Map(objectsOf(options.request?.tools).map((tool) => [textOf(objectOf(tool.function ?? tool.custom).name), tool.type === 'custom']))
  }

  push (event: Event): SseEvent[] {
    switch (event.type) {
      case 'reply-start':
        this.#begin(event.id, event.model)
        this.#usage = event.usage
        return [this.#delta({ role: 'assistant', content: '' })]
      case 'block-start': return this.#start(event.index, event.block)
      case 'block-delta': return this.#piece(event.index, event.delta)
      case 'block-end': return this.#end(event.index)
      case 'usage':
        this.#usage = event.usage
        return []
      case 'foreign': return this.#foreign(event)
      case 'reply-end': return this.#finish(event.finish)
      case 'error': return errors.events(event.error)
    }
  }

  #start (index: number, block: Block): SseEvent[] {
    const state: State = {
      block, start: this.#characters, text: '', signature: undefined, redacted: undefined, citations: [], call: -1, called: false, input: undefined
    }
    this.#blocks.set(index, state)
    if (block.type === 'foreign') this.lossy.add(`content[].${foreignType(block)}`)
    if (block.type !== 'tool-call') return []
    state.call = this.#calls++
    const call = { index: state.call, id: block.id }
    if (this.#custom.get(block.name) ?? block.custom === true) {
      state.input = new InputUnwrapper()
      return [this.#delta({ tool_calls: [{ ...call, type: 'custom', custom: { name: block.name, input: '' } }] })]
    }
    return [this.#delta({ tool_calls: [{ ...call, type: 'function', function: { name: block.name, arguments: '' } }] })]
  }

  #piece (index: number, delta: Delta): SseEvent[] {
    const state = this.#blocks.get(index)
    if (state === undefined || state.block.type === 'foreign') return []
    switch (delta.type) {
      case 'text': return this.#text(state, delta.text)
      case 'arguments':
        state.called = true
        if (state.input !== undefined) return this.#input(state, state.input.push(delta.json))
        return [this.#delta({ tool_calls: [{ index: state.call, function: { arguments: delta.json } }] })]
      case 'signature':
        state.signature = delta.signature
        return []
      case 'redacted':
        state.redacted = delta.data
        return []
      case 'citation':
        state.citations.push(delta.citation)
        return []
      case 'logprobs':
        return [this.#delta({}, JSON.stringify({ content: delta.entries.map(logprob), refusal: null }))]
      case 'foreign':
        this.lossy.add(`content[].${foreignType(delta)}`)
        return []
    }
  }

  #text (state: State, text: string): SseEvent[] {
    if (state.block.type === 'text') {
      this.#characters += characters(text)
      return [this.#delta({ content: text })]
    }
    if (state.block.type === 'reasoning') {
      state.text += text
      return [this.#delta({ reasoning_content: text })]
    }
    return state.block.type === 'refusal' ? [this.#delta({ refusal: text })] : []
  }

  #input ({ call }: State, input: string): SseEvent[] {
    return input === '' ? [] : [this.#delta({ tool_calls: [{ index: call, custom: { input } }] })]
  }

  #end (index: number): SseEvent[] {
    const state = this.#blocks.get(index)
    if (state === undefined) return []
    this.#blocks.delete(index)
    if (state.input !== undefined) return this.#input(state, state.input.end())
    if (state.block.type === 'tool-call' && !state.called) {
      return [this.#delta({ tool_calls: [{ index: state.call, function: { arguments: '{}' } }] })]
    }
    if (state.signature !== undefined || state.redacted !== undefined) {
      const details = []
      if (state.signature !== undefined) details.push(encodeDetail({ text: state.text, signature: state.signature }, this.#details++))
      if (state.redacted !== undefined) details.push(encodeDetail({ text: '', redacted: state.redacted }, this.#details++))
      return [this.#delta({ reasoning_details: details })]
    }
    const annotations = state.citations.flatMap((citation) => this.#annotation(citation, state.start))
    return annotations.length === 0 ? [] : [this.#delta({ annotations })]
  }

  /** The source stands behind all of its block's text. */
  #annotation ({ url, title, raw }: Citation, start: number): unknown[] {
    if (raw?.dialect === ID) return [raw.value]
    if (url === undefined) {
      this.lossy.add('content[].citations')
      return []
    }
    // With a number, as tool calls have: without one, clients that put a stream together cannot take a second delta of them.
    return [{ index: this.#annotations++, type: 'url_citation', url_citation: { url, title: title ?? '', start_index: start, end_index: this.#characters } }]
  }

  #foreign (event: Extract<Event, { type: 'foreign' }>): SseEvent[] {
    const name = foreignType(event)
    if (event.dialect === ID && !BESIDE.has(name)) return [this.#delta({ [name]: objectOf(event.value).value })]
    this.lossy.add(name)
    return []
  }

  #finish (finish: Finish): SseEvent[] {
    const out = [...this.#blocks.keys()].flatMap((index) => this.#end(index))
    if (finish.explanation !== undefined) out.push(this.#delta({ refusal: finish.explanation }))
    out.push(this.#delta({}, 'null', JSON.stringify(encodeFinish(finish))))
    if (this.#options.usage && this.#usage !== undefined) out.push(this.#chunk('[]', JSON.stringify(encodeUsage(this.#usage))))
    out.push({ data: '[DONE]' })
    return out
  }

  #begin (id: string, model: string): void {
    const head = JSON.stringify({ id, object: 'chat.completion.chunk', created: this.#options.now, model })
    this.#head = head.slice(0, -1)
  }

  /** @param logprobs JSON, as is `finish` */
  #delta (delta: Record<string, unknown>, logprobs = 'null', finish = 'null'): SseEvent {
    return this.#chunk(`[{"index":0,"delta":${JSON.stringify(delta)},"logprobs":${logprobs},"finish_reason":${finish}}]`)
  }

  /** @param choices JSON, as is `usage` */
  #chunk (choices: string, usage = 'null'): SseEvent {
    return { data: this.#options.usage ? `${this.#head},"choices":${choices},"usage":${usage}}` : `${this.#head},"choices":${choices}}` }
  }
}

/** Characters as the vendor counts them, not UTF-16 units. */
function characters (text: string): number {
  let count = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit >= 0xd800 && unit < 0xdc00) count--
  }
  return count
}

/** The vendor has all four fields always. */
function logprob (entry: Record<string, unknown>): Record<string, unknown> {
  return { ...entry, bytes: entry.bytes ?? null, top_logprobs: objectsOf(entry.top_logprobs).map((top) => ({ ...top, bytes: top.bytes ?? null })) }
}
