import { readFileSync } from 'node:fs'
import t from 'tap'
import { settingsTables } from '../scripts/settings-tables.ts'

t.test('the tables of settings are those of the schema', async (t) => {
  const { first, all } = await settingsTables()
  for (const [file, made] of [['README.md', first], ['docs/settings.md', all]] as const) {
    const [, table] = /<!-- config -->\n+([^]*?)\n+<!-- \/config -->/.exec(readFileSync(file, 'utf8')) ?? []
    t.equal(table, made, `${file} is stale: npx node scripts/config-table.ts writes it`)
    const rows = made.split('\n')
    t.strictSame(rows.map((row) => row.split('|').length), rows.map(() => 5), 'three cells a row')
  }
  t.match(all, /\n\| `DEEPSEEK_BASE_URL` \| `https:\/\/api\.deepseek\.com` \| /)
})
