import type { Conversation, Part, Turn } from '../../providers/dialects/conversation.ts'
import type { Delta, Event, Finish, Usage } from '../../providers/dialects/events.ts'
import type { Random } from './law.ts'

type Piece = Extract<Event, { type: 'block-start' | 'block-delta' | 'block-end' }>

/** A reply of what most dialects can say: text, signed and unsigned reasoning, tool calls, usage, a finish. */
export function plainReply (random: Random): Event[] {
  let previous = ''
  const blocks = random.list(5, (index) => {
    // Two thoughts in a row without a proof between them are one thought.
    const kind = random.pick(['text', 'reasoning', 'tool-call'].filter((kind) => kind !== 'reasoning' || previous !== kind))
    previous = kind
    return plainBlock(random, index, kind)
  })
  const calls = blocks.some(([first]) => first?.type === 'block-start' && first.block.type === 'tool-call')
  return [
    { type: 'reply-start', id: 'reply-1', model: 'model-1' },
    ...blocks.flat(),
    { type: 'usage', usage: plainUsage(random) },
    { type: 'reply-end', finish: plainFinish(random, calls) }
  ]
}

function plainBlock (random: Random, index: number, kind: string): Piece[] {
  const delta = (delta: Delta): Piece => ({ type: 'block-delta', index, delta })
  const end: Piece = { type: 'block-end', index }
  if (kind === 'tool-call') {
    const json = random.chance(0.2) ? '' : JSON.stringify({ city: random.text(), depth: { of: [1, random.below(9)] } })
    return [{ type: 'block-start', index, block: { type: 'tool-call', id: `call_${index}`, name: 'look_up' } }, ...cut(random, json).map((json) => delta({ type: 'arguments', json })), end]
  }
  const texts = cut(random, random.text()).map((text) => delta({ type: 'text', text }))
  if (kind === 'text') return [{ type: 'block-start', index, block: { type: 'text' } }, ...texts, end]
  const start: Piece = { type: 'block-start', index, block: { type: 'reasoning' } }
  if (random.chance(0.2)) return [start, delta({ type: 'redacted', data: 'b3BhcXVl' }), end]
  return [start, ...texts, ...random.chance(0.6) ? [delta({ type: 'signature', signature: `c2ln${index}` })] : [], end]
}

/** A text in pieces, cut anywhere but inside a character. */
function cut (random: Random, text: string): string[] {
  const pieces: string[] = []
  let piece = ''
  for (const character of text) {
    piece += character
    if (random.chance(0.3)) {
      pieces.push(piece)
      piece = ''
    }
  }
  return piece === '' ? pieces : [...pieces, piece]
}

function plainUsage (random: Random): Usage {
  const usage: Usage = { input: random.below(1000), output: random.below(1000) }
  if (random.chance(0.5)) usage.cacheRead = random.below(1000)
  if (random.chance(0.3)) usage.cacheWrite5m = random.below(1000)
  if (random.chance(0.5)) usage.reasoning = random.below(1000)
  return usage
}

function plainFinish (random: Random, calls: boolean): Finish {
  return { reason: calls ? 'tool-calls' : random.pick(['stop', 'length', 'refusal']) }
}

/** Anything the grammar allows: blocks that interleave, citations, foreign things, errors, odd deltas. */
export function anyReply (random: Random): Event[] {
  const events: Event[] = [{ type: 'reply-start', id: 'reply-1', model: 'model-1', ...random.chance(0.5) && { usage: { input: 3 } } }]
  const open = new Set<number>()
  for (let step = 0, index = 0; step < 30; step++) {
    const action = random.below(5)
    if (action === 0) {
      open.add(index)
      events.push({ type: 'block-start', index: index++, block: anyBlock(random) })
    } else if (action === 1 && open.size > 0) {
      const closed = random.pick([...open])
      open.delete(closed)
      events.push({ type: 'block-end', index: closed })
    } else if (action === 2) {
      events.push(random.chance(0.5) ? { type: 'usage', usage: plainUsage(random) } : { type: 'foreign', dialect: 'elsewhere', value: random.pick([{ type: 'odd' }, 7, null]) })
    } else if (open.size > 0) {
      events.push({ type: 'block-delta', index: random.pick([...open]), delta: anyDelta(random) })
    }
  }
  if (random.chance(0.2)) return [...events, { type: 'error', error: { status: 529, code: 'overloaded', message: 'Later.' } }]
  for (const index of open) events.push({ type: 'block-end', index })
  return [...events, { type: 'reply-end', finish: { reason: random.pick(['stop', 'length', 'tool-calls', 'refusal', 'pause']), raw: random.text(), explanation: 'No.' } }]
}

function anyBlock (random: Random): Extract<Event, { type: 'block-start' }>['block'] {
  return random.pick([
    { type: 'text' }, { type: 'reasoning' }, { type: 'refusal' }, { type: 'tool-call', id: 'call_1', name: 'look_up' },
    { type: 'tool-call', id: 'call_2', name: 'write', custom: true },
    { type: 'foreign', dialect: 'elsewhere', value: { type: 'hologram' } }
  ] as const)
}

function anyDelta (random: Random): Delta {
  return random.pick([
    { type: 'text', text: random.text() }, { type: 'arguments', json: '{"a"' }, { type: 'signature', signature: 'c2ln' }, { type: 'redacted', data: 'b3Bh' },
    { type: 'citation', citation: { title: 'A page' } }, { type: 'citation', citation: { url: 'https://example.com', quote: 'so' } },
    { type: 'logprobs', entries: [{ token: 'a', logprob: -1 }] },
    { type: 'foreign', dialect: 'elsewhere', value: { type: 'flicker' } }
  ] as const)
}

/** A conversation of what most dialects can say. */
export function plainConversation (random: Random, names: Conversation['names']): Conversation {
  const turns: Turn[] = random.chance(0.7) ? [{ role: 'system', parts: [{ type: 'text', text: `S ${random.text()}` }] }] : []
  for (let n = 0; n < 1 + random.below(3); n++) turns.push(...exchange(random, n))
  turns.push({ role: 'user', parts: [{ type: 'text', text: `Q ${random.text()}` }] })
  const conversation: Conversation = {
    model: 'model-1',
    turns,
    tools: [{ name: 'look_up', description: 'Looks up.', parameters: { type: 'object', properties: { city: { type: 'string' } } } }, { name: 'wait' }],
    maxOutputTokens: 16 + random.below(9000),
    stream: random.chance(0.5),
    extras: {},
    names
  }
  if (random.chance(0.4)) conversation.toolChoice = random.pick([{ type: 'auto' }, { type: 'none' }, { type: 'required' }, { type: 'tool', name: 'look_up' }])
  if (random.chance(0.3) && conversation.toolChoice?.type !== 'none') conversation.parallelToolCalls = false
  if (random.chance(0.5)) conversation.temperature = random.next()
  if (random.chance(0.3)) conversation.user = 'user-1'
  if (random.chance(0.3)) conversation.output = { type: 'json-schema', schema: { type: 'object', properties: {}, additionalProperties: false } }
  return conversation
}

function exchange (random: Random, n: number): Turn[] {
  const asks: Part[] = [{ type: 'text', text: `U ${random.text()}` }]
  if (random.chance(0.4)) asks.push({ type: 'image', source: random.pick([{ type: 'url', url: 'https://example.com/a.png' }, { type: 'base64', mediaType: 'image/png', data: 'aGk=' }]) })
  if (random.chance(0.3)) asks.push({ type: 'document', source: { type: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' }, name: 'a.pdf' })
  const says: Part[] = random.chance(0.4) ? [{ type: 'reasoning', text: 'Hm.', signature: 'c2ln' }] : []
  if (random.chance(0.6)) says.push({ type: 'text', text: `A ${random.text()}` })
  const calls = random.list(3, (i): Part => ({ type: 'tool-call', id: `call_${n}_${i}`, name: 'look_up', arguments: JSON.stringify({ city: random.text() }) }))
  if (says.every(({ type }) => type === 'reasoning') && calls.length === 0) says.push({ type: 'text', text: 'Yes.' })
  const results = calls.map((call): Turn => ({
    role: 'tool',
    parts: [{ type: 'tool-result', callId: call.type === 'tool-call' ? call.id : '', parts: [{ type: 'text', text: `R ${random.text()}` }] }]
  }))
  return [{ role: 'user', parts: asks }, { role: 'assistant', parts: [...says, ...calls] }, ...results]
}
