import t from 'tap'
import { jsonBody } from '../../routes/relay/body.ts'
import { fileIds } from '../../routes/relay/file-ids.ts'

let seed = 5
const random = (below: number): number => Math.floor((seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648 * below)
const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T

const ids = (text: string): string[] => [...fileIds(jsonBody(Buffer.from(text)))].sort()

/** The same, by a parser. */
function parsed (value: unknown): string[] {
  if (typeof value === 'string') return /^file[-_][\w-]+$/.test(value) ? [value] : []
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(parsed) : []
}

t.test('finds what may be a file, and nothing else', async (t) => {
  t.same(ids('{"a":"file-1","b":["x",{"file_id":"file_2"}],"file-3":"file-3b"}'), ['file-1', 'file-3b', 'file_2'])
  t.same(ids('{"a":"\\u0066ile-1","b":"file\\u002d2"}'), ['file-1', 'file-2'])
  t.same(ids('{"a":"a \\"file-1\\" in a text, and \\u001b[0m, \\u003cfile-2>","file-3" : 1,"b":"file-","c":"file-é"}'), [])
})

t.test('finds in random bodies what a parser finds', async (t) => {
  const text = (): string => `"${Array.from({ length: random(3) }, () => pick([
    'file', 'file-', 'file-a', 'file_b', '-', 'x', '\\"', '\\\\', '\\"file-c', '\\u001b', '\\u0066ile-d', '\\u00e9', 'é', ':', ' ', 'file-e\\"'
  ])).join('')}"`
  const value = (deep: number): string => {
    const kind = deep > 3 ? 0 : random(4)
    if (kind < 2) return random(5) === 0 ? pick(['1', 'null', 'true']) : text()
    const space = pick(['', ' ', '\n\t'])
    const inner = Array.from({ length: random(4) }, (_, i) => kind === 2 ? value(deep + 1) : `"${pick(['file-k', 'file_k', 'k'])}${i}"${space}:${space}${value(deep + 1)}`).join(`${space},`)
    return kind === 2 ? `[${inner}]` : `{${inner}}`
  }
  let found = 0
  for (let run = 0; run < 4000; run++) {
    const body = `{"a":${value(0)},"b":${value(0)}}`
    const expected = parsed(JSON.parse(body)).sort()
    found += expected.length
    if (String(ids(body)) !== String(expected)) t.same(ids(body), expected, body)
  }
  t.ok(found > 500, `${found} found`)
})
