/**
 * Reading JSON of unknown shape, and JSON that comes out as it went in: a tool's arguments cross between a string of
 * JSON and a JSON value, and a number such as 12345678901234567890 or 1.0 must survive both ways, which `JSON.parse`
 * alone would not grant.
 */

/** The standard's JSON.rawJSON and the reviver's third argument, which TypeScript's library does not list yet. */
const exact = JSON as unknown as {
  parse (text: string, reviver: (key: string, value: unknown, context: { source?: string }) => unknown): unknown
  rawJSON (source: string): unknown
  isRawJSON (value: unknown): value is { rawJSON: string }
}

/**
 * Parses JSON, keeping each number that JavaScript would write differently as raw text. Stringifying gives the same
 * numbers back; nothing else should be done with such a value.
 *
 * @throws {SyntaxError}
 */
export function parseExact (text: string): unknown {
  return exact.parse(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && String(value) !== source ? exact.rawJSON(source) : value)
}

/**
 * A body whose integers beyond what JavaScript holds are kept as raw text, for a request that is translated: they stand
 * in tools' arguments and schemas, which are carried as they are.
 *
 * @param parsed the same body, which is the answer where it has none; what is in it alone stays
 */
export function withLargeIntegers (bytes: Buffer, parsed: Record<string, unknown>): Record<string, unknown> {
  if (!hasLongNumber(bytes)) return parsed
  const whole = exact.parse(bytes.toString('utf8'), (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? exact.rawJSON(source) : value)
  return { ...parsed, ...objectOf(whole) }
}

/** Digits that an unsafe integer has at least. */
const LONG = 16

/** Whether so many digits stand in a row. Strings may have them too. Looks at every sixteenth byte: one of them is among those. */
function hasLongNumber (bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += LONG) {
    if (!isDigit(bytes[at])) continue
    let start = at
    let end = at + 1
    while (isDigit(bytes[start - 1])) start--
    while (isDigit(bytes[end])) end++
    if (end - start >= LONG) return true
  }
  return false
}

function isDigit (byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39
}

/** An object from JSON text; `undefined` for anything else. */
export function parseExactObject (text: string): Record<string, unknown> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined
  try {
    return objectOf(parseExact(text))
  } catch {
    return undefined
  }
}

/** Parsed JSON, or `undefined` where it is none. */
export function parseOrNothing (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export type JsonObject = Record<string, unknown>

/** Whether a parsed JSON value is an object. */
export function isObject (value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value where it is an object, else an empty one: for reading what a provider sent, whatever that is. */
export function objectOf (value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {}
}

/** The objects of an array; none where it is no array. */
export function objectsOf (value: unknown): Array<Record<string, unknown>> {
  return Array.isArray(value) ? value.filter(isObject) : []
}

/** Sets a field of whatever name: one named `__proto__` is only a field, where an assignment would change what the object inherits. */
export function define (target: Record<string, unknown>, name: string, value: unknown): void {
  Object.defineProperty(target, name, { value, enumerable: true, configurable: true, writable: true })
}

/** The fields that can be assigned to another object: all but `__proto__`. */
export function withoutPrototype (fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== '__proto__'))
}

/** The string where it is one and not empty. */
export function textOf (value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A count of tokens, where it is one: providers have sent null, text, negative numbers and 1e308. */
export function countOf (value: unknown): number | undefined {
  const count = exact.isRawJSON(value) ? Number(value.rawJSON) : value
  return typeof count === 'number' && Number.isSafeInteger(count) && count >= 0 ? count : undefined
}
