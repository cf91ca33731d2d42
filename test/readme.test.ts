import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { configTable } from '../plugins/config/schema.ts'

const print = 'node -e "import(\'./plugins/config/schema.ts\').then(async ({ configTable }) => console.log(await configTable()))"'
const missing = !existsSync('README.md')

t.test('the README\'s table of settings', { skip: missing && 'README.md does not exist yet' }, async (t) => {
  const [, table] = /<!-- config -->\n+([^]*?)\n+<!-- \/config -->/.exec(readFileSync('README.md', 'utf8')) ?? []
  t.equal(table, await configTable(), `is stale: put between its markers what this prints: ${print}`)
})

t.test('the table', async (t) => {
  const rows = (await configTable()).split('\n')
  t.strictSame(rows.map((row) => row.split('|').length), rows.map(() => 5), 'three cells a row')
  t.match(rows.at(-1), /^\| `DEEPSEEK_BASE_URL` \| `https:\/\/api\.deepseek\.com` \| /)
})
