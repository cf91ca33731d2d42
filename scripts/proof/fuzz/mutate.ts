/** Ways to spoil bytes and JSON. All chance comes from the generator that is handed in. */
export type Random = (below: number) => number

export function pick<T> (random: Random, list: readonly T[]): T {
  return list[random(list.length)] as T
}

const MARKS = ['\n', '\r\n', '\r', '\n\n', '\0', '\uFEFF', '{', '}', '[', ']', '"', '\\', ',', ':', 'null', 'data: ', 'data:{}\n\n', 'event: error\n', 'data: [DONE]\n\n', ': note\n\n', '0\r\n\r\n', '\uD83D\uDE00', '\u2028', 'e999', '-']

/** Cuts, flips, doubles, drops, puts in, splices in of others, draws out. */
export function spoilBytes (random: Random, bytes: Buffer, others: readonly Buffer[], times = 1 + random(4)): Buffer {
  let spoilt = bytes
  for (let i = 0; i < times; i++) spoilt = spoilOnce(random, spoilt, others)
  return spoilt
}

function spoilOnce (random: Random, bytes: Buffer, others: readonly Buffer[]): Buffer {
  const at = random(bytes.length + 1)
  const end = Math.min(bytes.length, at + 1 + random(random(4) === 0 ? 400 : 12))
  const put = (text: Buffer): Buffer => Buffer.concat([bytes.subarray(0, at), text, bytes.subarray(random(3) === 0 ? end : at)])
  switch (random(10)) {
    case 0: return bytes.subarray(0, at)
    case 1: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at] = (copy[at] ?? 0) ^ (1 << random(8))
      return copy
    }
    case 2: return put(Buffer.from(Array.from({ length: 1 + random(8) }, () => random(256))))
    case 3: return put(bytes.subarray(at, end))
    case 4: return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)])
    case 5: {
      const other = pick(random, others)
      const from = random(other.length + 1)
      return put(other.subarray(from, from + random(300)))
    }
    case 6: return put(Buffer.from(pick(random, ['A', ' ', '[', '{"a":', '\n', '\\']).repeat(random(12) === 0 ? 400_000 : random(4000))))
    case 7: return moveEvent(random, bytes)
    default: return put(Buffer.from(pick(random, MARKS)))
  }
}

/** Drops, doubles or moves one event of a stream. */
function moveEvent (random: Random, bytes: Buffer): Buffer {
  const events = bytes.toString('latin1').split(/(?<=\n\n)/)
  const [event = ''] = events.splice(random(events.length), 1)
  for (let i = random(3); i > 0; i--) events.splice(random(events.length + 1), 0, event)
  return Buffer.from(events.join(''), 'latin1')
}

const STRANGE: readonly unknown[] = [
  null, true, false, 0, -1, 1.5, 1e308, -0, 2 ** 53, 1e21, '', 'x', 'null', '\0', '\uD800', '\uFEFFbom', 'é'.repeat(300), 'data: x\n\n', [], [[]], [null], [1, 'a', {}], {}, { a: {} },
  { type: 'text' }, { type: 'text', text: 'x' }, { type: null }, { type: 'unknown_thing' }, { length: 1 }, JSON.parse('{"__proto__":{"x":1}}'), { toString: 1 }, { constructor: {} }
]

/** A JSON value with one to three places of it changed. */
export function spoilJson (random: Random, value: unknown, others: readonly unknown[] = []): unknown {
  const copy: unknown = structuredClone(value)
  for (let i = 1 + random(3); i > 0; i--) spoilPlace(random, copy, others)
  return copy
}

function spoilPlace (random: Random, root: unknown, others: readonly unknown[]): void {
  const places = placesOf(root)
  if (places.length === 0) return
  const { holder, name } = pick(random, places)
  switch (random(6)) {
    case 0:
      if (Array.isArray(holder)) holder.splice(Number(name), 1)
      else delete holder[name]
      break
    case 1:
      set(holder, name, random(4) === 0 ? DEEP : nested(random, 2 + random(40)))
      break
    case 2: {
      const other = pick(random, places)
      set(holder, name, structuredClone(other.holder[other.name]))
      break
    }
    case 3: {
      const theirs = others.length === 0 ? [] : placesOf(pick(random, others))
      const other = theirs.length === 0 ? undefined : pick(random, theirs)
      set(holder, other?.name ?? name, other === undefined ? null : structuredClone(other.holder[other.name]))
      break
    }
    default: set(holder, name, structuredClone(pick(random, STRANGE)))
  }
}

type Holder = Record<string, unknown>

function set (holder: Holder, name: string, value: unknown): void {
  if (Array.isArray(holder) && !/^\d+$/.test(name)) holder.push(value)
  else if (name !== '__proto__') holder[name] = value
}

function placesOf (value: unknown, found: Array<{ holder: Holder, name: string }> = []): Array<{ holder: Holder, name: string }> {
  if (typeof value !== 'object' || value === null) return found
  for (const [name, inner] of Object.entries(value)) {
    found.push({ holder: value as Holder, name })
    if (found.length < 2000) placesOf(inner, found)
  }
  return found
}

function nested (random: Random, depth: number): unknown {
  let value: unknown = 1
  const list = random(2) === 0
  for (let i = 0; i < depth; i++) value = list ? [value] : { a: value }
  return value
}

/** Stands for what is too deep to be worked with. */
const DEEP = '@deep@'

/** As JSON. */
export function written (random: Random, value: unknown, indent = 0): Buffer {
  const depth = random(30_000)
  const [open, close] = pick(random, [['[', ']'], ['{"a":', '}']] as const)
  return Buffer.from((JSON.stringify(value, null, indent) ?? 'null').replaceAll(`"${DEEP}"`, () => open.repeat(depth) + '1' + close.repeat(depth)))
}

/** The bytes in pieces, cut anywhere. */
export function pieces (random: Random, bytes: Buffer): Buffer[] {
  if (random(2) === 0 || bytes.length > 100_000) return [bytes]
  const cuts = Array.from({ length: 1 + random(6) }, () => random(bytes.length + 1)).sort((a, b) => a - b)
  return [...cuts, bytes.length].map((cut, i) => bytes.subarray(cuts[i - 1] ?? 0, cut)).filter(({ length }) => length > 0)
}
