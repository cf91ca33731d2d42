import { isUtf8 } from 'node:buffer'
import { collectable } from './collectable.ts'
import { BadJson, scanObject, type Field } from './scan.ts'

/**
 * JSON bodies as bytes. What goes out is the client's own bytes, with a few top-level fields replaced in place. Parsing
 * and stringifying again would round big integers, turn `1.0` into `1` and lose duplicate keys.
 */

/** Bytes of a value that is parsed only when it is asked for: a prompt passes unread. */
const LARGE = 4096

const OPEN_BRACE = 0x7b

/**
 * Where the top-level fields of a body are, once it is known to be one JSON object that all parsers read alike.
 *
 * @param list the field of which to tell the objects with an `id`, where it is a list
 * @throws {BadJson}
 */
export function judgeObject (bytes: Buffer, list?: string): Field[] {
  if (bytes.length === 0) throw new BadJson('The request body is empty: send a JSON object.')
  if (!isUtf8(bytes)) throw new BadJson('The request body is not valid UTF-8.')
  const fields = scanObject(bytes, list)
  const seen = new Set<string>()
  for (const { name } of fields) {
    if (name === '__proto__') throw new BadJson('The request body has a field named "__proto__".')
    if (seen.has(name)) throw new BadJson(`The request body names "${name.slice(0, 64)}" twice.`)
    seen.add(name)
  }
  return fields
}

/**
 * A body's values. Large ones are parsed when they are first read, and again where they are read later and the collector
 * has taken them meanwhile: a prompt has many times its bytes as values, and a reply may take minutes.
 *
 * @param fields where they are
 * @throws {BadJson} where `fields` is left out and the body is no JSON object
 */
export function parseObject (bytes: Buffer, fields: Field[] = judgeObject(bytes)): Record<string, unknown> {
  const large = fields.filter(({ start, end }) => end - start > LARGE)
  const rest = large.length === 0 ? bytes : splice(bytes, Object.fromEntries(large.map(({ name }) => [name, null])), large)
  const values = JSON.parse(rest.toString('utf8')) as Record<string, unknown>
  for (const { name, start, end } of large) {
    const get = collectable(() => JSON.parse(bytes.toString('utf8', start, end)))
    Object.defineProperty(values, name, { get, enumerable: true, configurable: true })
  }
  return values
}

/** The same values with a few replaced or put in. None is parsed for it. */
export function withEdits (values: Record<string, unknown>, edits: Record<string, unknown>): Record<string, unknown> {
  return Object.defineProperties({}, { ...Object.getOwnPropertyDescriptors(values), ...Object.getOwnPropertyDescriptors(edits) })
}

/**
 * Replaces top-level fields of a JSON object, or puts them in, and leaves every other byte as it is.
 *
 * @param fields where those are that it has
 */
export function splice (bytes: Buffer, edits: Record<string, unknown>, fields: readonly Field[] = scanObject(bytes)): Buffer {
  const there = new Set(fields.map(({ name }) => name))
  const added = Object.entries(edits).filter(([name]) => !there.has(name)).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  let from = bytes.indexOf(OPEN_BRACE) + 1
  const pieces = [bytes.subarray(0, from), Buffer.from(added.join(',') + (added.length > 0 && fields.length > 0 ? ',' : ''))]
  for (const { name, start, end } of fields) {
    if (!Object.hasOwn(edits, name)) continue
    pieces.push(bytes.subarray(from, start), Buffer.from(JSON.stringify(edits[name])))
    from = end
  }
  pieces.push(bytes.subarray(from))
  return Buffer.concat(pieces)
}
