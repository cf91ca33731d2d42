import { isObject } from './json.ts'

/** The parts of a request body, in any dialect, that a model reads. */
const READ = ['system', 'instructions', 'messages', 'input', 'prompt', 'suffix', 'tools', 'functions', 'response_format', 'text', 'output_config']
/** Proofs of earlier reasoning are the provider's own: they are no text to the model. */
const OPAQUE = new Set(['signature', 'encrypted_content'])
/** What a model reads the names of as well, in some other form. */
const SCHEMAS = new Set(['tools', 'functions', 'response_format', 'text', 'output_config'])
/** Words of the wire format: a model reads nothing in their place, or something shorter. */
const FORMAT = new Set(['type', 'role', 'id', 'call_id', 'tool_call_id', 'tool_use_id', 'status'])
/** What is told the provider, not the model. */
const SETTINGS = new Set(['cache_control', 'strict', 'additionalProperties', 'detail'])

/** Characters of English, code and JSON to a token, about. */
const LATIN = 4
/** Characters of other scripts to a token, about. */
const OTHER = 1.5
/** Tokens of a picture, whatever its size: its pixels are not looked at. */
const PICTURE = 1500
/** Base64 characters of another file to a token, about. */
const ENCODED = 40
/** Tokens around a message, about. */
const AROUND = 4
/** Characters that are looked at of a text: the rest is taken to be like them. */
const LOOKED_AT = 64 * 1024

/**
 * Tokens of a request's prompt, estimated without a tokenizer: its texts with the names and values around them, and
 * pictures at a flat rate. Good for a display and a first guess, never for a bill.
 */
export function estimateTokens (request: Record<string, unknown>): number {
  return Math.max(1, Math.ceil(READ.reduce((sum, name) => sum + weigh(request[name]), 0)))
}

/** The same of a text by itself. */
export function estimateText (text: string): number {
  return Math.ceil(weighPlain(text))
}

/** What of a request a tokenizer can count, and tokens for the rest. */
export interface Prompt {
  text: string
  /** Of pictures, files, and what stands around messages. */
  tokens: number
}

export function promptOf (request: Record<string, unknown>): Prompt {
  const texts: string[] = []
  let tokens = AROUND
  const gather = (value: unknown, named: boolean): void => {
    if (typeof value === 'string') {
      if (value.startsWith('data:')) tokens += weighText(value)
      else texts.push(value)
    } else if (typeof value === 'number' || typeof value === 'boolean') {
      texts.push(String(value))
    } else if (Array.isArray(value)) {
      for (const item of value) gather(item, named)
    } else if (isObject(value)) {
      const { media_type: mediaType, data } = value
      if (typeof mediaType === 'string' && typeof data === 'string' && !mediaType.startsWith('text/')) {
        tokens += weighFile(mediaType, data)
        return
      }
      if (value.role !== undefined) tokens += AROUND
      for (const [name, inner] of Object.entries(value)) {
        if (OPAQUE.has(name) || SETTINGS.has(name) || (!named && FORMAT.has(name))) continue
        if (named) texts.push(name)
        gather(inner, named)
      }
    }
  }
  for (const name of READ) gather(request[name], SCHEMAS.has(name))
  return { text: texts.join('\n'), tokens: Math.ceil(tokens) }
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
  return text.startsWith('data:') ? weighFile(text.slice('data:'.length), text) : weighPlain(text)
}

function weighPlain (text: string): number {
  const looked = Math.min(text.length, LOOKED_AT)
  let other = 0
  for (let i = 0; i < looked; i++) {
    if (text.charCodeAt(i) > 0x24f) other++
  }
  const weight = (looked - other) / LATIN + other / OTHER
  return looked === text.length ? weight : weight * text.length / looked
}

function weighFile (mediaType: string, data: string): number {
  return mediaType.startsWith('image/') ? PICTURE : data.length / ENCODED
}
