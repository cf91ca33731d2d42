import type { Conversation, Part, Source } from '../conversation.ts'
import { Untranslatable } from '../dialect.ts'
import { foreignType } from '../foreign.ts'
import { encodeCache } from './cache.ts'
import { ID } from './id.ts'

type Block = Record<string, unknown>

/** A block of a message's or a tool result's content. Empty where there is nothing to say. */
export function encodeContent (part: Part, conversation: Conversation, lossy: Set<string>): Block[] {
  const { names } = conversation
  switch (part.type) {
    // A declined answer shows in the stop reason; in history it is what was said.
    case 'text':
    case 'refusal':
      // The vendor refuses blocks of nothing but white space.
      return part.text.trim() === '' ? [] : [{ type: 'text', text: part.text, ...encodeCache(part) }]
    case 'image':
      if (part.detail !== undefined) lossy.add(names.imageDetail)
      return [{ ...encodeImage(part.source, names.image), ...encodeCache(part) }]
    case 'document': return [{ ...encodeDocument(part.source, part.name, names.document), ...encodeCache(part) }]
    case 'audio': throw new Untranslatable(names.audio, 'This model\'s provider takes no audio: send a transcript.')
    case 'foreign':
      if (part.dialect === ID) return [part.value as Block]
      lossy.add(`${names.foreign}.${foreignType(part)}`)
      return []
    default: throw new Untranslatable(names.role, `A part of type "${part.type}" cannot stand in this place.`)
  }
}

function encodeImage (source: Source, field: string): Block {
  if (source.type === 'url') return { type: 'image', source: { type: 'url', url: source.url } }
  if (source.type === 'base64') return { type: 'image', source: { type: 'base64', media_type: source.mediaType, data: source.data } }
  throw elsewhere(source, field, 'An image must be given by URL or as base64.')
}

/** A picture sent as a file is a picture; of documents, the vendor takes PDF and plain text. */
function encodeDocument (source: Source, name: string | undefined, field: string): Block {
  const title = name === undefined ? {} : { title: name }
  if (source.type === 'url') return { type: 'document', source: { type: 'url', url: source.url }, ...title }
  if (source.type === 'text') return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: source.text }, ...title }
  if (source.type === 'base64' && source.mediaType.startsWith('image/')) return encodeImage(source, field)
  if (source.type === 'base64' && source.mediaType === 'application/pdf') {
    return { type: 'document', source: { type: 'base64', media_type: source.mediaType, data: source.data }, ...title }
  }
  throw elsewhere(source, field, 'This model\'s provider takes PDF and plain text as documents.')
}

function elsewhere (source: Source, field: string, otherwise: string): Untranslatable {
  return new Untranslatable(field, source.type === 'file'
    ? 'A file lives with the provider it was uploaded to: send its content.'
    : otherwise)
}
