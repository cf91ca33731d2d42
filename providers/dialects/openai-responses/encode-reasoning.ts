import type { Delta } from '../events.ts'
import type { SseEvent } from '../sse.ts'
import { BlockItem } from './encode-item.ts'

const PART = { summary_index: 0 }

/**
 * A thought: its text in the summary, its proof as encrypted content. A proof without text has a part all the same, so
 * that the item comes back as what it is: without any part it is a thought that the provider has encrypted.
 */
export class ReasoningItem extends BlockItem {
  #text: string | undefined
  #proof: string | undefined
  #encrypted = false

  delta (delta: Delta): SseEvent[] {
    if (delta.type === 'text') {
      const begun = this.#part()
      this.#text += delta.text
      return [...begun, this.event('reasoning_summary_text.delta', { ...PART, delta: delta.text })]
    }
    if (delta.type === 'signature' || delta.type === 'redacted') {
      this.#encrypted = delta.type === 'redacted'
      this.#proof = delta.type === 'redacted' ? delta.data : delta.signature
    }
    return []
  }

  protected last (): SseEvent[] {
    const begun = this.#proof !== undefined && !this.#encrypted ? this.#part() : []
    if (this.#text === undefined) return begun
    return [
      ...begun,
      this.event('reasoning_summary_text.done', { ...PART, text: this.#text }),
      this.event('reasoning_summary_part.done', { ...PART, part: { type: 'summary_text', text: this.#text } })
    ]
  }

  protected fields (): Record<string, unknown> {
    return {
      id: this.id,
      type: 'reasoning',
      summary: this.#text === undefined ? [] : [{ type: 'summary_text', text: this.#text }],
      ...this.#proof !== undefined && { encrypted_content: this.#proof }
    }
  }

  #part (): SseEvent[] {
    if (this.#text !== undefined) return []
    this.#text = ''
    return [this.event('reasoning_summary_part.added', { ...PART, part: { type: 'summary_text', text: '' } })]
  }
}
