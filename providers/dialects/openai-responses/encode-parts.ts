import type { Conversation, Part, Source } from '../conversation.ts'
import { encodeUrl } from '../data-url.ts'
import { Untranslatable } from '../dialect.ts'
import { foreignType } from '../foreign.ts'

type Content = Record<string, unknown>

/** A part of what is said to the model: of a message of the user's, or of a tool's output. */
export function encodePart (part: Part, conversation: Conversation, lossy: Set<string>): Content[] {
  const { names } = conversation
  if (part.cache !== undefined) lossy.add(names.cache)
  switch (part.type) {
    case 'text':
    case 'refusal': return [{ type: 'input_text', text: part.text }]
    case 'image': return [{ type: 'input_image', image_url: encodeUrl(part.source, names.image), detail: part.detail ?? 'auto' }]
    case 'document': return [encodeDocument(part.source, part.name, names.document)]
    case 'audio': throw new Untranslatable(names.audio, 'This model\'s provider takes no audio: send a transcript.')
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

/** Text alone as it is, anything else as a list of parts. */
export function encodeContent (parts: Part[], conversation: Conversation, lossy: Set<string>): unknown {
  const [only] = parts
  if (only === undefined) return ''
  if (parts.length === 1 && only.type === 'text' && only.cache === undefined) return only.text
  const content = parts.flatMap((part) => encodePart(part, conversation, lossy))
  return content.length === 0 ? '' : content
}

/** Plain text is a part of the message. */
function encodeDocument (source: Source, name: string | undefined, field: string): Content {
  if (source.type === 'text') return { type: 'input_text', text: name === undefined ? source.text : `${name}\n\n${source.text}` }
  if (source.type === 'url') return { type: 'input_file', file_url: source.url, ...name !== undefined && { filename: name } }
  return { type: 'input_file', filename: name ?? 'document.pdf', file_data: encodeUrl(source, field) }
}
