import { isUtf8 } from 'node:buffer'

/**
 * Forms as bytes (RFC 7578, `multipart/form-data`). They are read only as far as admission needs and go on as they
 * came; what two parsers could read differently is refused, since a field that the gateway overlooks could name
 * another model.
 */

/** A form that is not one, or that two parsers could read differently. The message says what is wrong. */
export class BadForm extends Error {
  override name = 'BadForm'
}

/** One field or file of a form, and where its content's bytes are. */
export interface FormPart {
  name: string
  /** Set on files. */
  filename?: string
  start: number
  end: number
}

/** More than any real form has. */
const MAX_PARTS = 1024
/** Bytes of one part's headers. */
const MAX_HEADERS = 16 * 1024

const CRLF = Buffer.from('\r\n')
const BLANK = Buffer.from('\r\n\r\n')
const DASH = 0x2d

/** The boundary that a content type names; `undefined` where it is no form's, or names none or two. */
export function boundaryOf (contentType: string): string | undefined {
  const [type, ...rest] = contentType.split(';')
  if (type?.trim().toLowerCase() !== 'multipart/form-data') return undefined
  const parameters = parse(rest.join(';'))
  const values = parameters?.filter(([name]) => name === 'boundary').map(([, value]) => value) ?? []
  const [boundary] = values
  // RFC 2046 § 5.1.1: at most 70 characters of these, and no space at the end.
  return values.length === 1 && boundary !== undefined && /^[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]$/.test(boundary) ? boundary : undefined
}

/**
 * The parts of a form, in order.
 * @throws {BadForm}
 */
export function parseForm (bytes: Buffer, contentType: string): FormPart[] {
  const boundary = boundaryOf(contentType)
  if (boundary === undefined) throw new BadForm('The content type of the form names no valid boundary.')
  const delimiter = Buffer.from(`--${boundary}`)
  if (!starts(bytes, 0, delimiter)) throw new BadForm('The form does not begin with its boundary.')
  const parts: FormPart[] = []
  let at = delimiter.length
  while (!isClosing(bytes, at)) {
    if (!starts(bytes, at, CRLF)) throw new BadForm('A boundary of the form is not followed by a line end.')
    if (parts.length === MAX_PARTS) throw new BadForm(`The form has more than ${MAX_PARTS} parts.`)
    const head = at + CRLF.length
    const blank = bytes.indexOf(BLANK, head)
    if (blank === -1 || blank - head > MAX_HEADERS) throw new BadForm('The headers of a part of the form have no end.')
    const start = blank + BLANK.length
    // A boundary that is no line of its own is one to some parsers and content to others.
    const next = bytes.indexOf(delimiter, head)
    if (next === -1) throw new BadForm('The form has no closing boundary.')
    const end = next - CRLF.length
    if (end < start || !starts(bytes, end, CRLF)) throw new BadForm('A boundary of the form does not stand on a line of its own.')
    parts.push({ ...readHeaders(bytes.toString('latin1', head, blank)), start, end })
    at = next + delimiter.length
  }
  const rest = bytes.subarray(at + 2)
  if (rest.length > 0 && !rest.equals(CRLF)) throw new BadForm('The form goes on behind its closing boundary.')
  return parts
}

/**
 * What a form says: texts by name, files as their bytes. Of names given several times the last counts, except those
 * in `once`, which must not be.
 *
 * @throws {BadForm}
 */
export function formFields (bytes: Buffer, parts: readonly FormPart[], once: ReadonlySet<string>): Record<string, unknown> {
  const fields = new Map<string, unknown>()
  for (const { name, filename, start, end } of parts) {
    if (once.has(name) && fields.has(name)) throw new BadForm(`The form names "${name}" twice.`)
    const content = bytes.subarray(start, end)
    if (filename === undefined && !isUtf8(content)) throw new BadForm(`The form's field "${name}" is not valid UTF-8.`)
    fields.set(name, filename === undefined ? content.toString('utf8') : content)
  }
  return Object.fromEntries(fields)
}

/** Replaces the content of fields that are there, and leaves every other byte as it is. */
export function spliceForm (bytes: Buffer, parts: readonly FormPart[], edits: Record<string, string>): Buffer {
  const pieces: Buffer[] = []
  let from = 0
  for (const { name, start, end } of parts) {
    const value = Object.hasOwn(edits, name) ? edits[name] : undefined
    if (value === undefined) continue
    pieces.push(bytes.subarray(from, start), Buffer.from(value))
    from = end
  }
  return Buffer.concat([...pieces, bytes.subarray(from)])
}

function isClosing (bytes: Buffer, at: number): boolean {
  return bytes[at] === DASH && bytes[at + 1] === DASH
}

function starts (bytes: Buffer, at: number, text: Buffer): boolean {
  return at >= 0 && bytes.subarray(at, at + text.length).equals(text)
}

/** The name, and the file's name where it is a file. */
function readHeaders (text: string): Pick<FormPart, 'name' | 'filename'> {
  let found: Pick<FormPart, 'name' | 'filename'> | undefined
  for (const line of text.split('\r\n')) {
    const colon = line.indexOf(':')
    const header = line.slice(0, colon).toLowerCase()
    // Folded lines, bare line ends and spaces before the colon are read differently from parser to parser.
    if (colon < 1 || /[^!-~]/.test(header) || /[\r\n\0]/.test(line)) throw new BadForm('A part of the form has a header that is not valid.')
    const value = line.slice(colon + 1).trim()
    if (header === 'content-disposition') {
      if (found !== undefined) throw new BadForm('A part of the form has two content dispositions.')
      found = readDisposition(value)
    } else if (header === 'content-transfer-encoding' && !/^(7bit|8bit|binary)$/i.test(value)) {
      throw new BadForm('A part of the form is encoded: send its bytes as they are.')
    } else if (header === 'content-type' && /charset/i.test(value) && !/;\s*charset="?(utf-8|us-ascii)"?\s*$/i.test(value)) {
      throw new BadForm('A part of the form is not in UTF-8.')
    }
  }
  if (found === undefined) throw new BadForm('A part of the form has no content disposition.')
  return found
}

function readDisposition (value: string): Pick<FormPart, 'name' | 'filename'> {
  const [kind, ...rest] = value.split(';')
  const parameters = parse(rest.join(';'))
  const of = (wanted: string): string[] => (parameters ?? []).filter(([name]) => name === wanted).map(([, text]) => text)
  const [names, filenames] = [of('name'), of('filename')]
  const known = (parameters ?? []).every(([name]) => name === 'name' || name === 'filename' || name === 'filename*')
  const [name] = names
  if (kind?.trim().toLowerCase() !== 'form-data' || !known || names.length !== 1 || filenames.length > 1 || name === undefined || name.includes('\\')) {
    throw new BadForm('A part of the form has a content disposition that is not valid.')
  }
  const filename = filenames[0] ?? of('filename*')[0]
  const utf8 = Buffer.from(name, 'latin1').toString('utf8')
  return filename === undefined ? { name: utf8 } : { name: utf8, filename: Buffer.from(filename, 'latin1').toString('utf8') }
}

/** `; name=value; name="value"` without the first semicolon, read from left to right; `undefined` where it is not that. */
function parse (text: string): Array<[name: string, value: string]> | undefined {
  const found: Array<[string, string]> = []
  let at = 0
  while (at < text.length) {
    const equals = text.indexOf('=', at)
    const name = text.slice(at, equals).trim().toLowerCase()
    if (equals === -1 || !/^[!-~]+$/.test(name) || name.includes(';')) return text.slice(at).trim() === '' ? found : undefined
    let end = equals + 1
    if (text[end] === '"') {
      end++
      while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
      if (end >= text.length) return undefined
      found.push([name, text.slice(equals + 2, end)])
      end++
    } else {
      while (end < text.length && text[end] !== ';') end++
      const value = text.slice(equals + 1, end).trim()
      if (!/^[!-~]*$/.test(value) || value.includes('"')) return undefined
      found.push([name, value])
    }
    const semicolon = text.indexOf(';', end)
    if (text.slice(end, semicolon === -1 ? undefined : semicolon).trim() !== '') return undefined
    if (semicolon === -1) return found
    at = semicolon + 1
  }
  return found
}
