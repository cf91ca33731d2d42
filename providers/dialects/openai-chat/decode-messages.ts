import type { Part, Turn } from '../conversation.ts'
import { wrapInput } from '../custom-tools.ts'
import { Untranslatable } from '../dialect.ts'
import type { Fields } from '../fields.ts'
import { decodeCache } from './cache.ts'
import { decodeParts } from './decode-parts.ts'
import { decodeReasoning } from './reasoning.ts'

/** One turn a message: whoever needs turns merged or split does it in encoding. */
export function decodeMessages (messages: Fields[]): Turn[] {
  const legacyIds = new Map<string, string>()
  return messages.map((message, i): Turn => {
    const role = message.requiredString('role')
    switch (role) {
      case 'assistant': return { role, parts: decodeAssistant(message, legacyIds, i) }
      case 'tool': return { role, parts: [decodeResult(message, message.string('tool_call_id') ?? '')] }
      case 'function': {
        const id = legacyIds.get(message.requiredString('name')) ?? ''
        return { role: 'tool', parts: [decodeResult(message, id)] }
      }
      case 'system':
      case 'developer':
      case 'user': return { role, parts: cached(message, decodeParts(message, 'content')) }
      default: throw message.wrong('role', 'is unknown')
    }
  })
}

function decodeAssistant (message: Fields, legacyIds: Map<string, string>, i: number): Part[] {
  if (message.has('audio')) {
    throw new Untranslatable(message.at('audio'), 'A spoken answer lives with the provider that gave it: send its transcript as content.')
  }
  const parts = [...decodeReasoning(message), ...decodeParts(message, 'content')]
  const refusal = message.string('refusal')
  if (refusal !== undefined && refusal !== '') parts.push({ type: 'refusal', text: refusal })
  for (const call of message.objects('tool_calls')) parts.push(decodeCall(call))
  const legacy = message.object('function_call')
  if (legacy !== undefined) {
    const name = legacy.requiredString('name')
    const id = `call_function_${i}`
    legacyIds.set(name, id)
    parts.push({ type: 'tool-call', id, name, arguments: legacy.string('arguments') ?? '' })
  }
  return cached(message, parts)
}

/** Some clients set a breakpoint on a message: it stands behind the last of its parts. */
function cached (message: Fields, parts: Part[]): Part[] {
  const cache = decodeCache(message)
  const last = parts.at(-1)
  return cache === undefined || last === undefined ? parts : [...parts.slice(0, -1), { ...last, cache }]
}

function decodeCall (call: Fields): Part {
  const part = decodeCalled(call)
  const cache = decodeCache(call)
  return cache === undefined ? part : { ...part, cache }
}

function decodeCalled (call: Fields): Part {
  call.take('index')
  const type = call.string('type') ?? 'function'
  if (type === 'custom') {
    const called = call.requiredObject('custom')
    return { type: 'tool-call', id: call.string('id') ?? '', name: called.requiredString('name'), arguments: wrapInput(called.string('input') ?? ''), custom: true }
  }
  if (type !== 'function') throw new Untranslatable(call.at('type'), `Tool calls of type "${type}" are not known to this model's provider.`)
  const called = call.requiredObject('function')
  return { type: 'tool-call', id: call.string('id') ?? '', name: called.requiredString('name'), arguments: called.string('arguments') ?? '' }
}

/** The result's own breakpoint is the last one of its parts. */
function decodeResult (message: Fields, callId: string): Part {
  const parts = decodeParts(message, 'content')
  const cache = decodeCache(message) ?? parts.findLast((part) => part.cache !== undefined)?.cache
  const bare = parts.map(({ cache: _, ...part }) => part as Part)
  return { type: 'tool-result', callId, parts: bare, ...cache !== undefined && { cache } }
}
