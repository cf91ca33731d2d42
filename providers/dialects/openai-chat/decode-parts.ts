import type { Part, Source } from '../conversation.ts'
import { decodeFileData, decodeUrl } from '../data-url.ts'
import { Untranslatable } from '../dialect.ts'
import type { Fields } from '../fields.ts'
import { objectsOf, textOf } from '../json.ts'
import { decodeCache } from './cache.ts'

/** A message's content: text, or a list of typed parts. */
export function decodeParts (message: Fields, name: string): Part[] {
  const content = message.take(name)
  if (content === undefined || content === '') return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return message.objects(name).map(decodePart)
}

function decodePart (fields: Fields): Part {
  const part = decodeKind(fields)
  const cache = decodeCache(fields)
  return cache === undefined ? part : { ...part, cache }
}

function decodeKind (fields: Fields): Part {
  const type = fields.string('type') ?? (fields.has('text') ? 'text' : 'unknown')
  switch (type) {
    case 'text': return { type, text: fields.requiredString('text') }
    case 'refusal': return { type, text: fields.requiredString('refusal') }
    case 'image_url': return decodeImage(fields)
    case 'input_audio': {
      const audio = fields.requiredObject('input_audio')
      return { type: 'audio', data: audio.requiredString('data'), format: audio.string('format') ?? 'wav' }
    }
    // Mistral's form of a document.
    case 'document_url': {
      const name = fields.string('document_name')
      const source = decodeUrl(fields.requiredString('document_url'), fields.at('document_url'))
      return { type: 'document', source, ...name !== undefined && { name } }
    }
    case 'file': return decodeFile(fields.requiredObject('file'))
    // Mistral's form of reasoning between turns: without a proof.
    case 'thinking': {
      fields.take('closed')
      return { type: 'reasoning', text: objectsOf(fields.take('thinking')).map(({ text }) => textOf(text) ?? '').join('') }
    }
    default: throw new Untranslatable(fields.at('type'), `Content of type "${type}" is not known to this model's provider.`)
  }
}

/** `image_url: { url, detail }`, and the bare URL that some clients send. */
function decodeImage (fields: Fields): Part {
  if (typeof fields.take('image_url') === 'string') {
    return { type: 'image', source: decodeUrl(fields.requiredString('image_url'), fields.at('image_url')) }
  }
  const image = fields.requiredObject('image_url')
  const source = decodeUrl(image.requiredString('url'), image.at('url'))
  const detail = image.string('detail')
  return detail === undefined || detail === 'auto' ? { type: 'image', source } : { type: 'image', source, detail }
}

function decodeFile (file: Fields): Part {
  const name = file.string('filename')
  const data = file.string('file_data')
  const id = file.string('file_id')
  if (data === undefined && id === undefined) throw file.wrong('file_data', 'is missing')
  const source: Source = data === undefined
    ? { type: 'file', id: id ?? '' }
    : decodeFileData(data, file.at('file_data'))
  return { type: 'document', source, ...name !== undefined && { name } }
}
