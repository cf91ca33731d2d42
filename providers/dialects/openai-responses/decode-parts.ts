import type { Part, Source } from '../conversation.ts'
import { decodeFileData, decodeUrl } from '../data-url.ts'
import { Untranslatable } from '../dialect.ts'
import type { Fields } from '../fields.ts'

/** A message's content or a tool's output: text, or a list of typed parts. */
export function decodeParts (item: Fields, name: string): Part[] {
  const content = item.take(name)
  if (content === undefined || content === '') return []
  if (typeof content === 'string') return [{ type: 'text', text: content }]
  return item.objects(name).map(decodePart)
}

function decodePart (fields: Fields): Part {
  const part = decodeKind(fields)
  const breakpoint = fields.object('prompt_cache_breakpoint')
  if (breakpoint === undefined) return part
  breakpoint.take('mode')
  return { ...part, cache: {} }
}

function decodeKind (fields: Fields): Part {
  const type = fields.requiredString('type')
  switch (type) {
    case 'input_text':
    case 'output_text':
    case 'text': return { type: 'text', text: fields.requiredString('text') }
    case 'refusal': return { type, text: fields.requiredString('refusal') }
    case 'input_image': return decodeImage(fields)
    case 'input_file': return decodeFile(fields)
    case 'input_audio': {
      const audio = fields.requiredObject('input_audio')
      return { type: 'audio', data: audio.requiredString('data'), format: audio.string('format') ?? 'wav' }
    }
    default: throw new Untranslatable(fields.at('type'), `Content of type "${type}" is not known to this model's provider.`)
  }
}

function decodeImage (fields: Fields): Part {
  const url = fields.string('image_url')
  const id = fields.string('file_id')
  if (url === undefined && id === undefined) throw fields.wrong('image_url', 'is missing')
  const source: Source = url === undefined ? { type: 'file', id: id ?? '' } : decodeUrl(url, fields.at('image_url'))
  const detail = fields.string('detail')
  return detail === undefined || detail === 'auto' ? { type: 'image', source } : { type: 'image', source, detail }
}

function decodeFile (fields: Fields): Part {
  const name = fields.string('filename')
  return { type: 'document', source: decodeFileSource(fields), ...name !== undefined && { name } }
}

function decodeFileSource (fields: Fields): Source {
  const data = fields.string('file_data')
  if (data !== undefined) return decodeFileData(data, fields.at('file_data'))
  const url = fields.string('file_url')
  if (url !== undefined) return decodeUrl(url, fields.at('file_url'))
  const id = fields.string('file_id')
  if (id === undefined) throw fields.wrong('file_data', 'is missing')
  return { type: 'file', id }
}
