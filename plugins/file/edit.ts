import { scanObject, type Field } from '../../providers/dialects/scan.ts'

/**
 * Sets one field of valid JSON, and leaves every other byte as it is. What is put in is laid out as what stands beside it.
 * @param path the names of the objects around the field, which are there, and its own
 */
export function setField (bytes: Buffer, path: readonly string[], value: unknown): Buffer {
  const name = path.at(-1) ?? ''
  const { open, fields } = objectAt(bytes, path.slice(0, -1))
  const layout = layoutOf(bytes, open, fields)
  const there = fields.find((field) => field.name === name)
  if (there !== undefined) return insert(bytes, open + there.start, open + there.end, layout.format(value))
  const last = fields.at(-1)
  const text = `${JSON.stringify(name)}: ${layout.format(value)}`
  if (last !== undefined) return insert(bytes, open + last.end, open + last.end, `,${layout.between}${text}`)
  return insert(bytes, open + 1, bytes.indexOf('}', open), `${layout.between}${text}${layout.end}`)
}

/** Takes one field out of valid JSON, and leaves every other byte as it is. @param path as of `setField` */
export function dropField (bytes: Buffer, path: readonly string[]): Buffer {
  const { open, fields } = objectAt(bytes, path.slice(0, -1))
  const at = fields.findIndex(({ name }) => name === path.at(-1))
  const [before, field, next] = [fields[at - 1], fields[at], fields[at + 1]]
  if (field === undefined) return bytes
  if (before !== undefined) return insert(bytes, open + before.end, open + field.end, '')
  // Its name is the first text behind the brace, and the next one's the first behind the comma.
  const end = next === undefined ? open + field.end : bytes.indexOf('"', open + field.end)
  return insert(bytes, next === undefined ? open + 1 : bytes.indexOf('"', open), end, '')
}

/** Where an object begins that lies so far within others, and what it has. */
function objectAt (bytes: Buffer, path: readonly string[]): { open: number, fields: Field[] } {
  let open = bytes.indexOf('{')
  let close = bytes.length
  for (const name of path) {
    const field = scanObject(bytes.subarray(open, close)).find((field) => field.name === name)
    if (field === undefined) throw new Error('there is no such object')
    close = open + field.end
    open += field.start
  }
  return { open, fields: scanObject(bytes.subarray(open, close)) }
}

interface Layout {
  /** What stands before a field, behind the comma. */
  between: string
  /** What stands before the brace that ends the object. */
  end: string
  format: (value: unknown) => string
}

function layoutOf (bytes: Buffer, open: number, fields: Field[]): Layout {
  const newline = bytes.includes('\r\n') ? '\r\n' : '\n'
  const outer = indentAt(bytes, open)
  const last = fields.at(-1)
  if (last === undefined) {
    const unit = outer.startsWith('\t') ? '\t' : '  '
    return { between: newline + outer + unit, end: newline + outer, format: (value) => pretty(value, unit, outer + unit, newline) }
  }
  const [start, end] = [open + last.start, open + last.end]
  if (!bytes.subarray(open, start).includes('\n')) return { between: ' ', end: '', format: flat }
  const inner = indentAt(bytes, start)
  const unit = inner.startsWith(outer) && inner !== outer ? inner.slice(outer.length) : '  '
  const flatBefore = bytes[start] === 0x7b && !bytes.subarray(start, end).includes('\n')
  return { between: newline + inner, end: newline + outer, format: flatBefore ? flat : (value) => pretty(value, unit, inner, newline) }
}

/** The blanks that begin the line of a place. */
function indentAt (bytes: Buffer, at: number): string {
  const line = bytes.toString('utf8', bytes.lastIndexOf('\n', at) + 1, at)
  return /^[ \t]*/.exec(line)?.[0] ?? ''
}

function pretty (value: unknown, unit: string, indent: string, newline: string): string {
  return JSON.stringify(value, null, unit).replaceAll('\n', newline + indent)
}

/** On one line, with the blanks that people put. */
function flat (value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flat).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const fields = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}: ${flat(inner)}`)
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`
}

function insert (bytes: Buffer, from: number, to: number, text: string): Buffer {
  return Buffer.concat([bytes.subarray(0, from), Buffer.from(text), bytes.subarray(to)])
}
