import type { EventDecoder } from '../dialect.ts'
import type { Citation, Delta, ErrorInfo, Event } from '../events.ts'
import { isObject, objectOf, objectsOf, parseOrNothing, textOf } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { errors } from '../openai-errors.ts'
import { decodeFinish } from './finish.ts'
import { ID } from './id.ts'
import { hasError, usageOf } from './stream.ts'
import { ToolCalls } from './tool-calls.ts'
import { usageEvents } from '../usage.ts'
import { readUsage } from './usage.ts'

/** Fields of a delta with a meaning here, or with none worth a word. */
const READ = new Set(['role', 'content', 'refusal', 'tool_calls', 'function_call', 'reasoning', 'reasoning_content',
  'reasoning_details', 'annotations', 'name', 'index', 'channel', 'token_id', 'prefix'])

/** The block that texts go to, until one of another kind comes. */
interface OpenBlock { kind: 'text' | 'reasoning' | 'refusal', index: number, text: string, signed: boolean }

/**
 * Reads chunks as events. Also what servers make of the dialect: `reasoning` and `reasoning_content` and
 * `reasoning_details`, content as a list of parts, tool calls without index or id, usage in any chunk.
 */
export class ChatEventDecoder implements EventDecoder {
  #started = false
  #over = false
  #open: OpenBlock | undefined
  #next = 0
  /** What the answer is numbered. */
  #index: unknown
  #finish: string | undefined
  #refused = false
  readonly #calls = new ToolCalls(() => this.#next++)
  readonly #reported = new Set<string>()

  push ({ event, data }: SseEvent): Event[] {
    if (this.#over) return []
    if (data === '[DONE]') return this.#close()
    const chunk = parseOrNothing(data)
    const out: Event[] = []
    if (event === 'error') this.#error(objectOf(chunk), out)
    else if (!isObject(chunk)) return []
    else if (hasError(chunk)) this.#error(chunk, out)
    else this.#chunk(chunk, out)
    return out
  }

  end (): Event[] {
    return this.#over || this.#finish === undefined ? [] : this.#close()
  }

  get finished (): boolean {
    return this.#finish !== undefined
  }

  #close (): Event[] {
    this.#over = true
    if (!this.#started) return []
    const out: Event[] = []
    this.#closeText(out)
    this.#calls.close(out)
    out.push({ type: 'reply-end', finish: decodeFinish(this.#finish, this.#calls.any, this.#refused) })
    return out
  }

  #error (chunk: Record<string, unknown>, out: Event[]): void {
    const known = errors.decode(chunk)
    const error: ErrorInfo = {
      status: known?.status ?? 502,
      code: known?.code ?? 'upstream_error',
      message: known?.message ?? 'The provider reported an error.'
    }
    if (known?.param !== undefined) error.param = known.param
    out.push({ type: 'error', error })
    this.#over = true
  }

  #chunk (chunk: Record<string, unknown>, out: Event[]): void {
    const choices = objectsOf(chunk.choices)
    const id = textOf(chunk.id)
    const usage = usageEvents(readUsage(usageOf(chunk)))
    if (!this.#started) {
      // Azure leads with a chunk that names nothing yet.
      if (id === undefined && choices.length === 0 && usage.length === 0) return
      this.#started = true
      out.push({ type: 'reply-start', id: id ?? '', model: textOf(chunk.model) ?? '' })
      this.#calls.replyId = id ?? ''
    }
    for (const choice of choices) {
      // The first answer is the one, whatever number a server gives it.
      this.#index ??= choice.index
      if ((choice.index ?? this.#index) !== this.#index) this.#once('choices', choice, out)
      else this.#choice(choice, out)
    }
    for (const name of ['citations', 'search_results']) {
      if (Array.isArray(chunk[name]) && chunk[name].length > 0) this.#once(name, chunk[name], out)
    }
    out.push(...usage)
  }

  #choice (choice: Record<string, unknown>, out: Event[]): void {
    const delta = objectOf(choice.delta ?? choice.message)
    this.#reasoning(delta, out)
    this.#content(delta.content, out)
    this.#logprobs(choice.logprobs, out)
    const refusal = textOf(delta.refusal)
    if (refusal !== undefined) {
      this.#refused = true
      this.#text('refusal', refusal, out)
    }
    for (const annotation of objectsOf(delta.annotations)) this.#citation(annotation, out)
    for (const call of objectsOf(delta.tool_calls)) {
      this.#closeText(out)
      this.#calls.push(call, out)
    }
    // The form before tools. Some servers send it empty beside them.
    if (isObject(delta.function_call) && Object.values(delta.function_call).some((value) => !saysNothing(value))) {
      this.#closeText(out)
      this.#calls.push({ index: 0, function: delta.function_call }, out)
    }
    for (const [name, value] of Object.entries(delta)) {
      if (!READ.has(name) && !saysNothing(value)) out.push({ type: 'foreign', dialect: ID, value: { type: name, value } })
    }
    // Some servers name the reason and go on with another call: blocks end with the reply.
    this.#finish = textOf(choice.finish_reason) ?? this.#finish
  }

  #content (content: unknown, out: Event[]): void {
    if (typeof content === 'string') return this.#text('text', content, out)
    for (const part of objectsOf(content)) {
      if (part.type === 'text') this.#text('text', textOf(part.text) ?? '', out)
      else if (part.type === 'refusal') this.#text('refusal', textOf(part.refusal) ?? '', out)
      else if (part.type === 'thinking') {
        for (const { text } of objectsOf(part.thinking)) this.#text('reasoning', textOf(text) ?? '', out)
      } else {
        this.#closeText(out)
        const index = this.#next++
        const value = { ...part, type: textOf(part.type) ?? 'unknown' }
        out.push({ type: 'block-start', index, block: { type: 'foreign', dialect: ID, value } }, { type: 'block-end', index })
      }
    }
  }

  /** Those of a refusal have no place elsewhere, nor have those of what is not text. */
  #logprobs (logprobs: unknown, out: Event[]): void {
    const { content, refusal } = objectOf(logprobs)
    const entries = objectsOf(content)
    if (entries.length > 0 && this.#open?.kind === 'text') {
      out.push({ type: 'block-delta', index: this.#open.index, delta: { type: 'logprobs', entries } })
    } else if (entries.length > 0 || objectsOf(refusal).length > 0) {
      this.#once('logprobs', logprobs, out)
    }
  }

  /**
   * The same thought may be said twice: as plain text, and in detail with its proof. Details beside equal plain text,
   * or alone, are the fuller form; a detail after its text has gone by only adds the proof.
   */
  #reasoning (delta: Record<string, unknown>, out: Event[]): void {
    const details = objectsOf(delta.reasoning_details)
    const plain = textOf(delta.reasoning_content) ?? textOf(delta.reasoning) ?? ''
    const detailed = details.map(detailText).join('')
    const inDetail = detailed !== '' && (plain === '' ? detailed !== this.#openReasoning()?.text : detailed === plain)
    if (!inDetail) this.#text('reasoning', plain, out)
    for (const detail of details) {
      if (inDetail) this.#text('reasoning', detailText(detail), out)
      const signature = textOf(detail.signature)
      if (signature !== undefined) this.#proof({ type: 'signature', signature }, out)
      const data = textOf(detail.data)
      if (data !== undefined) {
        this.#closeText(out)
        this.#proof({ type: 'redacted', data }, out)
      }
    }
  }

  /** A proof ends its block: what is thought after it is another one. */
  #proof (delta: Delta, out: Event[]): void {
    const block = this.#openReasoning() ?? this.#start('reasoning', out)
    out.push({ type: 'block-delta', index: block.index, delta })
    block.signed = true
  }

  #openReasoning (): OpenBlock | undefined {
    return this.#open?.kind === 'reasoning' && !this.#open.signed ? this.#open : undefined
  }

  #text (kind: OpenBlock['kind'], text: string, out: Event[]): void {
    if (text === '') return
    const block = this.#open?.kind === kind && !this.#open.signed ? this.#open : this.#start(kind, out)
    if (kind === 'reasoning') block.text += text
    out.push({ type: 'block-delta', index: block.index, delta: { type: 'text', text } })
  }

  #citation (annotation: Record<string, unknown>, out: Event[]): void {
    const block = this.#open?.kind === 'text' ? this.#open : this.#start('text', out)
    const { url, title } = objectOf(annotation.url_citation)
    const citation: Citation = { raw: { dialect: ID, value: annotation } }
    if (typeof url === 'string') citation.url = url
    if (typeof title === 'string') citation.title = title
    out.push({ type: 'block-delta', index: block.index, delta: { type: 'citation', citation } })
  }

  #start (kind: OpenBlock['kind'], out: Event[]): OpenBlock {
    this.#closeText(out)
    const index = this.#next++
    out.push({ type: 'block-start', index, block: { type: kind } })
    this.#open = { kind, index, text: '', signed: false }
    return this.#open
  }

  #closeText (out: Event[]): void {
    if (this.#open !== undefined) out.push({ type: 'block-end', index: this.#open.index })
    this.#open = undefined
  }

  #once (name: string, value: unknown, out: Event[]): void {
    if (this.#reported.has(name)) return
    this.#reported.add(name)
    out.push({ type: 'foreign', dialect: ID, value: { type: name, value } })
  }
}

function detailText (detail: Record<string, unknown>): string {
  return textOf(detail.text) ?? textOf(detail.summary) ?? ''
}

function saysNothing (value: unknown): boolean {
  return value === null || value === '' || (typeof value === 'object' && Object.keys(value).length === 0)
}
