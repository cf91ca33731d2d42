import t from 'tap'
import { dropField, setField } from '../../../plugins/file/edit.ts'

const set = (text: string, path: string[], value: unknown): string => setField(Buffer.from(text), path, value).toString()

t.test('what is put in is laid out as what stands beside it', async (t) => {
  for (const [before, path, value, after] of [
    ['{}', ['a'], 1, '{\n  "a": 1\n}'],
    ['{ "a": {} }', ['a', 'b'], { c: 1 }, '{ "a": {\n  "b": {\n    "c": 1\n  }\n} }'],
    ['{"a": 1}', ['b'], [1, { c: 'x' }, {}], '{"a": 1, "b": [1, { "c": "x" }, {}]}'],
    ['{"a": 1, "b" :2 }', ['a'], null, '{"a": null, "b" :2 }'],
    ['{\n  "a": 1\n}\n', ['b'], { c: 1 }, '{\n  "a": 1,\n  "b": {\n    "c": 1\n  }\n}\n'],
    ['{\r\n\t"o": {\r\n\t\t"a": {\r\n\t\t\t"x": 1\r\n\t\t}\r\n\t}\r\n}', ['o', 'b'], { x: 2 }, '{\r\n\t"o": {\r\n\t\t"a": {\r\n\t\t\t"x": 1\r\n\t\t},\r\n\t\t"b": {\r\n\t\t\t"x": 2\r\n\t\t}\r\n\t}\r\n}'],
    ['{\n    "o": {\n        "a": { "x": 1 }\n    }\n}', ['o', 'b'], { x: 2, y: [] }, '{\n    "o": {\n        "a": { "x": 1 },\n        "b": { "x": 2, "y": [] }\n    }\n}'],
    ['{\n  "o": { "a": { "x": 1.0 } }\n}', ['o', 'a', 'y'], true, '{\n  "o": { "a": { "x": 1.0, "y": true } }\n}'],
    ['\uFEFF{"o":{"a":"}{\\"","b":{}}}', ['o', 'c'], 'é', '\uFEFF{"o":{"a":"}{\\"","b":{}, "c": "é"}}']
  ] as Array<[string, string[], unknown, string]>) t.equal(set(before, path, value), after)
  t.throws(() => set('{}', ['a', 'b'], 1), /no such object/)
})

t.test('it means the same as setting the field of the value, whatever the file looks like', async (t) => {
  let seed = 7
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below
  const blanks = (): string => [' ', '', '\n', '\r\n  ', '\t', '\n    '][random(6)] ?? ''
  // No backslash in names: `JSON.parse` of Node 24.21 takes {"a":1,",\"":1} for {"a":1,",\\":1} where it has seen the latter before.
  const word = (): string => ['a', 'b', 'é', '"', '/', '{', '}', ',', ':', 'x y', '__proto__', '💥'][random(12)] ?? ''
  const text = (value: unknown): string => {
    if (Array.isArray(value)) return `[${blanks()}${value.map(text).join(`${blanks()},${blanks()}`)}${blanks()}]`
    if (typeof value !== 'object' || value === null) return JSON.stringify(value)
    return `{${blanks()}${Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}${blanks()}:${blanks()}${text(inner)}`).join(`${blanks()},${blanks()}`)}${blanks()}}`
  }
  const make = (depth: number): unknown => {
    const kind = random(depth > 2 ? 3 : 6)
    if (kind < 3) return [`${word()}\\${word()}`, random(100), null][kind]
    if (kind === 3) return Array.from({ length: random(3) }, () => make(depth + 1))
    return Object.fromEntries(Array.from({ length: random(4) }, () => [word() + word(), make(depth + 1)]))
  }
  let wrong = 0
  for (let round = 0; round < 3000; round++) {
    const entries = Object.fromEntries(Array.from({ length: random(4) }, () => [word() + word(), make(2)]))
    const file = { $schema: word(), keys: entries, groups: make(1) }
    const names = Object.keys(entries)
    const name = random(2) === 0 || names.length === 0 ? 'new' : names[random(names.length)] ?? ''
    const value = make(1)
    const before = blanks() + text(file) + blanks()
    const after = set(before, ['keys', name], value)
    const expected = { ...file, keys: Object.fromEntries(Object.entries({ ...entries, [name]: value })) }
    if (JSON.stringify(JSON.parse(after)) !== JSON.stringify(expected)) {
      wrong++
      t.comment(before, after)
    }
  }
  t.equal(wrong, 0)
})

t.test('what is taken out leaves the rest as it was written', async (t) => {
  for (const [before, path, after] of [
    ['{"a": 1, "b" :2 }', ['a'], '{"b" :2 }'],
    ['{"a": 1, "b" :2 }', ['b'], '{"a": 1 }'],
    ['{\n  "a": {"a": [1, "x"]},\n  "b": 2,\n  "c": 3\n}\n', ['a'], '{\n  "b": 2,\n  "c": 3\n}\n'],
    ['{\n  "a": 1,\n  "b": "2",\n  "c": 3\n}\n', ['b'], '{\n  "a": 1,\n  "c": 3\n}\n'],
    ['{ "o": { "a": 1 }, "p": 1 }', ['o', 'a'], '{ "o": { }, "p": 1 }'],
    ['{"a": 1}', ['b'], '{"a": 1}']
  ] as const) t.equal(dropField(Buffer.from(before), path).toString(), after)
})
