import type { Body } from './body.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a

/** How a text begins that may be a file's id. */
const BEGINNING = Buffer.from('"file')
const FILE_ID = /^file[-_][\w-]+$/
/** What was made by chance has a digit, or more letters in a row than a word. */
const MADE = /\d|[A-Za-z]{16}/
/** How an escape begins whose character may be one of such an id. */
const ESCAPE = Buffer.from('\\u00')
const ID_CHARACTER = /^[\w-]$/

/**
 * Every text of a JSON body that may be a file's id, however deep. Prompts are long and name few: they are found in the
 * bytes, and the body is parsed only where it may spell one with escapes.
 */
export function fileIds ({ bytes, fields, type }: Body): Iterable<string> {
  if (type !== 'application/json') return []
  return maySpell(bytes) ? parsedIds(fields) : spelledIds(bytes)
}

/** Whether such a text is an id that a provider made, and no name of a field, such as `file_path` in the schema of a tool. */
export function isMade (id: string): boolean {
  return MADE.test(id)
}

function * spelledIds (bytes: Buffer): Iterable<string> {
  for (let start = bytes.indexOf(BEGINNING); start !== -1; start = bytes.indexOf(BEGINNING, start + 1)) {
    // A quote inside a text, or the end of one.
    if (bytes[start - 1] === BACKSLASH) continue
    const end = bytes.indexOf(QUOTE, start + BEGINNING.length)
    const id = bytes.toString('latin1', start + 1, end)
    if (FILE_ID.test(id) && !isName(bytes, end + 1)) yield id
  }
}

/** Whether what ended here was the name of a field. */
function isName (bytes: Buffer, behind: number): boolean {
  let at = behind
  while (isSpace(bytes[at])) at++
  return bytes[at] === COLON
}

function isSpace (byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

/** Whether an escape stands for a character of an id. Those of real prompts stand for control characters and `<`. */
function maySpell (bytes: Buffer): boolean {
  for (let at = bytes.indexOf(ESCAPE); at !== -1; at = bytes.indexOf(ESCAPE, at + 1)) {
    const code = parseInt(bytes.toString('latin1', at + ESCAPE.length, at + ESCAPE.length + 2), 16)
    if (ID_CHARACTER.test(String.fromCharCode(code))) return true
  }
  return false
}

/** Not recursive: a body may be as deep as its judge lets it. */
function * parsedIds (body: unknown): Iterable<string> {
  const open: unknown[] = [body]
  while (open.length > 0) {
    const value = open.pop()
    if (typeof value === 'string') {
      if (FILE_ID.test(value)) yield value
    } else if (typeof value === 'object' && value !== null) {
      for (const inner of Object.values(value)) open.push(inner)
    }
  }
}
