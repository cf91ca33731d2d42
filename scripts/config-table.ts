/** Writes the README's table of settings from their schema. */
import { readFileSync, writeFileSync } from 'node:fs'
import { configTable } from '../plugins/config/schema.ts'

const readme = new URL('../README.md', import.meta.url)
const text = readFileSync(readme, 'utf8')
writeFileSync(readme, text.replace(/(<!-- config -->\n)[^]*?(<!-- \/config -->)/, `$1${await configTable()}\n$2`))
