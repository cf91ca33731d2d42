import type { Conversation, Part, Source } from '../conversation.ts'
import { encodeUrl } from '../data-url.ts'
import { Untranslatable } from '../dialect.ts'
import { foreignType } from '../foreign.ts'

type Content = Record<string, unknown>

/** A part of a message's content. Empty where it cannot be said: it is named in `lossy` then. */
export function encodePart (part: Part, conversation: Conversation, lossy: Set<string>): Content[] {
  const { names } = conversation
  if (part.type === 'text') return [encodeText(part, conversation, lossy)]
  if (part.cache !== undefined) lossy.add(names.cache)
  switch (part.type) {
    case 'refusal': return [{ type: 'refusal', refusal: part.text }]
    case 'image': {
      const url = encodeUrl(part.source, names.image)
      return [{ type: 'image_url', image_url: part.detail === undefined ? { url } : { url, detail: part.detail } }]
    }
    case 'document': return [encodeDocument(part.source, part.name, names.document)]
    case 'audio': return [{ type: 'input_audio', input_audio: { data: part.data, format: part.format } }]
    case 'reasoning':
      lossy.add(names.reasoningPart)
      return []
    case 'foreign':
      lossy.add(`${names.foreign}.${foreignType(part)}`)
      return []
    case 'tool-call':
    case 'tool-result':
      throw new Untranslatable(names.role, `A part of type "${part.type}" cannot stand in this place.`)
  }
}

export function encodeText (part: Extract<Part, { type: 'text' }>, { names }: Conversation, lossy: Set<string>): Content {
  if (part.cache !== undefined) lossy.add(names.cache)
  return { type: 'text', text: part.text }
}

/** The vendor takes documents as data, not by address; plain text is a part of the message. */
function encodeDocument (source: Source, name: string | undefined, field: string): Content {
  if (source.type === 'text') return { type: 'text', text: name === undefined ? source.text : `${name}\n\n${source.text}` }
  if (source.type === 'url') throw new Untranslatable(field, 'This model\'s provider takes documents as base64, not by URL.')
  return { type: 'file', file: { filename: name ?? 'document.pdf', file_data: encodeUrl(source, field) } }
}
