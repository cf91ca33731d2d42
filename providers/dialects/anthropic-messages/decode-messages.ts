import type { Part, Source, Turn } from '../conversation.ts'
import { Untranslatable } from '../dialect.ts'
import type { Fields } from '../fields.ts'
import { decodeCache } from './cache.ts'
import { ID } from './id.ts'

export function decodeSystem (fields: Fields): Turn[] {
  const parts = decodeContent(fields, 'system')
  return parts.length === 0 ? [] : [{ role: 'system', parts }]
}

/** Tool results stand in a turn of their own, before what the user says beside them. */
export function decodeMessages (messages: Fields[]): Turn[] {
  return messages.flatMap((message): Turn[] => {
    const role = message.requiredString('role')
    if (role !== 'user' && role !== 'assistant' && role !== 'system') throw message.wrong('role', 'is unknown')
    const parts = decodeContent(message, 'content')
    const results = parts.filter(({ type }) => type === 'tool-result')
    const rest = parts.filter(({ type }) => type !== 'tool-result')
    const turns: Turn[] = []
    if (results.length > 0) turns.push({ role: 'tool', parts: results })
    if (rest.length > 0 || results.length === 0) turns.push({ role, parts: rest })
    return turns
  })
}

/** Text, or a list of blocks. */
function decodeContent (fields: Fields, name: string): Part[] {
  const content = fields.take(name)
  if (content === undefined || content === '') return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return fields.objects(name).map(decodeBlock)
}

function decodeBlock (fields: Fields): Part {
  const type = fields.requiredString('type')
  const decode = Object.hasOwn(blocks, type) ? blocks[type] : undefined
  // What the provider's own tools left in the history: carried whole, and named where it cannot be said.
  if (decode === undefined) return { type: 'foreign', dialect: ID, value: fields.all() }
  const part = decode(fields)
  const cache = decodeCache(fields)
  return cache === undefined ? part : { ...part, cache }
}

const blocks: Readonly<Record<string, (fields: Fields) => Part>> = {
  text: (fields) => ({ type: 'text', text: fields.requiredString('text') }),
  image: (fields) => ({ type: 'image', source: decodeSource(fields.requiredObject('source')) }),
  document (fields) {
    const name = fields.string('title')
    return { type: 'document', source: decodeSource(fields.requiredObject('source')), ...name !== undefined && { name } }
  },
  search_result (fields) {
    const name = fields.string('title') ?? fields.string('source')
    const text = decodeContent(fields, 'content').map((part) => part.type === 'text' ? part.text : '').join('\n')
    return { type: 'document', source: { type: 'text', text }, ...name !== undefined && { name } }
  },
  thinking (fields) {
    const signature = fields.string('signature')
    const text = fields.string('thinking') ?? ''
    return signature === undefined || signature === '' ? { type: 'reasoning', text } : { type: 'reasoning', text, signature }
  },
  redacted_thinking: (fields) => ({ type: 'reasoning', text: '', redacted: fields.requiredString('data') }),
  tool_use: (fields) => ({
    type: 'tool-call',
    id: fields.requiredString('id'),
    name: fields.requiredString('name'),
    arguments: JSON.stringify(fields.record('input') ?? {})
  }),
  tool_result (fields) {
    const isError = fields.boolean('is_error')
    return {
      type: 'tool-result',
      callId: fields.requiredString('tool_use_id'),
      parts: decodeContent(fields, 'content'),
      ...isError === true && { isError }
    }
  }
}

function decodeSource (fields: Fields): Source {
  const type = fields.requiredString('type')
  switch (type) {
    case 'url': return { type, url: fields.requiredString('url') }
    case 'base64': return { type, mediaType: fields.requiredString('media_type'), data: fields.requiredString('data') }
    case 'file': return { type, id: fields.requiredString('file_id') }
    case 'text':
      fields.take('media_type')
      return { type, text: fields.requiredString('data') }
    case 'content': {
      const parts = decodeContent(fields, 'content')
      if (parts.every((part) => part.type === 'text')) return { type: 'text', text: parts.map(({ text }) => text).join('\n') }
      throw new Untranslatable(fields.at('content'), 'A document made of blocks other than text is not known to this model\'s provider.')
    }
    default: throw fields.wrong('type', 'is unknown')
  }
}
