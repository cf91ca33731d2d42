import type { Part, Turn } from '../conversation.ts'
import { wrapInput } from '../custom-tools.ts'
import { Untranslatable } from '../dialect.ts'
import type { Fields } from '../fields.ts'
import { decodeParts } from './decode-parts.ts'
import { ID } from './id.ts'
import type { FlatNames } from './tool-names.ts'

/**
 * The items as turns. What the model said in a row, be it thought, said or called, is one turn of its, and the results
 * that follow in a row are one turn of the tools.
 */
export function decodeInput (items: Fields[], names: FlatNames): Turn[] {
  const turns: Turn[] = []
  for (const item of items) {
    const turn = decodeItem(item, names)
    const last = turns.at(-1)
    if (turn === undefined) continue
    if (last?.role !== turn.role || (turn.role !== 'assistant' && turn.role !== 'tool')) turns.push(turn)
    else for (const part of turn.parts) last.parts.push(part)
  }
  return turns
}

function decodeItem (item: Fields, names: FlatNames): Turn | undefined {
  const type = item.string('type') ?? (item.has('role') ? 'message' : item.has('id') ? 'item_reference' : item.requiredString('type'))
  // How the provider counts its items says nothing to the model.
  for (const name of ['id', 'status', 'created_by']) item.take(name)
  switch (type) {
    case 'message': return decodeMessage(item)
    case 'reasoning': return { role: 'assistant', parts: decodeReasoning(item) }
    case 'function_call': return { role: 'assistant', parts: [decodeCall(item, names, item.string('arguments') ?? '')] }
    case 'custom_tool_call': return { role: 'assistant', parts: [{ ...decodeCall(item, names, wrapInput(item.string('input') ?? '')), custom: true }] }
    case 'function_call_output':
    case 'custom_tool_call_output': return { role: 'tool', parts: [{ type: 'tool-result', callId: item.requiredString('call_id'), parts: decodeParts(item, 'output') }] }
    // Read with the request's tools.
    case 'additional_tools':
      for (const name of ['role', 'tools']) item.take(name)
      return undefined
    case 'item_reference':
      throw new Untranslatable(item.at('type'), 'The item lives with the provider that made it: send the item itself in "input".')
    case 'compaction_trigger':
      throw new Untranslatable(item.at('type'), 'This model\'s provider does not compact a conversation: shorten it in the client.')
    // What the provider's own tools left in the history: carried whole, and named where it cannot be said.
    default: return { role: /_(?:output|response)$/.test(type) ? 'tool' : 'assistant', parts: [{ type: 'foreign', dialect: ID, value: item.all() }] }
  }
}

function decodeMessage (item: Fields): Turn {
  const role = item.requiredString('role')
  if (role !== 'system' && role !== 'developer' && role !== 'user' && role !== 'assistant') throw item.wrong('role', 'is unknown')
  return { role, parts: decodeParts(item, 'content') }
}

/** The thought itself where the provider tells it, else its summary. Without either, what there is is opaque. */
function decodeReasoning (item: Fields): Part[] {
  const content = textsOf(item.objects('content'))
  const summary = textsOf(item.objects('summary'))
  const proof = item.string('encrypted_content') ?? ''
  const texts = content.length > 0 ? content : summary
  const text = texts.join('')
  if (proof !== '') return [texts.length === 0 ? { type: 'reasoning', text: '', redacted: proof } : { type: 'reasoning', text, signature: proof }]
  return text === '' ? [] : [{ type: 'reasoning', text }]
}

function textsOf (parts: Fields[]): string[] {
  return parts.map((part) => {
    part.take('type')
    return part.string('text') ?? ''
  })
}

function decodeCall (item: Fields, names: FlatNames, json: string): Extract<Part, { type: 'tool-call' }> {
  const name = names.flat(item.string('namespace'), item.requiredString('name'))
  return { type: 'tool-call', id: item.requiredString('call_id'), name, arguments: json }
}
