/** Writes the tables of settings, the README's short one and the whole one, from their schema. */
import { readFileSync, writeFileSync } from 'node:fs'
import { settingsTables } from './settings-tables.ts'

const { first, all } = await settingsTables()
for (const [file, table] of [['README.md', first], ['docs/settings.md', all]] as const) {
  const path = new URL(`../${file}`, import.meta.url)
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace(/(<!-- config -->\n)[^]*?(<!-- \/config -->)/, `$1${table}\n$2`))
}
