import { isObject } from './json.ts'

/** The parts of a request body, in any dialect, that a model reads. */
const READ = ['system', 'instructions', 'messages', 'input', 'tools', 'functions', 'response_format', 'text', 'output_config']
/** Proofs of earlier reasoning are the provider's own: they are no text to the model. */
const OPAQUE = new Set(['signature', 'encrypted_content'])

/** Characters of English, code and JSON to a token, about. */
const LATIN = 4
/** Characters of other scripts to a token, about. */
const OTHER = 1.5
/** Tokens of a picture, whatever its size: its pixels are not looked at. */
const PICTURE = 1500
/** Base64 characters of another file to a token, about. */
const ENCODED = 40

/**
 * Tokens of a request's prompt, estimated without a tokenizer: its texts with the names and values around them, and
 * pictures at a flat rate. Good for a display and a first guess, never for a bill.
 */
export function estimateTokens (request: Record<string, unknown>): number {
  return Math.max(1, Math.ceil(READ.reduce((sum, name) => sum + weigh(request[name]), 0)))
}

function weigh (value: unknown): number {
  if (typeof value === 'string') return weighText(value)
  if (typeof value === 'number' || typeof value === 'boolean') return 1
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + weigh(item), 0)
  if (!isObject(value)) return 0
  const { media_type: mediaType, data } = value
  if (typeof mediaType === 'string' && typeof data === 'string') return mediaType.startsWith('text/') ? weighText(data) : weighFile(mediaType, data)
  let sum = 0
  for (const [name, inner] of Object.entries(value)) {
    if (!OPAQUE.has(name)) sum += name.length / LATIN + weigh(inner)
  }
  return sum
}

function weighText (text: string): number {
  if (text.startsWith('data:')) return weighFile(text.slice('data:'.length), text)
  let other = 0
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x24f) other++
  }
  return (text.length - other) / LATIN + other / OTHER
}

function weighFile (mediaType: string, data: string): number {
  return mediaType.startsWith('image/') ? PICTURE : data.length / ENCODED
}
