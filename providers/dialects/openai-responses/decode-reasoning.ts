import { objectOf, objectsOf, textOf, type JsonObject } from '../json.ts'
import type { Blocks, ItemDecoder, OpenBlock } from './decode-item.ts'

type Source = 'content' | 'summary'

/**
 * A thought: its text or a summary of it, whichever comes, and its proof. An item that has neither says nothing. The
 * parts join with nothing between. The proof that an item begins with is not yet the one it ends with.
 */
export class ReasoningItem implements ItemDecoder {
  readonly type = 'reasoning'
  readonly id: unknown
  done = false
  readonly #blocks: Blocks
  #block: OpenBlock | undefined
  #source: Source | undefined

  constructor (blocks: Blocks, id: unknown) {
    this.#blocks = blocks
    this.id = id
  }

  push (type: string, event: JsonObject): void {
    switch (type) {
      case 'reasoning_text.delta': return this.#piece('content', event.content_index, event.delta)
      case 'reasoning_text.done': return this.#fill('content', event.content_index, event.text)
      case 'content_part.done': return this.#fill('content', event.content_index, objectOf(event.part).text)
      case 'reasoning_summary_text.delta': return this.#piece('summary', event.summary_index, event.delta)
      case 'reasoning_summary_text.done': return this.#fill('summary', event.summary_index, event.text)
      case 'reasoning_summary_part.done': return this.#fill('summary', event.summary_index, objectOf(event.part).text)
    }
  }

  finish (item: JsonObject): void {
    this.done = true
    for (const source of ['content', 'summary'] as const) {
      for (const [at, { text }] of objectsOf(item[source]).entries()) this.#fill(source, at, text)
    }
    const signature = textOf(item.encrypted_content)
    if (signature !== undefined) this.#open().say({ type: 'signature', signature })
    this.close()
  }

  close (): void {
    this.#block?.end()
  }

  #piece (source: Source, at: unknown, text: unknown): void {
    if (this.#says(source, text)) this.#open().piece('text', text, at ?? 0)
  }

  #fill (source: Source, at: unknown, text: unknown): void {
    if (this.#says(source, text)) this.#open().fill('text', text, at ?? 0)
  }

  #says (source: Source, text: unknown): boolean {
    if (textOf(text) === undefined) return false
    this.#source ??= source
    return this.#source === source
  }

  #open (): OpenBlock {
    this.#block ??= this.#blocks.start({ type: 'reasoning' })
    return this.#block
  }
}
