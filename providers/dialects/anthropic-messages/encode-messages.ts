import type { Conversation, Part } from '../conversation.ts'
import { BadRequest } from '../dialect.ts'
import { parseExactObject } from '../json.ts'
import { encodeCache } from './cache.ts'
import { encodeContent } from './encode-parts.ts'
import { ToolIds } from './tool-ids.ts'

type Block = Record<string, unknown>
interface Message { role: 'user' | 'assistant', content: Block[] }

/**
 * Instructions at the start become `system`; later ones become text of the user's, which every model takes. Turns of
 * one side in a row become one message, in which tool results come first.
 */
export function encodeMessages (conversation: Conversation, lossy: Set<string>): { system: Block[], messages: Message[] } {
  const system: Block[] = []
  const messages: Message[] = []
  const ids = new ToolIds()
  for (const [i, { role, parts }] of conversation.turns.entries()) {
    const instructs = role === 'system' || role === 'developer'
    const encode = (part: Part, j: number): Block[] => encodePart(part, conversation, ids, [i, j], lossy)
    const blocks = parts.flatMap(encode)
    if (blocks.length === 0) continue
    if (instructs && messages.length === 0) {
      for (const block of blocks) system.push(block)
      continue
    }
    if (instructs) lossy.add(conversation.names.role)
    const side = role === 'assistant' ? 'assistant' : 'user'
    const last = messages.at(-1)
    if (last?.role !== side) messages.push({ role: side, content: blocks })
    else for (const block of blocks) last.content.push(block)
  }
  for (const message of messages) {
    if (message.role === 'user') message.content = resultsFirst(message.content)
  }
  trimPrefill(messages.at(-1))
  return { system, messages }
}

function encodePart (part: Part, conversation: Conversation, ids: ToolIds, at: [turn: number, part: number], lossy: Set<string>): Block[] {
  const { names } = conversation
  switch (part.type) {
    case 'reasoning': {
      if (part.redacted !== undefined) return [{ type: 'redacted_thinking', data: part.redacted }]
      if (part.signature !== undefined) return [{ type: 'thinking', thinking: part.text, signature: part.signature }]
      // Without its proof, the vendor does not take its own reasoning back.
      if (part.text !== '') lossy.add(names.reasoningPart)
      return []
    }
    case 'tool-call': return [{
      type: 'tool_use',
      id: ids.call(part.id),
      name: part.name,
      input: encodeInput(part, conversation, at),
      ...encodeCache(part)
    }]
    case 'tool-result': {
      const content = part.parts.flatMap((inner) => encodeContent(inner, conversation, lossy))
      return [{
        type: 'tool_result',
        tool_use_id: ids.result(part.callId),
        ...content.length > 0 && { content },
        ...part.isError === true && { is_error: true },
        ...encodeCache(part)
      }]
    }
    default: return encodeContent(part, conversation, lossy)
  }
}

/** The arguments as a value. An empty text is a call without any. */
function encodeInput (part: Extract<Part, { type: 'tool-call' }>, { turns, names }: Conversation, [turn, at]: [number, number]): Record<string, unknown> {
  if (part.arguments.trim() === '') return {}
  const input = parseExactObject(part.arguments)
  if (input !== undefined) return input
  const nth = turns[turn]?.parts.slice(0, at).filter(({ type }) => type === 'tool-call').length ?? 0
  const [first = '', second = '', ...rest] = names.arguments.split('[]')
  // Where every call is an item of its own, the turn's number says nothing.
  const param = rest.length === 0 ? names.arguments : `${first}[${turn}]${second}[${nth}]${rest.join('[]')}`
  throw new BadRequest(param, `${param} must be the text of a JSON object.`)
}

function resultsFirst (blocks: Block[]): Block[] {
  const isResult = ({ type }: Block): boolean => type === 'tool_result'
  return [...blocks.filter(isResult), ...blocks.filter((block) => !isResult(block))]
}

/** An answer that the model is to go on with must not end in white space. */
function trimPrefill (message: Message | undefined): void {
  const last = message?.content.at(-1)
  if (message?.role === 'assistant' && last?.type === 'text' && typeof last.text === 'string') last.text = last.text.trimEnd()
}
