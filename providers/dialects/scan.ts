/**
 * The judge of JSON bodies: one pass over the bytes that builds nothing, and finds where the top-level fields are. It
 * takes what `JSON.parse` takes, which for a long prompt would cost several times as much and hold up every other request.
 */

/** A body that is not a JSON object, or one that two parsers could read differently. The message says what to do. */
export class BadJson extends Error {
  override name = 'BadJson'
}

/** Where a value's bytes are. */
export interface Place { start: number, end: number }

/** A top-level field: its name and where its value's bytes are. */
export interface Field extends Place {
  name: string
  /** Of the list that was asked for: its objects that have an `id`, and which of the list's entries each is. */
  identified?: Array<Place & { index: number }>
}

/** Deeper than any real request, shallow enough for every parser behind us. */
const MAX_DEPTH = 512
/** How deep the entries of a top-level list are. */
const ENTRY = 3

const SPACE = 0x20
const QUOTE = 0x22
const BACKSLASH = 0x5c
const OPEN_BRACE = 0x7b
const CLOSE_BRACE = 0x7d
const OPEN_BRACKET = 0x5b
const CLOSE_BRACKET = 0x5d
const COLON = 0x3a
const COMMA = 0x2c
const MINUS = 0x2d
const PLUS = 0x2b
const POINT = 0x2e
const ZERO = 0x30
const LETTER_I = 0x69
/** An upper-case letter with this bit is the lower-case one. */
const LOWER = 0x20

/** Bytes of `"id"` with both letters escaped. */
const LONGEST_ID = '"\\u0069\\u0064"'.length

const LITERALS = new Map([['t', 'true'], ['f', 'false'], ['n', 'null']].map(([first, word]) => [code(first), Buffer.from(word as string)]))
/** How long an escape is, by the byte behind its backslash; 0 for what is none. */
const ESCAPES = table([['"\\/bfnrt', 2], ['u', 6]])
/** 1 for the digits behind `\u`. */
const HEX = table([['0123456789abcdefABCDEF', 1]])

/**
 * The top-level fields of a JSON object, in order.
 *
 * @param bytes valid UTF-8
 * @param list the field of which to tell the objects with an `id`, where it is a list
 * @throws {BadJson}
 */
export function scanObject (bytes: Buffer, list?: string): Field[] {
  return new Scanner(bytes, list).fields()
}

class Scanner {
  readonly #bytes: Buffer
  readonly #words: DataView
  readonly #list: string | undefined
  #at = 0
  /** Whether an object at an entry's depth had an `id`. */
  #hasId = false

  constructor (bytes: Buffer, list?: string) {
    this.#bytes = bytes
    this.#list = list
    this.#words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  fields (): Field[] {
    const fields: Field[] = []
    const first = this.#next()
    if (first === OPEN_BRACE) this.#object(1, fields)
    else this.#value(0)
    if (this.#next() !== undefined) throw invalid()
    if (first !== OPEN_BRACE) throw new BadJson('The request body must be a JSON object.')
    return fields
  }

  /** The byte behind the white space. */
  #next (): number | undefined {
    const bytes = this.#bytes
    let at = this.#at
    let byte = bytes[at]
    if (byte !== undefined && byte > SPACE) return byte
    while (byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at]
    this.#at = at
    return byte
  }

  /** @param identified takes the objects with an `id` of a list */
  #value (depth: number, identified?: Field['identified']): void {
    const first = this.#next()
    if (first === QUOTE) return this.#string()
    if (first === OPEN_BRACE) return this.#object(depth + 1)
    if (first === OPEN_BRACKET) return this.#array(depth + 1, identified)
    const literal = LITERALS.get(first ?? 0)
    if (literal === undefined) return this.#number()
    for (const byte of literal) this.#take(byte)
  }

  /** @param fields takes those of the object */
  #object (depth: number, fields?: Field[]): void {
    if (depth > MAX_DEPTH) throw new BadJson(`The request body is nested deeper than ${MAX_DEPTH} levels.`)
    this.#at++
    if (this.#next() === CLOSE_BRACE) {
      this.#at++
      return
    }
    while (true) {
      if (this.#next() !== QUOTE) throw invalid()
      const nameStart = this.#at
      this.#string()
      const nameEnd = this.#at
      this.#next()
      this.#take(COLON)
      this.#next()
      if (fields === undefined) {
        if (depth === ENTRY) this.#hasId ||= this.#isId(nameStart, nameEnd)
        this.#value(depth)
      } else {
        const field: Field = { name: this.#text(nameStart, nameEnd), start: this.#at, end: 0 }
        fields.push(field)
        if (field.name === this.#list) field.identified = []
        this.#value(depth, field.identified)
        field.end = this.#at
      }
      const behind = this.#next()
      this.#at++
      if (behind === CLOSE_BRACE) return
      if (behind !== COMMA) throw invalid()
    }
  }

  #array (depth: number, identified?: Field['identified']): void {
    if (depth > MAX_DEPTH) throw new BadJson(`The request body is nested deeper than ${MAX_DEPTH} levels.`)
    this.#at++
    if (this.#next() === CLOSE_BRACKET) {
      this.#at++
      return
    }
    for (let index = 0; ; index++) {
      const start = this.#at
      if (identified !== undefined) this.#hasId = false
      this.#value(depth)
      if (this.#hasId) identified?.push({ index, start, end: this.#at })
      const behind = this.#next()
      this.#at++
      if (behind === CLOSE_BRACKET) return
      if (behind !== COMMA) throw invalid()
    }
  }

  #string (): void {
    const bytes = this.#bytes
    let at = this.#at + 1
    while (true) {
      at = this.#plainEnd(at)
      const byte = bytes[at]
      if (byte === QUOTE) break
      const length = byte === BACKSLASH ? ESCAPES[bytes[at + 1] ?? 0] : 0
      if (length === 0) throw invalid()
      if (length === 6 && !(isHex(bytes[at + 2]) && isHex(bytes[at + 3]) && isHex(bytes[at + 4]) && isHex(bytes[at + 5]))) throw invalid()
      at += length as number
    }
    this.#at = at + 1
  }

  /** The index of the first byte of a string that is a quote, a backslash or a control character. Looks at four at a time. */
  #plainEnd (from: number): number {
    const words = this.#words
    const last = words.byteLength - 4
    let at = from
    for (; at <= last; at += 4) {
      const special = specialIn(words.getInt32(at, true))
      if (special !== 0) return at + ((31 - Math.clz32(special & -special)) >> 3)
    }
    const bytes = this.#bytes
    while (isPlain(bytes[at])) at++
    return at
  }

  /** What a string says. */
  #text (start: number, end: number): string {
    return JSON.parse(this.#bytes.toString('utf8', start, end))
  }

  /** Whether a string is `id`, however it is written. */
  #isId (start: number, end: number): boolean {
    const first = this.#bytes[start + 1]
    return (first === LETTER_I || first === BACKSLASH) && end - start <= LONGEST_ID && this.#text(start, end) === 'id'
  }

  #number (): void {
    const bytes = this.#bytes
    if (bytes[this.#at] === MINUS) this.#at++
    if (bytes[this.#at] === ZERO) this.#at++
    else this.#digits()
    if (bytes[this.#at] === POINT) {
      this.#at++
      this.#digits()
    }
    if (((bytes[this.#at] ?? 0) | LOWER) !== code('e')) return
    this.#at++
    const sign = bytes[this.#at]
    if (sign === PLUS || sign === MINUS) this.#at++
    this.#digits()
  }

  #digits (): void {
    const bytes = this.#bytes
    let at = this.#at
    while (isDigit(bytes[at])) at++
    if (at === this.#at) throw invalid()
    this.#at = at
  }

  #take (byte: number): void {
    if (this.#bytes[this.#at] !== byte) throw invalid()
    this.#at++
  }
}

/**
 * Marks the first byte of four, the lowest, that is a quote, a backslash or below 0x20, by its highest bit; 0 where there
 * is none. A byte is below n where subtracting n borrows and it had no highest bit; `^ 0x02` puts the quote right above the
 * control characters, `^ 0x5c` makes a backslash zero.
 */
function specialIn (word: number): number {
  const controls = word ^ 0x02020202
  const backslashes = word ^ 0x5c5c5c5c
  return (((controls - 0x21212121) & ~controls) | ((backslashes - 0x01010101) & ~backslashes)) & 0x80808080
}

function isPlain (byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH
}

function isDigit (byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= 0x39
}

function isHex (byte: number | undefined): boolean {
  return HEX[byte ?? 0] === 1
}

function table (entries: Array<[characters: string, value: number]>): Uint8Array {
  const values = new Uint8Array(256)
  for (const [characters, value] of entries) {
    for (const character of characters) values[code(character)] = value
  }
  return values
}

function code (character = ''): number {
  return character.charCodeAt(0)
}

function invalid (): BadJson {
  return new BadJson('The request body is not valid JSON.')
}
