import type { Conversation, Part, Turn } from '../conversation.ts'
import { unwrapInput } from '../custom-tools.ts'
import type { ModelFacts } from '../dialect.ts'
import { encodePart, encodeText } from './encode-parts.ts'
import { encodeDetail } from './reasoning.ts'

type Message = Record<string, unknown>
type Of<T extends Part['type']> = Extract<Part, { type: T }>

export function encodeMessages (conversation: Conversation, facts: ModelFacts, lossy: Set<string>): Message[] {
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
      for (const picture of beside) pictures.push(picture)
    }
    if (rest.parts.length === 0) continue
    flush()
    if (rest.role === 'assistant') messages.push(...encodeAssistant(rest.parts, conversation, facts, lossy))
    else messages.push(...encodeMessage(roles[rest.role], rest.parts, conversation, lossy))
  }
  flush()
  return messages
}

/** The vendor takes `system` for `developer`, and other servers know the older word alone. */
const roles = { system: 'system', developer: 'system', user: 'user', tool: 'user' } as const

/** Empty where none of the parts can be said. */
function encodeMessage (role: string, parts: Part[], conversation: Conversation, lossy: Set<string>): Message[] {
  const content = encodeContent(parts, conversation, lossy)
  return Array.isArray(content) && content.length === 0 ? [] : [{ role, content }]
}

/** A list of parts, or plain text where that says the same. */
function encodeContent (parts: Part[], conversation: Conversation, lossy: Set<string>): unknown {
  const [only] = parts
  if (parts.length === 1 && only?.type === 'text' && only.cache === undefined) return only.text
  return parts.flatMap((part) => encodePart(part, conversation, lossy))
}

function encodeAssistant (parts: Part[], conversation: Conversation, facts: ModelFacts, lossy: Set<string>): Message[] {
  const of = <T extends Part['type']>(type: T): Array<Of<T>> => parts.filter((part): part is Of<T> => part.type === type)
  const message: Message = { role: 'assistant' }
  const texts = parts.filter(({ type }) => type !== 'reasoning' && type !== 'refusal' && type !== 'tool-call')
  const content = encodeContent(texts, conversation, lossy)
  message.content = Array.isArray(content) && content.length === 0 ? null : content
  const refusal = of('refusal').map(({ text }) => text).join('')
  if (refusal !== '') message.refusal = refusal
  if (facts.reasoningText !== false) Object.assign(message, encodeReasoning(of('reasoning')))
  else if (of('reasoning').length > 0) lossy.add(conversation.names.reasoningPart)
  const calls = of('tool-call').map((call) => encodeCall(call, conversation, facts, lossy))
  if (calls.length > 0) message.tool_calls = calls
  return message.content === null && Object.keys(message).length === 2 ? [] : [message]
}

function encodeReasoning (parts: Array<Of<'reasoning'>>): Message {
  const thought = parts.map(({ text }) => text).join('')
  const proven = parts.some(({ signature, redacted }) => signature !== undefined || redacted !== undefined)
  return { ...thought !== '' && { reasoning_content: thought }, ...proven && { reasoning_details: parts.map(encodeDetail) } }
}

function encodeCall ({ id, name, arguments: json, custom, cache }: Of<'tool-call'>, { names }: Conversation, facts: ModelFacts, lossy: Set<string>): Message {
  if (cache !== undefined) lossy.add(names.cache)
  if (custom === true && facts.customTools === true) return { id, type: 'custom', custom: { name, input: unwrapInput(json) } }
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
