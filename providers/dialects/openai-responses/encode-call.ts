import { InputUnwrapper } from '../custom-input.ts'
import type { Delta } from '../events.ts'
import type { SseEvent } from '../sse.ts'
import { BlockItem } from './encode-item.ts'
import type { Write } from './encode-item.ts'

/** What a call calls, in the client's own words. */
export interface Called {
  callId: string
  name: string
  namespace?: string
}

/** A call of a tool that takes JSON. A call without arguments has the empty object. */
export class CallItem extends BlockItem {
  readonly #called: Called
  #arguments = ''

  constructor (write: Write, id: string, at: number, called: Called) {
    super(write, id, at)
    this.#called = called
  }

  delta (delta: Delta): SseEvent[] {
    if (delta.type !== 'arguments') return []
    this.#arguments += delta.json
    return [this.event('function_call_arguments.delta', { delta: delta.json })]
  }

  protected last (): SseEvent[] {
    const empty = this.#arguments === '' ? this.delta({ type: 'arguments', json: '{}' }) : []
    return [...empty, this.event('function_call_arguments.done', { arguments: this.#arguments })]
  }

  protected fields (status: string): Record<string, unknown> {
    return { id: this.id, type: 'function_call', status, arguments: this.#arguments, ...calling(this.#called) }
  }
}

/** A call of a tool that takes text. */
export class CustomCallItem extends BlockItem {
  readonly #called: Called
  readonly #unwrapper = new InputUnwrapper()
  #input = ''

  constructor (write: Write, id: string, at: number, called: Called) {
    super(write, id, at)
    this.#called = called
  }

  delta (delta: Delta): SseEvent[] {
    return delta.type === 'arguments' ? this.#piece(this.#unwrapper.push(delta.json)) : []
  }

  protected last (): SseEvent[] {
    const rest = this.#piece(this.#unwrapper.end())
    return [...rest, this.event('custom_tool_call_input.done', { input: this.#input })]
  }

  protected fields (status: string): Record<string, unknown> {
    return { id: this.id, type: 'custom_tool_call', status, input: this.#input, ...calling(this.#called) }
  }

  #piece (text: string): SseEvent[] {
    if (text === '') return []
    this.#input += text
    return [this.event('custom_tool_call_input.delta', { delta: text })]
  }
}

function calling ({ callId, name, namespace }: Called): Record<string, unknown> {
  return { call_id: callId, name, ...namespace !== undefined && { namespace } }
}
