import { InputWrapper } from '../custom-input.ts'
import type { Event } from '../events.ts'
import { isObject, objectOf, parseOrNothing, textOf } from '../json.ts'
import { ID } from './id.ts'

/** `custom` where it is a call of a tool that takes text. */
interface Call { index: number, key: unknown, givenId: string | undefined, json: string, custom: InputWrapper | undefined, open: boolean }

/**
 * Sorts the pieces of tool calls to their calls. The vendor numbers each piece by `index` and gives the id once; other
 * servers leave out one or both, repeat the id, or number every call 0.
 */
export class ToolCalls {
  replyId = ''
  readonly #calls: Call[] = []
  /** The latest of each number, and of each id. */
  readonly #numbered = new Map<unknown, Call>()
  readonly #named = new Map<unknown, Call>()
  /** Those that have had arguments since it was looked whether theirs are whole. */
  readonly #grown = new Set<Call>()
  readonly #nextIndex: () => number

  constructor (nextIndex: () => number) {
    this.#nextIndex = nextIndex
  }

  get any (): boolean {
    return this.#calls.length > 0
  }

  push (piece: Record<string, unknown>, out: Event[]): void {
    // Some servers send the other form empty beside the one that is meant.
    const custom = piece.type === 'custom' || (isObject(piece.custom) && !isObject(piece.function))
    const { name, arguments: args, input } = objectOf(custom ? piece.custom : piece.function)
    const call = this.#find(piece, textOf(name)) ?? this.#start(piece, textOf(name) ?? '', custom, out)
    const text = textOf(input)
    const json = !custom ? jsonOf(args) : text === undefined ? '' : call.custom?.push(text) ?? ''
    if (json === '') return
    if (!call.open) {
      if (json.trim() !== '') out.push({ type: 'foreign', dialect: ID, value: { type: 'tool_calls', value: [piece] } })
      return
    }
    call.json += json
    this.#grown.add(call)
    out.push({ type: 'block-delta', index: call.index, delta: { type: 'arguments', json } })
  }

  close (out: Event[]): void {
    for (const call of this.#calls) end(call, out)
  }

  #find ({ index, id: given }: Record<string, unknown>, name: string | undefined): Call | undefined {
    const id = textOf(given)
    if (typeof index === 'number') {
      const call = this.#numbered.get(index)
      return id !== undefined && call?.givenId !== undefined && call.givenId !== id ? undefined : call
    }
    if (id !== undefined) return this.#named.get(id)
    return name === undefined ? this.#calls.at(-1) : undefined
  }

  #start (piece: Record<string, unknown>, name: string, isCustom: boolean, out: Event[]): Call {
    // A call whose arguments are whole takes no more: closing it lets the next one stream.
    for (const call of this.#grown) {
      if (parseOrNothing(call.json) !== undefined) end(call, out)
    }
    this.#grown.clear()
    const givenId = textOf(piece.id)
    const id = givenId ?? `call_${this.#calls.length}_${this.replyId.replaceAll(/[^a-zA-Z0-9_-]/g, '')}`
    const custom = isCustom ? new InputWrapper() : undefined
    const call: Call = { index: this.#nextIndex(), key: piece.index, givenId, json: '', custom, open: true }
    this.#calls.push(call)
    this.#numbered.set(call.key, call)
    if (givenId !== undefined) this.#named.set(givenId, call)
    out.push({ type: 'block-start', index: call.index, block: { type: 'tool-call', id, name, ...custom !== undefined && { custom: true } } })
    return call
  }
}

function end (call: Call, out: Event[]): void {
  if (!call.open) return
  call.open = false
  if (call.custom !== undefined) out.push({ type: 'block-delta', index: call.index, delta: { type: 'arguments', json: call.custom.end() } })
  out.push({ type: 'block-end', index: call.index })
}

/** Arguments as JSON text, which some servers send as the value it stands for. */
function jsonOf (args: unknown): string {
  if (typeof args === 'string') return args
  return args === undefined || args === null ? '' : JSON.stringify(args)
}
