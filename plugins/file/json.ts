import { isUtf8 } from 'node:buffer'
import { parseOrNothing } from '../../providers/dialects/json.ts'
import { atOnce, type Work } from '../slices.ts'
import { FileFault } from './fault.ts'

/** A text that is not JSON (RFC 8259), or that two parsers could read differently. Quotes nothing of the text but a sign. */
export class JsonFault extends FileFault {
  override name = 'JsonFault'
}

const DEEPEST = 32

const space = /[ \t\r\n]*/y
// eslint-disable-next-line no-control-regex -- JSON strings hold no raw control characters.
const unclosed = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y
const string = new RegExp(`${unclosed.source}"`, 'y')
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y

export interface Parsed {
  value: unknown
  /** The lines of the fields of its fields, by name. Looked up only here: no good file needs them. */
  lines (): ReadonlyMap<string, number>
}

/**
 * Parses JSON and refuses duplicate fields, of which `JSON.parse` keeps the last without a word: then the text has more
 * fields than the value. What is wrong is found by a scanner of our own, because the messages of `JSON.parse` quote the
 * text, and this text may hold real keys.
 *
 * @param entry what a field of a field is called in messages, by the name of that field
 * @throws {JsonFault} with line and column
 */
export function parseJson (bytes: Buffer, entry?: (field: string) => string): Parsed {
  return atOnce(parsingJson(bytes, entry))
}

/** The same in steps of about the same length. */
export function * parsingJson (bytes: Buffer, entry: (field: string) => string = () => 'field'): Work<Parsed> {
  if (!isUtf8(bytes)) throw new JsonFault('it is not UTF-8')
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '')
  yield
  const value = parseOrNothing(text)
  yield
  const fields = fieldsIn(value)
  yield
  if (value === undefined || fields !== colonsIn(bytes)) scan(text, entry)
  return { value, lines: () => scan(text, entry) }
}

/** How many fields all its objects have together; more than there can be where it is nested too deeply. */
function fieldsIn (value: unknown, depth = 0): number {
  if (depth > DEEPEST) return Infinity
  if (typeof value !== 'object' || value === null) return 0
  const inner: unknown[] = Object.values(value)
  let count = Array.isArray(value) ? 0 : inner.length
  for (const each of inner) count += fieldsIn(each, depth + 1)
  return count
}

/** As many as the text of valid JSON has fields. */
function colonsIn (bytes: Buffer): number {
  let count = 0
  let quoted = false
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) quoted = !quoted
    else if (quoted && byte === BACKSLASH) at++
    else if (!quoted && byte === COLON) count++
  }
  return count
}

const QUOTE = 0x22
const COLON = 0x3a
const BACKSLASH = 0x5c

/** @returns lines, as `Parsed` has them. @throws {JsonFault} */
function scan (text: string, entry: (field: string) => string): Map<string, number> {
  const lines = new Map<string, number>()
  let at = 0
  let line = 1
  let lineStart = 0

  const place = (offset: number): string => `line ${line}, column ${offset - lineStart + 1}`
  const skipSpace = (): void => {
    space.lastIndex = at
    const end = at + (space.exec(text)?.[0].length ?? 0)
    for (; at < end; at++) {
      if (text[at] !== '\n') continue
      line++
      lineStart = at + 1
    }
  }
  const fail = (expected: string): never => {
    throw new JsonFault(`it is not valid JSON: ${at < text.length ? `see ${place(at)}, ${whatIsAt(text, at, expected)}` : 'it ends too early'}`)
  }
  const take = (pattern: RegExp, expected: string): string => {
    pattern.lastIndex = at
    const [found] = pattern.exec(text) ?? fail(expected)
    at += found.length
    return found
  }
  const next = (character: string): boolean => {
    skipSpace()
    if (text[at] !== character) return false
    at++
    skipSpace()
    return true
  }
  const members = (end: string, member: () => void): void => {
    if (next(end)) return
    do member()
    while (next(','))
    if (!next(end)) fail(`a comma or "${end}"`)
  }
  const one = (depth: number, field = ''): void => {
    if (depth > DEEPEST) throw new JsonFault(`it is nested too deeply: see ${place(at)}`)
    if (next('[')) return members(']', () => one(depth + 1))
    if (!next('{')) {
      take(text[at] === '"' ? string : scalar, 'a value')
      return
    }
    const seen = new Set<string>()
    members('}', () => {
      const where = place(at)
      const name = String(JSON.parse(take(string, 'a name')))
      if (seen.has(name)) throw new JsonFault(`the same ${depth === 1 ? entry(field) : 'field'} is there twice: see ${where}`)
      seen.add(name)
      if (depth === 1) lines.set(name, line)
      if (!next(':')) fail('a colon')
      one(depth + 1, name)
    })
  }

  skipSpace()
  if (at === text.length) throw new JsonFault('it is empty')
  one(0)
  skipSpace()
  if (at < text.length) fail('the end')
  return lines
}

/**
 * What is wrong where the scanner stopped. It may have stopped in a key that stands without quotes, so that letters and
 * digits are not told; a sign is, since a single one gives nothing away.
 */
function whatIsAt (text: string, at: number, expected: string): string {
  const found = String.fromCodePoint(text.codePointAt(at) ?? 0)
  if (/^(?:\/[/*]|#)/.test(text.slice(at, at + 2))) return 'a comment: JSON has none'
  if (found === '"' && (expected === 'a name' || expected === 'a value')) return unclosedAt(text, at)
  if (/['`\u2018-\u201f]/.test(found)) return 'a quotation mark that is not "'
  if ((found === '}' || found === ']') && text.slice(0, at).trimEnd().endsWith(',')) return `"${found}" behind a comma: the last entry has none`
  if (/[\p{L}\p{N}\p{M}]/u.test(found)) return `where ${expected} must be${/^a (?:name|value)$/.test(expected) ? ', texts and names in double quotes' : ''}`
  const shown = /^[!-~]$/.test(found) ? `"${found}"` : `the character U+${found.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}`
  return `${found === '"' ? 'a double quote' : shown} where ${expected} must be`
}

/** Of a text in quotes that is none. */
function unclosedAt (text: string, at: number): string {
  unclosed.lastIndex = at
  const end = text[at + (unclosed.exec(text)?.[0].length ?? 0)]
  if (end === '\\') return 'a text with a backslash that must be doubled'
  return end === undefined || end === '\n' || end === '\r' ? 'a text whose closing quote is missing' : 'a text with a control character in it, such as a tab'
}
