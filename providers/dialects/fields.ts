import { BadRequest } from './dialect.ts'
import { reportable } from './foreign.ts'
import { isObject } from './json.ts'

/** Values that say nothing beyond leaving the field out, by the field's name as `Fields.extras` reports it. */
export type NoOps = Readonly<Record<string, readonly unknown[]>>

/**
 * Reads a request body field by field and knows in the end which fields nobody read, so that nothing a client says is
 * dropped in silence. `null` reads as absent. Every getter throws {@link BadRequest} naming the field where the value
 * is of another type.
 */
export class Fields {
  readonly #values: Record<string, unknown>
  /** A list: few have more than five fields, and a prompt may have a hundred thousand of these. */
  readonly #unread: string[]
  readonly #noOps: NoOps
  readonly #all: Fields[]
  readonly #parent: Fields | undefined
  readonly #name: string
  readonly #index: number | undefined

  constructor (values: Record<string, unknown>, noOps: NoOps, parent?: Fields, name = '', index?: number) {
    this.#values = values
    this.#unread = Object.keys(values)
    this.#noOps = noOps
    this.#all = parent === undefined ? [] : parent.#all
    this.#parent = parent
    this.#name = name
    this.#index = index
    this.#all.push(this)
  }

  /** Such as `messages[2].content[0]`; empty for the body itself. */
  get path (): string {
    const name = this.#parent?.at(this.#name) ?? ''
    return this.#index === undefined ? name : `${name}[${this.#index}]`
  }

  /** The full name of one of its fields. */
  at (name: string): string {
    const { path } = this
    return path === '' ? name : `${path}.${name}`
  }

  /** Whether the field is there, without reading it. */
  has (name: string): boolean {
    return Object.hasOwn(this.#values, name) && this.#values[name] !== null && this.#values[name] !== undefined
  }

  /** The value, whatever it is. */
  take (name: string): unknown {
    this.#read(name)
    return this.has(name) ? this.#values[name] : undefined
  }

  string (name: string): string | undefined {
    const value = this.take(name)
    if (value === undefined || typeof value === 'string') return value
    throw this.wrong(name, 'must be a string')
  }

  /** @throws {BadRequest} also where it is missing */
  requiredString (name: string): string {
    return this.string(name) ?? this.#missing(name)
  }

  /** The word where it is one of these; any other value stays unread, so that it is reported. */
  word<T extends string> (name: string, known: readonly T[]): T | undefined {
    const word = known.find((word) => word === this.#values[name])
    if (word !== undefined) this.#read(name)
    return word
  }

  number (name: string): number | undefined {
    const value = this.take(name)
    if (value === undefined || typeof value === 'number') return value
    throw this.wrong(name, 'must be a number')
  }

  boolean (name: string): boolean | undefined {
    const value = this.take(name)
    if (value === undefined || typeof value === 'boolean') return value
    throw this.wrong(name, 'must be true or false')
  }

  /** A value taken as it is, such as a JSON Schema. */
  record (name: string): Record<string, unknown> | undefined {
    const value = this.take(name)
    if (value === undefined || isObject(value)) return value
    throw this.wrong(name, 'must be an object')
  }

  object (name: string): Fields | undefined {
    const value = this.record(name)
    return value && new Fields(value, this.#noOps, this, name)
  }

  /** @throws {BadRequest} also where it is missing */
  requiredObject (name: string): Fields {
    return this.object(name) ?? this.#missing(name)
  }

  /** The objects of an array; none where the field is absent. */
  objects (name: string): Fields[] {
    const value = this.take(name)
    if (value === undefined) return []
    if (!Array.isArray(value)) throw this.wrong(name, 'must be an array')
    return value.map((item, i) => {
      if (isObject(item)) return new Fields(item, this.#noOps, this, name, i)
      throw new BadRequest(`${this.at(name)}[${i}]`, `${this.at(name)}[${i}] must be an object.`)
    })
  }

  strings (name: string): string[] {
    const value = this.take(name)
    if (value === undefined) return []
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
    throw this.wrong(name, 'must be an array of strings')
  }

  /** The whole object, for what is carried as it is. */
  all (): Record<string, unknown> {
    this.#unread.length = 0
    return this.#values
  }

  /** The error to throw for a field that is of no use. */
  wrong (name: string, fault: string): BadRequest {
    return new BadRequest(this.at(name), `${this.at(name)} ${fault}.`)
  }

  /** What nobody read, here and below, by name without indexes: `messages[].name`. One value each. */
  extras (): Record<string, unknown> {
    const extras = new Map<string, unknown>()
    for (const fields of this.#all) {
      for (const name of fields.#unread) {
        const report = reportable(fields.at(name).replaceAll(/\[\d+\]/g, '[]'))
        const value = fields.#values[name]
        const noOps = Object.hasOwn(this.#noOps, report) ? this.#noOps[report] : []
        if (!extras.has(report) && !saysNothing(value, noOps)) extras.set(report, value)
      }
    }
    return Object.fromEntries(extras)
  }

  #read (name: string): void {
    const at = this.#unread.indexOf(name)
    if (at !== -1) this.#unread.splice(at, 1)
  }

  #missing (name: string): never {
    throw this.wrong(name, 'is missing')
  }
}

function saysNothing (value: unknown, noOps: readonly unknown[] = []): boolean {
  if (value === null || value === undefined) return true
  if (typeof value === 'object' && Object.keys(value).length === 0) return true
  const text = JSON.stringify(value)
  return noOps.some((noOp) => JSON.stringify(noOp) === text)
}
