import { InputWrapper } from '../custom-input.ts'
import { textOf, type JsonObject } from '../json.ts'
import type { Blocks, ItemDecoder, OpenBlock } from './decode-item.ts'
import { flatNames } from './tool-names.ts'

/** A call of a tool that takes JSON. */
export class CallItem implements ItemDecoder {
  readonly type = 'function_call'
  readonly id: unknown
  done = false
  readonly #block: OpenBlock

  constructor (blocks: Blocks, item: JsonObject) {
    this.id = item.id
    this.#block = blocks.start({ type: 'tool-call', ...called(item) })
  }

  push (type: string, event: JsonObject): void {
    if (type === 'function_call_arguments.delta') this.#block.piece('arguments', event.delta)
    else if (type === 'function_call_arguments.done') this.#block.fill('arguments', event.arguments)
  }

  finish (item: JsonObject): void {
    this.done = true
    this.#block.fill('arguments', item.arguments)
    this.close()
  }

  close (): void {
    this.#block.end()
  }
}

/** A call of a tool that takes text. */
export class CustomCallItem implements ItemDecoder {
  readonly type = 'custom_tool_call'
  readonly id: unknown
  done = false
  readonly #block: OpenBlock
  readonly #wrapper = new InputWrapper()
  #told = 0

  constructor (blocks: Blocks, item: JsonObject) {
    this.id = item.id
    this.#block = blocks.start({ type: 'tool-call', ...called(item), custom: true })
  }

  push (type: string, event: JsonObject): void {
    if (type === 'custom_tool_call_input.delta') this.#piece(event.delta)
    else if (type === 'custom_tool_call_input.done') this.#fill(event.input)
  }

  finish (item: JsonObject): void {
    this.done = true
    this.#fill(item.input)
    this.#block.say({ type: 'arguments', json: this.#wrapper.end() })
    this.close()
  }

  close (): void {
    this.#block.end()
  }

  #piece (piece: unknown): void {
    const text = textOf(piece)
    if (text === undefined) return
    this.#told += text.length
    this.#block.say({ type: 'arguments', json: this.#wrapper.push(text) })
  }

  #fill (whole: unknown): void {
    this.#piece(textOf(whole)?.slice(this.#told))
  }
}

function called (item: JsonObject): { id: string, name: string } {
  const name = flatNames(undefined).flat(textOf(item.namespace), textOf(item.name) ?? '')
  return { id: textOf(item.call_id) ?? textOf(item.id) ?? '', name }
}
