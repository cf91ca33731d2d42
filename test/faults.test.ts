/** Holds the tables of faults (docs/faults) and the tests that show them together. */
import { globSync, readFileSync } from 'node:fs'
import t from 'tap'

/** Of each table: the letter of its rows, and how many there are. */
const TABLES = { clients: ['C', 69], upstream: ['U', 68], state: ['S', 30], resources: ['R', 10], security: ['X', 22] } as const
type Table = keyof typeof TABLES

const tables = Object.keys(TABLES) as Table[]

interface Row { table: Table, id: string, cells: string[] }

const rows: Row[] = tables.flatMap((table) => [...readFileSync(fileOf(table), 'utf8').matchAll(/^\| ([A-Z]\d+) \|(.*)\|$/gm)]
  .map(([, id = '', cells = '']) => ({ table, id, cells: cells.split(/(?<!\\)\|/).map((cell) => cell.trim()) })))

/** The ids at the end of a title: `'… (C1, C2)'`. */
const titled = new Map(globSync('test/**/*.test.ts').map((file) => [
  new URL(`../${file}`, import.meta.url).href,
  new Set([...readFileSync(file, 'utf8').matchAll(/\(([CUSRX]\d+(?:, [CUSRX]\d+)*)\)['"`]/g)].flatMap(([, ids = '']) => ids.split(', ')))
]))

function fileOf (table: Table): URL {
  return new URL(`../docs/faults/${table}.md`, import.meta.url)
}

t.test('every row is there once, in order, and says what happens', async (t) => {
  for (const table of tables) {
    const [letter, count] = TABLES[table]
    const own = rows.filter((row) => row.table === table)
    t.same(own.map(({ id }) => id), Array.from({ length: count }, (_, index) => `${letter}${index + 1}`), table)
    for (const { id, cells } of own) t.ok(cells.length === 3 && cells.every((cell) => cell !== ''), id)
  }
})

t.test('every row is shown by tests whose titles name it, or says why by none', async (t) => {
  for (const { table, id, cells: [, , shown = ''] } of rows) {
    const links = [...shown.matchAll(/\]\(([^)#]+)\)/g)].map(([, link = '']) => new URL(link, fileOf(table)).href)
    t.ok(links.length > 0 || /^not shown: ./.test(shown), `${id} is shown by something`)
    for (const link of links) t.ok(titled.get(link)?.has(id), `${id}: a title in ${link}`)
  }
})

t.test('every id in a title is a row', async (t) => {
  const known = new Set(rows.map(({ id }) => id))
  for (const [file, ids] of titled) {
    for (const id of ids) t.ok(known.has(id), `${id} in ${file}`)
  }
})

t.test('the index names the tables, and what it links is there', async (t) => {
  const index = readFileSync(new URL('../docs/faults.md', import.meta.url), 'utf8')
  for (const [table, [letter, count]] of Object.entries(TABLES)) {
    t.match(index, `${letter}1–${letter}${count}`)
    t.match(index, `(faults/${table}.md)`)
  }
})
