import type { Source } from './conversation.ts'
import { Untranslatable } from './dialect.ts'

/** A `data:` URL (RFC 2397) or one that the provider is to fetch. */
export function decodeUrl (url: string, at: string): Source {
  if (/^https?:/i.test(url)) return { type: 'url', url }
  const match = /^data:([^;,]*)((?:;[^;,]*)*),/i.exec(url)
  if (match === null) throw new Untranslatable(at, `${at} must be an http, https or data URL.`)
  const [head, mediaType = '', parameters = ''] = match
  const payload = url.slice(head.length)
  const isBase64 = /;base64$/i.test(parameters)
  if (isBase64 && !mediaType.startsWith('text/')) return { type: 'base64', mediaType: mediaType.toLowerCase() || 'text/plain', data: payload }
  const text = isBase64 ? Buffer.from(payload, 'base64').toString('utf8') : unescape(payload, at)
  return { type: 'text', text }
}

/** A file's data as clients send it: a `data:` URL, or the bare base64 of a PDF. */
export function decodeFileData (data: string, at: string): Source {
  return data.includes(':') ? decodeUrl(data, at) : { type: 'base64', mediaType: 'application/pdf', data }
}

/** @throws {Untranslatable} where the source is neither an address nor bytes */
export function encodeUrl (source: Source, name: string): string {
  if (source.type === 'url') return source.url
  if (source.type === 'base64') return `data:${source.mediaType};base64,${source.data}`
  throw new Untranslatable(name, source.type === 'file'
    ? 'A file lives with the provider it was uploaded to: send its content.'
    : 'An image must be given by URL or as base64.')
}

function unescape (payload: string, at: string): string {
  try {
    return decodeURIComponent(payload)
  } catch {
    throw new Untranslatable(at, `${at} is not a valid data URL.`)
  }
}
