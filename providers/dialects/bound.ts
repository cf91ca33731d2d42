import type { Bound } from './dialect.ts'
import { isObject, textOf } from './json.ts'

/** Tokens that frame any conversation: marks between turns, a line on the date, a format's instructions. */
const FRAME = 512
/** Tokens of a hidden prompt on how to call tools; the longest that a vendor tells of has 530. */
const CALLING = 1024
/** Tokens around one tool's definition. */
const TOOL = 64
/** Tokens of a tool that the vendor describes and the client runs; the longest that was seen has some 1,350. */
const BUILT_IN = 2048
/** Bytes that sealed text has at least, whatever it says. What is shorter is only a key to text that the provider keeps. */
const SEALED = 100
/** A request that has more of them is refused for the first. */
const MAX_NAMES = 8

/** More than any server makes, and far enough from what a number holds exactly. */
const MAX_ANSWERS = 2 ** 32

/** The tiers at the listed price or below. */
const TIERS: ReadonlySet<unknown> = new Set([undefined, null, 'auto', 'default', 'flex', 'standard', 'standard_only', 'on_demand'])

/** Models that search by themselves, in as many rounds and at such fees as they like. */
const SEARCHING = /(?:^|\/)compound(?:-|$)|:online$|-search-(?:preview|api)|deep-research/

/**
 * Tokens that the prompt has at most, for a body of so many bytes as it goes to the provider: no tokenizer makes more
 * tokens of a text than it has bytes. `undefined` where only the model's context window tells.
 */
export function inputBound (bytes: number, { plain, added }: Bound): number | undefined {
  return plain ? bytes + added : undefined
}

/** What bounds a request that may go in any of these forms. `undefined` where one has no bound. */
export function widest (bounds: Array<Bound | undefined>): Bound | undefined {
  const known = bounds.filter((bound) => bound !== undefined)
  const [first, ...others] = known
  if (first === undefined || known.length < bounds.length) return undefined
  return others.reduce((wide, bound) => {
    const { free: _free, output: _output, cacheWrite: _cacheWrite, ...rest } = wide
    const output = wide.output === undefined || bound.output === undefined ? undefined : Math.max(wide.output, bound.output)
    const cacheWrite = [wide.cacheWrite, bound.cacheWrite].sort().find((write) => write !== undefined)
    return {
      ...rest,
      plain: wide.plain && bound.plain,
      added: Math.max(wide.added, bound.added),
      choices: Math.max(wide.choices, bound.choices),
      generates: wide.generates || bound.generates,
      unbounded: [...new Set([...wide.unbounded, ...bound.unbounded])],
      ...output !== undefined && { output },
      // '1h' is before '5m', and dearer.
      ...cacheWrite !== undefined && { cacheWrite },
      ...wide.free === true && bound.free === true && { free: true }
    }
  }, first)
}

/** Collects what bounds a request, and what does not, while its body is walked through. */
export class Tally {
  readonly bound: Bound = { plain: true, added: FRAME, choices: 1, generates: true, unbounded: [] }
  #calls = false

  /** Something costs by no known rate, or without bound. */
  refuse (name: string): void {
    const { unbounded } = this.bound
    if (unbounded.length < MAX_NAMES) unbounded.push(name.length > 128 ? `${name.slice(0, 127)}…` : name)
  }

  /** The same of whichever of these fields says anything. */
  refuseFields (body: Record<string, unknown>, names: readonly string[]): void {
    for (const name of names) {
      if (says(body[name])) this.refuse(name)
    }
  }

  /** The model reads something that is no text of the body. */
  hide (): void {
    this.bound.plain = false
  }

  /** Text that only the provider can read, which is no shorter than it was unless it is not in there. @param open whether the same text is there to be read */
  seal (sealed: unknown, open: boolean): void {
    if (!open && (typeof sealed !== 'string' || sealed.length < SEALED)) this.hide()
  }

  /** A tool that the client describes. */
  tool (): void {
    this.#add(TOOL)
  }

  /** A tool that the vendor describes and the client runs. */
  builtIn (): void {
    this.#add(BUILT_IN)
  }

  /** Parts of the prompt may be written to a cache. */
  cacheWrite (ttl: '5m' | '1h'): void {
    if (this.bound.cacheWrite !== '1h') this.bound.cacheWrite = ttl
  }

  /** A prompt-cache breakpoint, where there is one: for five minutes unless it says otherwise. */
  breakpoint (control: unknown): void {
    if (isObject(control)) this.cacheWrite(control.ttl === undefined || control.ttl === null || control.ttl === '5m' ? '5m' : '1h')
  }

  model (model: unknown): void {
    if (typeof model === 'string' && SEARCHING.test(model)) this.refuse('model')
  }

  serviceTier (tier: unknown): void {
    if (!TIERS.has(tier)) this.refuse('service_tier')
  }

  /** @param tokens none where it is `undefined` */
  output (tokens: number | undefined): void {
    if (tokens !== undefined) this.bound.output = tokens
  }

  /**
   * Content: text, or a list of typed parts.
   *
   * @param text the types of parts that are text
   */
  content (content: unknown, path: string, text: ReadonlySet<string>): void {
    if (content === undefined || content === null || typeof content === 'string') return
    if (!Array.isArray(content)) return this.hide()
    for (const [i, part] of content.entries()) {
      if (!isObject(part)) continue
      this.breakpoint(part.cache_control)
      const type = textOf(part.type) ?? (typeof part.text === 'string' ? 'text' : '')
      if (text.has(type)) continue
      this.hide()
      // Its tokens have a rate of their own, which is not known of every model.
      if (type.includes('audio')) this.refuse(`${path}[${i}] (${type})`)
    }
  }

  #add (tokens: number): void {
    this.bound.added += this.#calls ? tokens : tokens + CALLING
    this.#calls = true
  }
}

/** Whether there is a prompt-cache breakpoint anywhere below, and the longest. Not recursive: a body may be deep. */
export function breakpoints (tally: Tally, value: unknown): void {
  const open: unknown[] = [value]
  while (open.length > 0) {
    const inner = open.pop()
    if (isObject(inner)) tally.breakpoint(inner.cache_control)
    if (typeof inner !== 'object' || inner === null) continue
    for (const value of Object.values(inner)) open.push(value)
  }
}

/** Whether a field asks for anything: an empty object may, an empty list or `false` does not. */
export function says (value: unknown): boolean {
  return value !== undefined && value !== null && value !== false && !(Array.isArray(value) && value.length === 0)
}

/** A cap on an answer. Servers take 0 and -1 for none. */
export function capOf (value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined
}

/** How many answers are made, by the fields that say so. Servers read the number in a string too; the largest is finite. */
export function answersOf (...fields: unknown[]): number {
  const counts = fields.map((field) => typeof field === 'number' || typeof field === 'string' ? Math.ceil(Number(field)) : 1)
  return Math.min(MAX_ANSWERS, Math.max(1, ...counts.filter((count) => !Number.isNaN(count))))
}

/** The objects of a list, each with its index. */
export function entriesOf (list: unknown): Array<[number, Record<string, unknown>]> {
  const entries: Array<[number, Record<string, unknown>]> = []
  if (!Array.isArray(list)) return entries
  for (let i = 0; i < list.length; i++) {
    if (isObject(list[i])) entries.push([i, list[i]])
  }
  return entries
}
