import type { Citation, Delta } from '../events.ts'
import { foreignType } from '../foreign.ts'
import type { JsonObject } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { Item } from './encode-item.ts'
import type { Write } from './encode-item.ts'
import { ID } from './id.ts'

interface Part { at: number, refusal: boolean, text: string, logprobs: JsonObject[], citations: Citation[], annotations: unknown[] }

/** A message: what is said in a row. Each block is a part of its content. */
export class MessageItem extends Item {
  readonly #lossy: Set<string>
  readonly #parts: Part[] = []
  /** By the number of the block. */
  readonly #open = new Map<number, Part>()

  constructor (write: Write, id: string, at: number, lossy: Set<string>) {
    super(write, id, at)
    this.#lossy = lossy
  }

  get idle (): boolean {
    return this.#open.size === 0
  }

  get refused (): boolean {
    return this.#parts.some(({ refusal }) => refusal)
  }

  start (block: number, type: 'text' | 'refusal'): SseEvent[] {
    const part: Part = { at: this.#parts.length, refusal: type === 'refusal', text: '', logprobs: [], citations: [], annotations: [] }
    this.#parts.push(part)
    this.#open.set(block, part)
    return [this.#event('content_part.added', part, { part: content(part) })]
  }

  delta (block: number, delta: Delta): SseEvent[] {
    const part = this.#open.get(block)
    if (part === undefined) return []
    switch (delta.type) {
      case 'text': return [this.#text(part, delta.text)]
      case 'logprobs': return part.refusal ? this.#lost('logprobs') : [this.#text(part, '', delta.entries.map(logprob))]
      case 'citation':
        if (part.refusal) return this.#lost('content[].citations')
        part.citations.push(delta.citation)
        return []
      case 'foreign': return this.#lost(`content[].${foreignType(delta)}`)
      default: return []
    }
  }

  end (block: number): SseEvent[] {
    const part = this.#open.get(block)
    this.#open.delete(block)
    if (part === undefined) return []
    const length = part.citations.length === 0 ? 0 : [...part.text].length
    const annotations = part.citations.flatMap((citation) => this.#annotation(part, citation, length))
    const whole = part.refusal ? { refusal: part.text } : { text: part.text, logprobs: part.logprobs }
    return [
      ...annotations,
      this.#event(part.refusal ? 'refusal.done' : 'output_text.done', part, whole),
      this.#event('content_part.done', part, { part: content(part) })
    ]
  }

  protected last (): SseEvent[] {
    return [...this.#open.keys()].flatMap((block) => this.end(block))
  }

  protected fields (status: string): JsonObject {
    return { id: this.id, type: 'message', status, role: 'assistant', content: this.#parts.map(content) }
  }

  #text (part: Part, delta: string, logprobs: JsonObject[] = []): SseEvent {
    part.text += delta
    for (const entry of logprobs) part.logprobs.push(entry)
    return part.refusal ? this.#event('refusal.delta', part, { delta }) : this.#event('output_text.delta', part, { delta, logprobs })
  }

  /** The source stands behind all of its block's text. @param length of that, in characters */
  #annotation (part: Part, { url, title, raw }: Citation, length: number): SseEvent[] {
    if (raw?.dialect !== ID && url === undefined) return this.#lost('content[].citations')
    const annotation = raw?.dialect === ID
      ? raw.value
      : { type: 'url_citation', url, title: title ?? '', start_index: 0, end_index: length }
    part.annotations.push(annotation)
    return [this.#event('output_text.annotation.added', part, { annotation_index: part.annotations.length - 1, annotation })]
  }

  #event (type: string, { at }: Part, fields: JsonObject): SseEvent {
    return this.event(type, { content_index: at, ...fields })
  }

  #lost (name: string): SseEvent[] {
    this.#lossy.add(name)
    return []
  }
}

function content ({ refusal, text, annotations, logprobs }: Part): JsonObject {
  return refusal ? { type: 'refusal', refusal: text } : { type: 'output_text', text, annotations: [...annotations], logprobs: [...logprobs] }
}

/** The vendor has the alternatives always, be there none. */
function logprob (entry: JsonObject): JsonObject {
  return { ...entry, top_logprobs: entry.top_logprobs ?? [] }
}
