import { isUtf8 } from 'node:buffer'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { BadJson, scanObject } from '../../../providers/dialects/scan.ts'

let seed = 11
const random = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below
const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T

/** What is wrong with the scanner's answer on a text, by `JSON.parse`; `undefined`: nothing. */
function fault (bytes: Buffer): string | undefined {
  let value: object | undefined
  let valid = true
  if (!isUtf8(bytes)) return undefined
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    valid = false
  }
  const object = valid && /^\s*\{/.test(bytes.toString())
  let fields
  try {
    fields = scanObject(bytes)
  } catch (error) {
    if (!(error instanceof BadJson)) return String(error)
    if (object) return `refused: ${bytes.toString()}`
    return /must be a JSON object/.test(error.message) === valid ? undefined : `${error.message}: ${bytes.toString()}`
  }
  if (!object) return `taken: ${bytes.toString()}`
  const read = Object.fromEntries(fields.map(({ name, start, end }) => [name, JSON.parse(bytes.toString('utf8', start, end))]))
  return isDeepStrictEqual({ ...read }, { ...value }) ? undefined : `read otherwise: ${bytes.toString()}`
}

function faults (texts: Iterable<string | Buffer>): string[] {
  const found: string[] = []
  for (const text of texts) {
    const wrong = fault(typeof text === 'string' ? Buffer.from(text) : text)
    if (wrong !== undefined && found.length < 10) found.push(wrong)
  }
  return found
}

/** All texts of so many of the pieces, or fewer. */
function words (pieces: Iterable<string>, most: number): string[] {
  if (most === 0) return ['']
  const shorter = words(pieces, most - 1)
  return ['', ...[...pieces].flatMap((piece) => shorter.map((rest) => piece + rest))]
}

const space = (): string => pick(['', '', '', ' ', '\n', '\r\n', '\t ', '      '])
const text = (): string => `"${Array.from({ length: random(9) }, () => pick(['a', 'é', '🦜', '\u2028', '\x7f', ' ', '\\"', '\\\\', '\\/', '\\n', '\\u00e9', '\\uD83e\\udd9c', '\\ud800', '{', ']', ',', ':', 'abcdefgh'])).join('')}"`
const number = (): string => pick(['0', '-0', '12', '-3.25', '1e9', '1E+2', '0.5e-3', '12345678901234567890', '1.0'])

function json (deep: number): string {
  switch (random(deep > 4 ? 4 : 6)) {
    case 0: return pick(['true', 'false', 'null'])
    case 1: return number()
    case 2: case 3: return text()
    case 4: return `[${space()}${Array.from({ length: random(4) }, () => json(deep + 1) + space()).join(',' + space())}]`
    default: return object(deep + 1)
  }
}

function object (deep: number): string {
  return `{${space()}${Array.from({ length: random(4) }, () => text() + space() + ':' + space() + json(deep) + space()).join(',' + space())}}`
}

t.test('takes and refuses what JSON.parse does: short texts, all of them', async (t) => {
  t.same(faults(words(['{', '}', '[', ']', '"a"', ':', ',', '0', ' '], 5)), [])
  t.same(faults(words('-+.eE01', 5).map((word) => `{"a":${word}}`)), [])
  t.same(faults(words('truefalsn', 4).map((word) => `{"a":${word}e}`)), [])
  t.same(faults(words('0fG"\\', 5).map((word) => `{"a":"\\u${word}"}`)), [])
})

t.test('each byte at each place of a text', async (t) => {
  const texts: Buffer[] = []
  for (let byte = 0; byte < 256; byte++) {
    for (const body of ['{"model":"a long enough text","b":1}', '{"b":1 , "c" : [ ] }', '{"b":"\\n\\u00e9"}']) {
      for (let at = 0; at < body.length; at++) {
        const bytes = Buffer.from(body)
        bytes[at] = byte
        texts.push(bytes)
      }
    }
  }
  t.same(faults(texts), [])
})

t.test('random texts, whole, cut and damaged', async (t) => {
  const letters = Buffer.from('{}[]":,\\u0ea1-+. \n\t\x00\x1f')
  function * texts (): Iterable<Buffer> {
    for (let run = 0; run < 3000; run++) {
      const whole = Buffer.from(space() + object(0) + space())
      yield whole
      yield whole.subarray(0, random(whole.length + 1))
      for (let damage = 0; damage < 4; damage++) {
        const at = random(whole.length)
        const put = letters.subarray(random(letters.length)).subarray(0, random(3))
        yield Buffer.concat([whole.subarray(0, at), put, whole.subarray(at + random(3))])
      }
    }
  }
  t.same(faults(texts()), [])
})

t.test('the entries of a list that have an id', async (t) => {
  /** What the scanner tells of the list, and what is so. */
  const both = (text: string): [found: unknown, parsed: unknown] => {
    const bytes = Buffer.from(text)
    const found = scanObject(bytes, 'list').flatMap(({ identified = [] }) => identified).map(({ index, start, end }) => ({ index, entry: JSON.parse(bytes.toString('utf8', start, end)) }))
    const { list } = JSON.parse(text) as { list?: unknown }
    const entries = Array.isArray(list) ? list.map((entry: unknown, index) => ({ index, entry })) : []
    return [found, entries.filter(({ entry }) => typeof entry === 'object' && entry !== null && !Array.isArray(entry) && Object.hasOwn(entry, 'id'))]
  }
  const entry = (): string => pick([
    '7', '"id"', 'null', '[]', '{}', '[{"id":1}]', '{"id":"a"}', '{"\\u0069d":"b"}', '{"i\\u0064":null}', '{"\\u0069\\u0064":{}}', '{"ids":1,"Id":2,"xd":3}', '{"content":[{"id":"c"},{"id":{"id":1}}]}',
    '{"content":{"id":"d"},"type":"x"}', '{"type":"x","content":[{"a":[]}],"id":"e"}', '{"id":1,"id":2}', '{"id":{"id":"f"}}', '{"a":{"b":{"id":"g"}}}'
  ])
  for (let run = 0; run < 2000; run++) {
    const list = `[${space()}${Array.from({ length: random(7) }, () => space() + entry() + space()).join(',')}]`
    const text = pick([`{"list":${list}}`, `{"m":{"o":{"id":1}},"list":${list},"n":[{"id":2}]}`, `{"m":{"list":[{"id":1}]},"l\\u0069st":${space()}${list}}`, `{"other":${list}}`, `{"list":{"x":${list}}}`])
    const [found, parsed] = both(text)
    if (!isDeepStrictEqual(found, parsed)) t.same(found, parsed, text)
  }
  t.same(both('{"list":[{"id":1},{"id":2}]}')[0], [{ index: 0, entry: { id: 1 } }, { index: 1, entry: { id: 2 } }])
  t.same(scanObject(Buffer.from('{"list":[{"id":1}]}'))[0], { name: 'list', start: 8, end: 18 }, 'nobody asked')
})

t.test('wherever in memory a body begins', async (t) => {
  const body = Buffer.from('{"a":"0123456789","b":"\\"é\\\\","c":{"d":"x\\u00e9\\n"}}')
  for (let offset = 0; offset < 9; offset++) {
    const memory = Buffer.alloc(body.length + 20, '"\\')
    body.copy(memory, offset)
    t.equal(fault(memory.subarray(offset, offset + body.length)), undefined)
    t.throws(() => scanObject(memory.subarray(offset, offset + body.length - 1)), BadJson)
  }
})

t.test('nests as deep as 512, and no deeper', async (t) => {
  const nested = (depth: number): Buffer => Buffer.from('{"a":'.repeat(depth - 1) + '{}' + '}'.repeat(depth - 1))
  const arrays = (depth: number): Buffer => Buffer.from('{"a":' + '['.repeat(depth - 1) + ']'.repeat(depth - 1) + '}')
  for (const body of [nested, arrays]) {
    t.equal(scanObject(body(512)).length, 1)
    t.throws(() => scanObject(body(513)), { name: 'BadJson', message: /deeper than 512/ })
  }
})

t.test('a megabyte of prompt, with quotes and without', async (t) => {
  for (const line of ['plain text ', 'say "what", naïve \\ friend?\n', 'он сказал ']) {
    const content = line.repeat(1024 * 1024 / line.length)
    t.equal(fault(Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }], n: 1 }))), undefined)
  }
})
