/** Writes the tables of docs/translation.md from what the dialects do. */
import { readFileSync, writeFileSync } from 'node:fs'
import { translationTables } from '../test/probes/table.ts'

const document = new URL('../docs/translation.md', import.meta.url)
const text = readFileSync(document, 'utf8')
const tables = translationTables()
writeFileSync(document, text.replace(/(<!-- translation -->\n)[^]*?(<!-- \/translation -->)/, (_, open, close) => `${open}\n${tables}\n\n${close}`))
