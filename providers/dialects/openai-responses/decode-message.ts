import type { Citation } from '../events.ts'
import { objectOf, objectsOf, textOf, type JsonObject } from '../json.ts'
import type { Blocks, ItemDecoder, OpenBlock } from './decode-item.ts'
import { ID } from './id.ts'

interface Part { block: OpenBlock, citations: number, logprobs: number }

/** A message: each part of its content is a block. */
export class MessageItem implements ItemDecoder {
  readonly type = 'message'
  readonly id: unknown
  done = false
  /** Whether a part of it declines. */
  refused = false
  readonly #blocks: Blocks
  readonly #parts = new Map<unknown, Part>()

  constructor (blocks: Blocks, id: unknown) {
    this.#blocks = blocks
    this.id = id
  }

  push (type: string, event: JsonObject): void {
    const at = event.content_index ?? 0
    switch (type) {
      case 'content_part.added': return this.#added(at, objectOf(event.part))
      case 'output_text.delta': return this.#text(at, event)
      case 'output_text.done': return this.#fill(at, { ...event, type: 'output_text' })
      case 'output_text.annotation.added': return this.#citation(this.#part(at, 'text'), objectOf(event.annotation))
      case 'refusal.delta': return this.#part(at, 'refusal').block.piece('text', event.delta)
      case 'refusal.done': return this.#fill(at, { ...event, type: 'refusal' })
      case 'content_part.done': return this.#end(at, objectOf(event.part))
    }
  }

  finish ({ content }: JsonObject): void {
    this.done = true
    for (const [at, part] of objectsOf(content).entries()) this.#end(at, part)
    this.close()
  }

  close (): void {
    for (const { block } of this.#parts.values()) block.end()
  }

  #added (at: unknown, { type }: JsonObject): void {
    if (type === 'output_text' || type === 'refusal') this.#part(at, type === 'refusal' ? type : 'text')
  }

  #part (at: unknown, type: 'text' | 'refusal'): Part {
    const known = this.#parts.get(at)
    if (known !== undefined) return known
    if (type === 'refusal') this.refused = true
    const part = { block: this.#blocks.start({ type }), citations: 0, logprobs: 0 }
    this.#parts.set(at, part)
    return part
  }

  #text (at: unknown, { delta, logprobs }: JsonObject): void {
    const part = this.#part(at, 'text')
    part.block.piece('text', delta)
    this.#logprobs(part, objectsOf(logprobs))
  }

  #fill (at: unknown, { type, text, refusal, annotations, logprobs }: JsonObject): void {
    const part = this.#part(at, type === 'refusal' ? type : 'text')
    part.block.fill('text', type === 'refusal' ? refusal : text)
    this.#logprobs(part, objectsOf(logprobs).slice(part.logprobs))
    for (const annotation of objectsOf(annotations).slice(part.citations)) this.#citation(part, annotation)
  }

  #end (at: unknown, part: JsonObject): void {
    if (part.type === 'output_text' || part.type === 'refusal') {
      this.#fill(at, part)
    } else if (!this.#parts.has(at)) {
      // Of another kind, and known by its own dialect alone.
      const block = this.#blocks.start({ type: 'foreign', dialect: ID, value: { ...part, type: textOf(part.type) ?? 'unknown' } })
      this.#parts.set(at, { block, citations: 0, logprobs: 0 })
    }
    this.#parts.get(at)?.block.end()
  }

  #logprobs (part: Part, entries: JsonObject[]): void {
    if (entries.length === 0) return
    part.logprobs += entries.length
    part.block.say({ type: 'logprobs', entries })
  }

  #citation (part: Part, annotation: JsonObject): void {
    part.citations++
    const citation: Citation = { raw: { dialect: ID, value: annotation } }
    const url = textOf(annotation.url)
    const title = textOf(annotation.title) ?? textOf(annotation.filename)
    if (url !== undefined) citation.url = url
    if (title !== undefined) citation.title = title
    part.block.say({ type: 'citation', citation })
  }
}
