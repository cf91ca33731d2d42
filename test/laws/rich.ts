import type { Conversation, Part, Turn } from '../../providers/dialects/conversation.ts'
import type { Event } from '../../providers/dialects/events.ts'
import { plainConversation } from './generate.ts'
import type { Random } from './law.ts'

/** Adds something to a conversation that not every dialect can say. */
type Feature = (conversation: Conversation, random: Random) => void

const url = 'https://example.com/a.png'
const says = (...parts: Part[]): Feature => ({ turns }) => {
  ask(turns)
  turns.push({ role: 'assistant', parts: [...parts, { type: 'text', text: 'So.' }] })
  ask(turns)
}
const asks = (...parts: Part[]): Feature => ({ turns }) => {
  ask(turns)
  turns.at(-1)?.parts.push(...parts)
}
const wants = (fields: Partial<Conversation>): Feature => (conversation) => { Object.assign(conversation, fields) }
const answers = (result: Partial<Extract<Part, { type: 'tool-result' }>>, call: Partial<Extract<Part, { type: 'tool-call' }>> = {}): Feature => ({ turns }) => {
  const id = `call_at_${turns.length}`
  const asked: Turn = { role: 'assistant', parts: [{ type: 'tool-call', id, name: 'look_up', arguments: '{"city":"Rome"}', ...call }] }
  const told: Turn = { role: 'tool', parts: [{ type: 'tool-result', callId: id, parts: [{ type: 'text', text: 'R' }], ...result }] }
  ask(turns)
  turns.push(asked, told)
  ask(turns)
}
const schema = { type: 'object', properties: {}, additionalProperties: false }

/** A turn of the model's follows one of the user's. */
function ask (turns: Turn[]): void {
  if (turns.at(-1)?.role !== 'user') turns.push({ role: 'user', parts: [{ type: 'text', text: 'And?' }] })
}

/** What a conversation can hold beyond plain talk, one by one. */
export const features: Readonly<Record<string, Feature>> = {
  'an image by URL': asks({ type: 'image', source: { type: 'url', url } }),
  'an image as base64': asks({ type: 'image', source: { type: 'base64', mediaType: 'image/png', data: 'aGk=' } }),
  'an image with detail': asks({ type: 'image', source: { type: 'url', url }, detail: 'low' }),
  'a PDF': asks({ type: 'document', source: { type: 'base64', mediaType: 'application/pdf', data: 'JVBERg==' }, name: 'a.pdf' }),
  'a document of text': asks({ type: 'document', source: { type: 'text', text: 'D' }, name: 'a.txt' }),
  'a document by URL': asks({ type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } }),
  'a file by id': asks({ type: 'document', source: { type: 'file', id: 'file-1' } }),
  audio: asks({ type: 'audio', data: 'UklGRg==', format: 'wav' }),
  'a cache breakpoint': asks({ type: 'text', text: 'Long.', cache: {} }),
  'a cache breakpoint behind a tool': wants({ tools: [{ name: 'look_up', parameters: schema, cache: { ttl: '1h' } }] }),
  'signed reasoning': says({ type: 'reasoning', text: 'Hm.', signature: 'c2ln' }),
  'a signature alone': says({ type: 'reasoning', text: '', signature: 'c2ln' }),
  'redacted reasoning': says({ type: 'reasoning', text: '', redacted: 'b3Bh' }),
  'reasoning without proof': says({ type: 'reasoning', text: 'Hm.' }),
  'several reasonings': says({ type: 'reasoning', text: 'Hm.', signature: 'c2ln' }, { type: 'reasoning', text: '', redacted: 'b3Bh' }, { type: 'reasoning', text: 'Ah.', signature: 'c2lo' }),
  'a refusal': ({ turns }) => {
    ask(turns)
    turns.push({ role: 'assistant', parts: [{ type: 'refusal', text: 'No.' }] })
    ask(turns)
  },
  'an answer to go on with': ({ turns }) => {
    ask(turns)
    turns.push({ role: 'assistant', parts: [{ type: 'text', text: 'It is' }] })
  },
  'instructions in the middle': ({ turns }) => {
    turns.push({ role: 'system', parts: [{ type: 'text', text: 'Now.' }] })
    ask(turns)
  },
  'a result with an image': answers({ parts: [{ type: 'text', text: 'R' }, { type: 'image', source: { type: 'url', url } }] }),
  'a result that is an error': answers({ isError: true }),
  'a result of nothing': answers({ parts: [] }),
  'a call without arguments': answers({}, { arguments: '' }),
  'a call with a number that JavaScript rounds': answers({}, { arguments: '{"n":12345678901234567890,"x":1.0}' }),
  'a custom tool': (conversation) => { conversation.tools?.push({ name: 'run', description: 'Runs.', custom: {} }) },
  'a custom tool with a grammar': (conversation) => { conversation.tools?.push({ name: 'run', custom: { format: { type: 'grammar', syntax: 'lark', definition: 'start: "a"' } } }) },
  'a custom call': (conversation, random) => {
    conversation.tools?.push({ name: 'run', custom: {} })
    answers({}, { name: 'run', arguments: '{"input":"ls \\"a\\"\\n"}', custom: true })(conversation, random)
  },
  'a strict tool': wants({ tools: [{ name: 'look_up', parameters: schema, strict: true }] }),
  'a tool to be called': wants({ toolChoice: { type: 'tool', name: 'look_up' } }),
  'some tool to be called': wants({ toolChoice: { type: 'required' } }),
  'no tool to be called': wants({ toolChoice: { type: 'none' } }),
  'one call at a time': wants({ parallelToolCalls: false, toolChoice: { type: 'auto' } }),
  JSON: wants({ output: { type: 'json' } }),
  'JSON of a schema': wants({ output: { type: 'json-schema', name: 'n', description: 'D', schema, strict: true } }),
  'stop sequences': wants({ stop: ['END', 'FIN'] }),
  'many stop sequences': wants({ stop: ['a', 'b', 'c', 'd', 'e'] }),
  'a high temperature': wants({ temperature: 1.5 }),
  'both ways of sampling': wants({ temperature: 0.5, topP: 0.5 }),
  'an effort': wants({ reasoning: { effort: 'high' } }),
  'no reasoning': wants({ reasoning: { effort: 'none' } }),
  'a budget of reasoning': wants({ reasoning: { budget: 5000 } }),
  'log probabilities': wants({ logprobs: { top: 2 } }),
  metadata: wants({ metadata: { run: '7' } }),
  verbosity: wants({ verbosity: 'low' }),
  'a service tier': wants({ serviceTier: 'flex' }),
  'a prompt cache': wants({ promptCache: { key: 'k', retention: '24h' } }),
  'a field without a neutral meaning': (conversation) => { conversation.extras.hurry = true }
}

/** A conversation with some of them. */
export function richConversation (random: Random, names: Conversation['names']): Conversation {
  const conversation = plainConversation(random, names)
  for (const add of random.list(4, () => random.pick(Object.values(features)))) add(conversation, random)
  return conversation
}

/** A question with one of them. */
export function featured (add: Feature, random: Random, names: Conversation['names']): Conversation {
  const conversation: Conversation = {
    model: 'model-1',
    turns: [{ role: 'system', parts: [{ type: 'text', text: 'S' }] }, { role: 'user', parts: [{ type: 'text', text: 'Q' }] }],
    tools: [{ name: 'look_up', description: 'Looks up.', parameters: schema }],
    maxOutputTokens: 1000,
    stream: false,
    extras: {},
    names
  }
  add(conversation, random)
  return conversation
}

/** A reply with something of everything that most dialects can say, in few bytes. */
export const richReply: readonly Event[] = [
  { type: 'reply-start', id: 'reply-1', model: 'model-1', usage: { input: 9, cacheRead: 4 } },
  { type: 'block-start', index: 0, block: { type: 'reasoning' } },
  { type: 'block-delta', index: 0, delta: { type: 'text', text: 'größer? 👩‍🚀' } },
  { type: 'block-delta', index: 0, delta: { type: 'signature', signature: 'c2ln' } },
  { type: 'block-end', index: 0 },
  { type: 'block-start', index: 2, block: { type: 'text' } },
  { type: 'block-delta', index: 2, delta: { type: 'text', text: 'data: 漢\r\n\n' } },
  { type: 'block-delta', index: 2, delta: { type: 'citation', citation: { url: 'https://example.com', title: 'T' } } },
  { type: 'block-end', index: 2 },
  { type: 'block-start', index: 3, block: { type: 'tool-call', id: 'call_3', name: 'look_up' } },
  { type: 'block-delta', index: 3, delta: { type: 'arguments', json: '{"city":"R' } },
  { type: 'block-start', index: 4, block: { type: 'tool-call', id: 'call_4', name: 'wait' } },
  { type: 'block-delta', index: 3, delta: { type: 'arguments', json: 'öm"}' } },
  { type: 'block-end', index: 3 },
  { type: 'block-end', index: 4 },
  { type: 'usage', usage: { input: 9, cacheRead: 4, cacheWrite5m: 2, output: 7, reasoning: 3 } },
  { type: 'reply-end', finish: { reason: 'tool-calls' } }
]
