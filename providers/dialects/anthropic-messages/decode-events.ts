import type { EventDecoder } from '../dialect.ts'
import type { Citation, Event, Finish, Usage } from '../events.ts'
import { inPlace, saysError } from '../in-place.ts'
import { isObject, objectOf, objectsOf, parseOrNothing, textOf } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { mergeUsage } from '../usage.ts'
import { errors } from './errors.ts'
import { decodeFinish } from './finish.ts'
import { ID } from './id.ts'
import { readUsage } from './usage.ts'

/** A block under way. What its start holds counts only where no delta says it better. */
interface Open { index: number, input?: unknown, signature?: string, said: boolean }

/** Reads the event stream as neutral events. */
export class MessagesEventDecoder implements EventDecoder {
  #started = false
  #over = false
  #usage: Usage | undefined
  #finish: Finish | undefined
  readonly #open = new Map<unknown, Open>()

  push ({ event, data }: SseEvent): Event[] {
    if (this.#over) return []
    const body = parseOrNothing(data)
    if (event === 'error') return this.#error(objectOf(body))
    if (!isObject(body)) return []
    if (body.type === 'error' || (body.type === undefined && saysError(body.error))) return this.#error(body)
    if (body.type === 'message_start') return this.#start(objectOf(body.message))
    if (!this.#started) return []
    switch (body.type) {
      case 'content_block_start': return this.#blockStart(body.index, objectOf(body.content_block))
      case 'content_block_delta': return this.#blockDelta(body.index, objectOf(body.delta))
      case 'content_block_stop': return this.#blockStop(body.index)
      case 'message_delta': return this.#messageDelta(body)
      case 'message_stop': return this.#close()
      case 'ping': return []
      default: return [{ type: 'foreign', dialect: ID, value: { type: textOf(body.type) ?? 'unknown', value: body } }]
    }
  }

  end (): Event[] {
    return this.#over || this.#finish === undefined ? [] : this.#close()
  }

  get finished (): boolean {
    return this.#finish !== undefined
  }

  #start (message: Record<string, unknown>): Event[] {
    if (this.#started) return []
    this.#started = true
    this.#usage = readUsage(message.usage).usage
    const start = { type: 'reply-start', id: textOf(message.id) ?? '', model: textOf(message.model) ?? '' } as const
    return [this.#usage === undefined ? start : { ...start, usage: this.#usage }]
  }

  #blockStart (at: unknown, block: Record<string, unknown>): Event[] {
    if (typeof at !== 'number' || this.#open.has(at)) return []
    const open: Open = { index: at, said: false }
    this.#open.set(at, open)
    const index = at
    switch (block.type) {
      case 'text': {
        const text = textOf(block.text)
        return [
          { type: 'block-start', index, block: { type: 'text' } },
          ...objectsOf(block.citations).map((citation): Event => ({ type: 'block-delta', index, delta: { type: 'citation', citation: decodeCitation(citation) } })),
          ...text === undefined ? [] : [{ type: 'block-delta', index, delta: { type: 'text', text } } satisfies Event]
        ]
      }
      case 'thinking': {
        const text = textOf(block.thinking)
        const signature = textOf(block.signature)
        if (signature !== undefined) open.signature = signature
        return [
          { type: 'block-start', index, block: { type: 'reasoning' } },
          ...text === undefined ? [] : [{ type: 'block-delta', index, delta: { type: 'text', text } } satisfies Event]
        ]
      }
      case 'redacted_thinking': return [
        { type: 'block-start', index, block: { type: 'reasoning' } },
        { type: 'block-delta', index, delta: { type: 'redacted', data: textOf(block.data) ?? '' } }
      ]
      case 'tool_use':
        open.input = block.input
        return [{ type: 'block-start', index, block: { type: 'tool-call', id: textOf(block.id) ?? '', name: textOf(block.name) ?? '' } }]
      default:
        return [{ type: 'block-start', index, block: { type: 'foreign', dialect: ID, value: { ...block, type: textOf(block.type) ?? 'unknown' } } }]
    }
  }

  #blockDelta (at: unknown, delta: Record<string, unknown>): Event[] {
    const open = this.#open.get(at)
    if (open === undefined) return []
    const { index } = open
    switch (delta.type) {
      case 'text_delta': return piece(index, 'text', textOf(delta.text))
      case 'thinking_delta': return piece(index, 'text', textOf(delta.thinking))
      case 'input_json_delta': {
        const json = textOf(delta.partial_json)
        // A block that is not a call keeps its pieces as they are, with the block.
        if (json === undefined) return []
        open.said = true
        return [{ type: 'block-delta', index, delta: { type: 'arguments', json } }]
      }
      case 'signature_delta':
        open.said = true
        return piece(index, 'signature', textOf(delta.signature))
      case 'citations_delta':
        return [{ type: 'block-delta', index, delta: { type: 'citation', citation: decodeCitation(objectOf(delta.citation)) } }]
      default:
        return [{ type: 'block-delta', index, delta: { type: 'foreign', dialect: ID, value: { ...delta, type: textOf(delta.type) ?? 'unknown' } } }]
    }
  }

  #blockStop (at: unknown): Event[] {
    const open = this.#open.get(at)
    if (open === undefined) return []
    this.#open.delete(at)
    const { index, input, signature, said } = open
    const out: Event[] = []
    if (!said && signature !== undefined) out.push({ type: 'block-delta', index, delta: { type: 'signature', signature } })
    if (!said && isObject(input) && Object.keys(input).length > 0) {
      out.push({ type: 'block-delta', index, delta: { type: 'arguments', json: JSON.stringify(input) } })
    }
    out.push({ type: 'block-end', index })
    return out
  }

  #messageDelta ({ type: _, delta, usage, ...rest }: Record<string, unknown>): Event[] {
    const { container, ...fields } = objectOf(delta)
    this.#finish = decodeFinish(fields) ?? this.#finish
    const out: Event[] = []
    for (const [type, value] of Object.entries({ ...rest, container })) {
      if (saysSomething(value)) out.push({ type: 'foreign', dialect: ID, value: { type, value } })
    }
    const { usage: report, ...told } = readUsage(usage)
    if (report !== undefined) {
      this.#usage = mergeUsage(this.#usage, report)
      out.push({ type: 'usage', usage: this.#usage, ...told })
    }
    return out
  }

  #close (): Event[] {
    this.#over = true
    const out = [...this.#open.keys()].flatMap((index) => this.#blockStop(index))
    // `message_stop` without a reason: cut somewhere, and put together again.
    if (this.#finish !== undefined) out.push({ type: 'reply-end', finish: this.#finish })
    return out
  }

  #error (body: Record<string, unknown>): Event[] {
    this.#over = true
    const { status = 502, code, message } = inPlace(body, errors, true)
    return [{ type: 'error', error: { status, code, message } }]
  }
}

function piece (index: number, type: 'text' | 'signature', value: string | undefined): Event[] {
  if (value === undefined) return []
  return [{ type: 'block-delta', index, delta: type === 'text' ? { type, text: value } : { type, signature: value } }]
}

function decodeCitation (value: Record<string, unknown>): Citation {
  const citation: Citation = { raw: { dialect: ID, value } }
  const url = textOf(value.url)
  const title = textOf(value.title) ?? textOf(value.document_title)
  const quote = textOf(value.cited_text)
  if (url !== undefined) citation.url = url
  if (title !== undefined) citation.title = title
  if (quote !== undefined) citation.quote = quote
  return citation
}

/** `{ applied_edits: [] }` and its like say that nothing was done. */
function saysSomething (value: unknown): boolean {
  if (value === null || value === undefined) return false
  return !isObject(value) || Object.values(value).some((inner) => !Array.isArray(inner) || inner.length > 0)
}
