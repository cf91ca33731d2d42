import type { Fold } from '../dialect.ts'
import { define, isObject, objectOf, objectsOf, parseExactObject, parseOrNothing, textOf, withoutPrototype } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { closeJson } from './partial-json.ts'

type Block = Record<string, unknown>

/** Puts a stream's events together to the message they mean, without knowing every block. */
export function fold (): Fold {
  let message: Record<string, unknown> = {}
  const blocks = new Map<unknown, Block>()
  const inputs = new Map<unknown, string>()

  const delta = (index: unknown, { type, ...fields }: Record<string, unknown>): void => {
    const block = blocks.get(index)
    if (block === undefined) return
    if (type === 'input_json_delta') {
      inputs.set(index, (inputs.get(index) ?? '') + (textOf(fields.partial_json) ?? ''))
    } else if (type === 'citations_delta') {
      if (Array.isArray(block.citations)) block.citations.push(fields.citation)
      else block.citations = [fields.citation]
    } else if (type === 'signature_delta') {
      block.signature = fields.signature
    } else {
      for (const [name, piece] of Object.entries(fields)) {
        const old = Object.hasOwn(block, name) ? block[name] : undefined
        define(block, name, typeof old === 'string' && typeof piece === 'string' ? old + piece : piece)
      }
    }
  }

  return {
    push ({ data }) {
      const event = objectOf(parseOrNothing(data))
      if (event.type === 'message_start') message = { ...objectOf(event.message) }
      else if (event.type === 'content_block_start') blocks.set(event.index, { ...objectOf(event.content_block) })
      else if (event.type === 'content_block_delta') delta(event.index, objectOf(event.delta))
      else if (event.type === 'message_delta') {
        const { type: _, delta: fields, usage, ...rest } = event
        Object.assign(message, withoutPrototype(objectOf(fields)), withoutPrototype(rest))
        if (isObject(usage)) message.usage = { ...objectOf(message.usage), ...known(usage) }
      }
    },
    body () {
      const content = [...blocks].map(([index, block]) => {
        const input = inputs.get(index)
        return input === undefined || input === '' ? block : { ...block, input: parseExactObject(input) ?? parseExactObject(closeJson(input)) ?? {} }
      })
      return { ...message, content }
    }
  }
}

/** Numbers in `message_delta` are totals; one that does not apply is null or left out. */
function known (usage: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(usage).filter(([, value]) => value !== null))
}

/** A message as the stream it could have been: each block begun empty, then filled at once. */
export function unfold (body: Record<string, unknown>): SseEvent[] {
  const { content, stop_reason: reason = null, stop_sequence: sequence = null, stop_details: details, container, usage, ...message } = body
  const start = { ...message, content: [], stop_reason: null, stop_sequence: null, usage }
  const blocks = objectsOf(content).flatMap((block, index) => {
    const { empty, deltas } = take(block)
    return [
      { type: 'content_block_start', index, content_block: empty },
      ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
      { type: 'content_block_stop', index }
    ]
  })
  const delta = {
    stop_reason: reason,
    stop_sequence: sequence,
    ...details !== undefined && { stop_details: details },
    ...container !== undefined && { container }
  }
  return [
    { type: 'message_start', message: start },
    ...blocks,
    { type: 'message_delta', delta, usage: objectOf(usage) },
    { type: 'message_stop' }
  ].map((event) => ({ event: event.type, data: JSON.stringify(event) }))
}

/** Splits a block into what its start says and what its deltas say. */
function take (block: Block): { empty: Block, deltas: Block[] } {
  const deltas: Block[] = []
  const empty = { ...block }
  if (block.type === 'text') {
    if (Array.isArray(block.citations) && block.citations.length > 0) {
      empty.citations = []
      for (const citation of block.citations) deltas.push({ type: 'citations_delta', citation })
    }
    if (textOf(block.text) !== undefined) {
      empty.text = ''
      deltas.push({ type: 'text_delta', text: block.text })
    }
  } else if (block.type === 'thinking') {
    if (textOf(block.thinking) !== undefined) {
      empty.thinking = ''
      deltas.push({ type: 'thinking_delta', thinking: block.thinking })
    }
    if (textOf(block.signature) !== undefined) {
      empty.signature = ''
      deltas.push({ type: 'signature_delta', signature: block.signature })
    }
  } else if (isObject(block.input) && Object.keys(block.input).length > 0) {
    empty.input = {}
    deltas.push({ type: 'input_json_delta', partial_json: JSON.stringify(block.input) })
  }
  return { empty, deltas }
}
