import type { Conversation, Names, Part } from '../../providers/dialects/conversation.ts'
import { asFunction } from '../../providers/dialects/custom-tools.ts'
import type { Event, Usage } from '../../providers/dialects/events.ts'
import { parseExact } from '../../providers/dialects/json.ts'

type Said =
  | { type: 'text' | 'refusal', text: string }
  | { type: 'reasoning', text: string, proof: string | undefined }
  | { type: 'tool-call', id: string, name: string, input: unknown }
  | { type: 'foreign', value: unknown }

export interface Meaning {
  id: string | undefined
  model: string | undefined
  said: Said[]
  usage: Usage | undefined
  reason: string | undefined
  error: string | undefined
}

/** What a reply's events mean, however they are cut: neighbouring texts are one, and so are thoughts without a proof. */
export function meaning (events: Event[]): Meaning {
  const result: Meaning = { id: undefined, model: undefined, said: [], usage: undefined, reason: undefined, error: undefined }
  const blocks = new Map<number, Said>()
  const inputs = new Map<number, string>()
  for (const event of events) {
    if (event.type === 'reply-start') Object.assign(result, { id: event.id.replace(PREFIX, ''), model: event.model, usage: event.usage })
    else if (event.type === 'usage') result.usage = event.usage
    else if (event.type === 'reply-end') result.reason = event.finish.reason
    else if (event.type === 'error') result.error = event.error.message
    else if (event.type === 'block-start') blocks.set(event.index, begin(event.block))
    else if (event.type === 'block-delta') {
      const block = blocks.get(event.index)
      const { delta } = event
      if (delta.type === 'arguments') inputs.set(event.index, (inputs.get(event.index) ?? '') + delta.json)
      else if (delta.type === 'text' && block !== undefined && 'text' in block) block.text += delta.text
      else if (delta.type === 'signature' && block?.type === 'reasoning') block.proof = delta.signature
      else if (delta.type === 'redacted' && block?.type === 'reasoning') block.proof = delta.data
    }
  }
  for (const [index, block] of blocks) {
    if (block.type === 'tool-call') block.input = JSON.parse(inputs.get(index) ?? '{}')
    const last = result.said.at(-1)
    if (block.type === 'text' && last?.type === 'text') last.text += block.text
    else if (block.type === 'reasoning' && last?.type === 'reasoning' && last.proof === undefined && last.text !== '') Object.assign(last, { text: last.text + block.text, proof: block.proof })
    else result.said.push(block)
  }
  return result
}

/** Ids of replies may be given what a dialect's own begin with. */
const PREFIX = /^[a-z]+_/

function begin (block: Extract<Event, { type: 'block-start' }>['block']): Said {
  switch (block.type) {
    case 'text':
    case 'refusal': return { type: block.type, text: '' }
    case 'reasoning': return { type: 'reasoning', text: '', proof: undefined }
    case 'tool-call': return { type: 'tool-call', id: block.id, name: block.name, input: undefined }
    case 'foreign': return { type: 'foreign', value: block.value }
  }
}

/** The tokens, in the sums that every dialect tells. */
export function totals ({ input = 0, cacheRead = 0, cacheWrite5m = 0, cacheWrite1h = 0, output = 0, reasoning = 0, audioInput = 0, audioOutput = 0 }: Usage): object {
  return { input: input + audioInput, cacheRead, cacheWrite: cacheWrite5m + cacheWrite1h, output: output + audioOutput, reasoning }
}

/** What a request means, however its turns are cut: one list of who says what, and what is asked for. */
export function requestMeaning ({ turns, tools = [], names: _, extras: __, output, toolChoice = { type: 'auto' }, ...rest }: Conversation): object {
  const said = turns.flatMap(({ role, parts }) => parts.map((part) => ({ side: side(role, part), part: comparable(part) })))
  return {
    ...rest,
    toolChoice,
    said,
    tools: tools.map(({ name, description, parameters }) => ({ name, description, parameters: parameters ?? { type: 'object', properties: {} } })),
    schema: output?.type === 'json-schema' ? output.schema : undefined
  }
}

function side (role: string, part: Part): string {
  if (part.type === 'tool-result') return 'tool'
  return role === 'developer' ? 'system' : role
}

function comparable (part: Part): unknown {
  return part.type === 'tool-call' ? { ...part, arguments: JSON.parse(part.arguments) } : part
}

/** The same of everything that a request can say, thing by thing; `turns` is what is said. */
export function fullMeaning (conversation: Conversation): Record<string, unknown> {
  const { turns, tools = [], toolChoice, parallelToolCalls, names: _, extras: __, output, reasoning, ...rest } = conversation
  const said = turns.flatMap(({ role, parts }) => parts.map((part) => ({ side: side(role, part), part: plainly(part) })))
  return {
    ...rest,
    turns: said,
    // A custom tool of any text and a function of one text are the same.
    tools: tools.map((tool) => tool.custom !== undefined && tool.custom.format === undefined ? asFunction(tool) : tool)
      .map(({ name, description, parameters, cache, custom }) => ({ name, description, parameters: parameters ?? { type: 'object', properties: {} }, cache, custom })),
    output: output?.type === 'json-schema' ? output.schema : output,
    outputDescription: output?.type === 'json-schema' ? output.description : undefined,
    toolChoice: toolChoice ?? { type: 'auto' },
    // Of no calls, none are parallel.
    parallelToolCalls: toolChoice?.type === 'none' ? undefined : parallelToolCalls,
    // Left to the model is what no word on it is, too; where a model would think by itself, that it shall not is reported.
    reasoning: reasoning?.effort === 'none' ? undefined : reasoning?.effort ?? reasoning?.budget
  }
}

/** A refusal in history is what was said, and a document of text is its text. */
function plainly (part: Part): unknown {
  // Where there is no text, a proof is all there is, by whichever name.
  if (part.type === 'reasoning' && part.text === '') return { type: 'reasoning', text: '', proof: part.signature ?? part.redacted }
  if (part.type === 'refusal') return { type: 'text', text: part.text }
  if (part.type === 'document' && part.source.type === 'text') return { type: 'text', text: part.name === undefined ? part.source.text : `${part.name}\n\n${part.source.text}` }
  if (part.type === 'tool-call') return { ...part, custom: undefined, arguments: JSON.stringify(parseExact(part.arguments === '' ? '{}' : part.arguments)) }
  return part
}

const PARTS: ReadonlyArray<keyof Names> = ['role', 'image', 'imageDetail', 'document', 'audio', 'reasoningPart', 'arguments', 'toolResult', 'isError', 'cache']

/** By which of a dialect's names the loss of a thing in {@link fullMeaning} may be reported. */
export function reportsOf (name: string): ReadonlyArray<keyof Names> {
  if (name === 'turns') return PARTS
  if (name === 'tools') return ['tools', 'toolFormat', 'cache']
  return [name as keyof Names]
}
