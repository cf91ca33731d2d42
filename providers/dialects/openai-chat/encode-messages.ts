import type { Conversation, Part, Turn } from '../conversation.ts'
import { encodeDetail } from './reasoning.ts'
import { encodePart, encodeText } from './encode-parts.ts'

type Message = Record<string, unknown>
type Of<T extends Part['type']> = Extract<Part, { type: T }>

export function encodeMessages (conversation: Conversation, lossy: Set<string>): Message[] {
  const messages: Message[] = []
  // Pictures in tool results wait until the last result of the turn: nothing may come between results.
  let pictures: Message[] = []
  const flush = (): void => {
    if (pictures.length > 0) messages.push({ role: 'user', content: pictures })
    pictures = []
  }
  for (const turn of conversation.turns) {
    const results = turn.parts.filter((part) => part.type === 'tool-result')
    const rest: Turn = { ...turn, parts: turn.parts.filter((part) => part.type !== 'tool-result') }
    if (results.length === 0) flush()
    for (const result of results) {
      const { message, beside } = encodeResult(result, conversation, lossy)
      messages.push(message)
      pictures.push(...beside)
    }
    if (rest.parts.length === 0) continue
    flush()
    if (rest.role === 'assistant') messages.push(encodeAssistant(rest.parts, conversation, lossy))
    else messages.push({ role: rest.role === 'tool' ? 'user' : rest.role, content: encodeContent(rest.parts, conversation, lossy) })
  }
  flush()
  return messages
}

/** A list of parts, or plain text where that says the same. */
function encodeContent (parts: Part[], conversation: Conversation, lossy: Set<string>): unknown {
  const [only] = parts
  if (parts.length === 1 && only?.type === 'text' && only.cache === undefined) return only.text
  return parts.flatMap((part) => encodePart(part, conversation, lossy))
}

function encodeAssistant (parts: Part[], conversation: Conversation, lossy: Set<string>): Message {
  const of = <T extends Part['type']>(type: T): Array<Of<T>> => parts.filter((part): part is Of<T> => part.type === type)
  const message: Message = { role: 'assistant' }
  const texts = parts.filter(({ type }) => type !== 'reasoning' && type !== 'refusal' && type !== 'tool-call')
  message.content = texts.length === 0 ? null : encodeContent(texts, conversation, lossy)
  const refusal = of('refusal').map(({ text }) => text).join('')
  if (refusal !== '') message.refusal = refusal
  const reasoning = of('reasoning')
  const thought = reasoning.map(({ text }) => text).join('')
  if (thought !== '') message.reasoning_content = thought
  if (reasoning.some(({ signature, redacted }) => signature !== undefined || redacted !== undefined)) {
    message.reasoning_details = reasoning.map(encodeDetail)
  }
  const calls = of('tool-call').map((call) => encodeCall(call, conversation, lossy))
  if (calls.length > 0) message.tool_calls = calls
  return message
}

function encodeCall ({ id, name, arguments: json, cache }: Of<'tool-call'>, { names }: Conversation, lossy: Set<string>): Message {
  if (cache !== undefined) lossy.add(names.cache)
  return { id, type: 'function', function: { name, arguments: json === '' ? '{}' : json } }
}

/** The vendor takes text alone in a tool's result: pictures and documents follow in a message of the user's. */
function encodeResult (result: Of<'tool-result'>, conversation: Conversation, lossy: Set<string>): { message: Message, beside: Message[] } {
  const { names } = conversation
  if (result.isError === true) lossy.add(names.isError)
  if (result.cache !== undefined) lossy.add(names.cache)
  const texts = result.parts.filter((part) => part.type === 'text')
  const others = result.parts.filter((part) => part.type !== 'text')
  if (others.some(({ type }) => type !== 'foreign')) lossy.add(names.toolResult)
  const [only] = texts
  return {
    message: {
      role: 'tool',
      tool_call_id: result.callId,
      content: texts.length === 0 ? '' : texts.length === 1 ? only?.text : texts.map((part) => encodeText(part, conversation, lossy))
    },
    beside: others.flatMap((part) => encodePart(part, conversation, lossy))
  }
}
