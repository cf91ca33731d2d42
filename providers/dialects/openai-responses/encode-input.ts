import type { Conversation, Part, Tool, Turn } from '../conversation.ts'
import { unwrapInput } from '../custom-tools.ts'
import { Untranslatable } from '../dialect.ts'
import type { ModelFacts } from '../dialect.ts'
import { encodeContent, encodePart } from './encode-parts.ts'
import { ID } from './id.ts'

type Item = Record<string, unknown>
type Of<T extends Part['type']> = Extract<Part, { type: T }>

/** The turns as items. */
export function encodeInput (conversation: Conversation, facts: ModelFacts, lossy: Set<string>): Item[] {
  const items = new InputItems(conversation, facts, lossy)
  for (const turn of conversation.turns) items.push(turn)
  return items.all
}

class InputItems {
  readonly all: Item[] = []
  readonly #conversation: Conversation
  readonly #facts: ModelFacts
  readonly #lossy: Set<string>
  /** Ids of calls to custom tools: their outputs are items of another type. */
  readonly #customCalls = new Set<string>()
  /** Groups of tools, by the tools' flat names. */
  readonly #groups: ReadonlyMap<string, Tool['namespace']>

  constructor (conversation: Conversation, facts: ModelFacts, lossy: Set<string>) {
    this.#conversation = conversation
    this.#facts = facts
    this.#lossy = lossy
    // Of two tools of a name the first counts.
    this.#groups = new Map(conversation.tools?.toReversed().map(({ name, namespace }) => [name, namespace]))
  }

  push ({ role, parts }: Turn): void {
    // Parts in a row that are of one message.
    let said: Part[] = []
    const flush = (): void => {
      if (said.length > 0) this.#message(role, said)
      said = []
    }
    for (const part of parts) {
      const item = this.#item(part)
      if (item === undefined) {
        said.push(part)
        continue
      }
      flush()
      this.all.push(...item)
    }
    flush()
  }

  #message (role: Turn['role'], parts: Part[]): void {
    if (role === 'assistant') {
      const content = parts.flatMap((part) => this.#output(part))
      if (content.length > 0) this.all.push({ type: 'message', role, content })
      return
    }
    const content = encodeContent(parts, this.#conversation, this.#lossy)
    if (content !== '') this.all.push({ type: 'message', role: role === 'tool' ? 'user' : role, content })
  }

  /** A part of an answer. */
  #output (part: Part): Item[] {
    if (part.type === 'refusal') return [{ type: 'refusal', refusal: part.text }]
    if (part.type !== 'text' && part.type !== 'foreign') throw new Untranslatable(this.#conversation.names.role, `To this model's provider, an answer of the model's holds no part of type "${part.type}".`)
    return encodePart(part, this.#conversation, this.#lossy).map((content) => ({ ...content, type: 'output_text', annotations: [] }))
  }

  /** A part that is an item of its own; `undefined` where it is of a message. */
  #item (part: Part): Item[] | undefined {
    switch (part.type) {
      case 'reasoning': return this.#reasoning(part)
      case 'tool-call': return [this.#call(part)]
      case 'tool-result': return [this.#result(part)]
      case 'foreign': return part.dialect === ID ? [part.value as Item] : undefined
      default: return undefined
    }
  }

  #reasoning ({ text, signature, redacted }: Of<'reasoning'>): Item[] {
    const proof = redacted ?? signature
    if (proof === undefined && (text === '' || this.#facts.reasoningText === false)) {
      if (text !== '') this.#lossy.add(this.#conversation.names.reasoningPart)
      return []
    }
    // Servers without proofs take the thought itself; a vendor with proofs, what it has told of it.
    if (proof === undefined) return [{ type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text }] }]
    return [{ type: 'reasoning', summary: text === '' ? [] : [{ type: 'summary_text', text }], encrypted_content: proof }]
  }

  #call ({ id, name: flat, arguments: json, custom, cache }: Of<'tool-call'>): Item {
    if (cache !== undefined) this.#lossy.add(this.#conversation.names.cache)
    const group = this.#groups.get(flat)
    const named = { call_id: id, name: group?.tool ?? flat, ...group !== undefined && { namespace: group.name } }
    if (custom !== true || this.#facts.customTools !== true) return { type: 'function_call', ...named, arguments: json === '' ? '{}' : json }
    this.#customCalls.add(id)
    return { type: 'custom_tool_call', ...named, input: unwrapInput(json) }
  }

  #result ({ callId, parts, isError, cache }: Of<'tool-result'>): Item {
    const { names } = this.#conversation
    if (isError === true) this.#lossy.add(names.isError)
    if (cache !== undefined) this.#lossy.add(names.cache)
    return {
      type: this.#customCalls.has(callId) ? 'custom_tool_call_output' : 'function_call_output',
      call_id: callId,
      output: encodeContent(parts, this.#conversation, this.#lossy)
    }
  }
}
