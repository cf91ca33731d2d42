import { isUtf8 } from 'node:buffer'

/**
 * JSON bodies as bytes. `JSON.parse` judges a body and reads it; what goes out is the client's own bytes, with a few
 * top-level fields replaced in place. Parsing and stringifying again would round big integers, turn `1.0` into `1`
 * and lose duplicate keys.
 */

/** Deeper than any real request, shallow enough for every parser behind us. */
const MAX_DEPTH = 512

const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COLON = 0x3a
const COMMA = 0x2c

/** A body that is not a JSON object, or one that two parsers could read differently. The message says what to do. */
export class BadJson extends Error {
  override name = 'BadJson'
}

/** A top-level field: its name and where its value's bytes are. */
export interface Field { name: string, start: number, end: number }

/** @throws {BadJson} */
export function parseObject (bytes: Buffer): Record<string, unknown> {
  if (bytes.length === 0) throw new BadJson('The request body is empty: send a JSON object.')
  if (!isUtf8(bytes)) throw new BadJson('The request body is not valid UTF-8.')
  if (depth(bytes) > MAX_DEPTH) throw new BadJson(`The request body is nested deeper than ${MAX_DEPTH} levels.`)
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw new BadJson('The request body is not valid JSON.')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BadJson('The request body must be a JSON object.')
  const seen = new Set<string>()
  for (const { name } of topLevelFields(bytes)) {
    if (name === '__proto__') throw new BadJson('The request body has a field named "__proto__".')
    if (seen.has(name)) throw new BadJson(`The request body names "${name.slice(0, 64)}" twice.`)
    seen.add(name)
  }
  return value as Record<string, unknown>
}

/** Replaces top-level fields of a JSON object, or puts them in, and leaves every other byte as it is. */
export function splice (bytes: Buffer, edits: Record<string, unknown>): Buffer {
  const pieces: Buffer[] = []
  const missing = new Map(Object.entries(edits))
  let from = 0
  for (const { name, start, end } of topLevelFields(bytes)) {
    if (!missing.has(name)) continue
    pieces.push(bytes.subarray(from, start), Buffer.from(JSON.stringify(missing.get(name))))
    missing.delete(name)
    from = end
  }
  if (missing.size > 0) {
    const open = bytes.indexOf(OPEN_BRACE) + 1
    const rest = [...missing].map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')
    const empty = skipSpace(bytes, open)
    const insert = Buffer.from(bytes[empty] === CLOSE_BRACE ? rest : `${rest},`)
    if (from === 0) pieces.push(bytes.subarray(0, open), insert, bytes.subarray(open))
    else {
      // `open` lies before the first edit, so it is inside the first piece.
      const first = pieces[0] as Buffer
      pieces.splice(0, 1, first.subarray(0, open), insert, first.subarray(open))
      pieces.push(bytes.subarray(from))
    }
  } else {
    pieces.push(bytes.subarray(from))
  }
  return Buffer.concat(pieces)
}

/** The top-level fields of valid JSON, in order. Hops over strings, so long prompts cost little. */
export function topLevelFields (bytes: Buffer): Field[] {
  const fields: Field[] = []
  let at = skipSpace(bytes, bytes.indexOf(OPEN_BRACE) + 1)
  while (at < bytes.length && bytes[at] === QUOTE) {
    const nameEnd = stringEnd(bytes, at)
    const name = JSON.parse(bytes.toString('utf8', at, nameEnd)) as string
    const start = skipSpace(bytes, bytes.indexOf(COLON, nameEnd) + 1)
    const end = valueEnd(bytes, start)
    fields.push({ name, start, end })
    at = skipSpace(bytes, end)
    if (bytes[at] === COMMA) at = skipSpace(bytes, at + 1)
  }
  return fields
}

function skipSpace (bytes: Buffer, at: number): number {
  while (bytes[at] === 0x20 || bytes[at] === 0x0a || bytes[at] === 0x0d || bytes[at] === 0x09) at++
  return at
}

/** The index behind the string that begins at `at`; the length where it does not end. */
function stringEnd (bytes: Buffer, at: number): number {
  let quote = at
  while (true) {
    quote = bytes.indexOf(QUOTE, quote + 1)
    if (quote === -1) return bytes.length
    let slashes = 0
    while (bytes[quote - 1 - slashes] === BACKSLASH) slashes++
    if (slashes % 2 === 0) return quote + 1
  }
}

function valueEnd (bytes: Buffer, at: number): number {
  const first = bytes[at]
  if (first === QUOTE) return stringEnd(bytes, at)
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    while (at < bytes.length && bytes[at] !== COMMA && bytes[at] !== CLOSE_BRACE && skipSpace(bytes, at) === at) at++
    return at
  }
  let open = 0
  while (at < bytes.length) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = stringEnd(bytes, at)
      continue
    }
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) open++
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) open--
    at++
    if (open === 0) return at
  }
  return at
}

/** How deep objects and arrays nest, brackets inside strings not counted. Stops at the limit. */
function depth (bytes: Buffer): number {
  let open = 0
  let deepest = 0
  for (let at = 0; at < bytes.length && deepest <= MAX_DEPTH; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) at = stringEnd(bytes, at) - 1
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) deepest = Math.max(deepest, ++open)
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) open--
  }
  return deepest
}
