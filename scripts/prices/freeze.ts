/**
 * Makes prices.json from @pydantic/genai-prices, which is installed somewhere outside of the project:
 *
 *     mkdir /tmp/prices && npm install --prefix /tmp/prices @pydantic/genai-prices
 *     npx node scripts/prices/freeze.ts /tmp/prices DATE   # the day that version was published
 *     npx node scripts/prices/check.ts /tmp/prices
 */
import { writeFileSync } from 'node:fs'
import { hashOf } from '../../plugins/prices/catalogue.ts'
import { matcher } from '../../plugins/prices/match.ts'
import { isDate } from '../../plugins/moment.ts'
import type { CatalogueFile } from '../../plugins/prices/schema.ts'
import { corrections } from './corrections.ts'
import { taken } from './providers.ts'
import { loadSource, PACKAGE } from './source.ts'
import { translateModel } from './translate.ts'

const [folder, date = ''] = process.argv.slice(2)
if (folder === undefined || !isDate(date)) throw new Error('usage: freeze.ts FOLDER YYYY-MM-DD')
const source = await loadSource(folder)

const ourName = new Map(Object.entries(taken).map(([name, { source }]) => [source, name]))
const providers: CatalogueFile['providers'] = Object.fromEntries(Object.entries(taken).map(([name, { source: id, aliases, batch }]) => {
  const provider = source.providers.find((provider) => provider.id === id)
  if (provider === undefined) throw new Error(`the source has no provider ${id}`)
  const corrected = corrections[name] ?? []
  const replaced = matcher(corrected.flatMap(({ id, match = [id] }) => match))
  const models = [...corrected, ...provider.models.filter(({ id }) => !replaced(id)).map(translateModel)]
  const resells = provider.fallback_model_providers?.flatMap((id) => ourName.get(id) ?? [])
  return [name, { ...aliases !== undefined && { aliases }, ...resells !== undefined && { resells }, ...batch !== undefined && { batch }, models }]
}))

const head = {
  source: { package: PACKAGE, version: source.version, date, licence: 'MIT', copyright: source.copyright, url: `https://www.npmjs.com/package/${PACKAGE}/v/${source.version}` },
  hash: hashOf(providers)
}

/** One line a model, so that a change of prices can be read. */
function text (): string {
  const lines = Object.entries(providers).map(([name, { models, ...rest }]) => {
    const facts = Object.entries(rest).map(([field, value]) => `${JSON.stringify(field)}: ${JSON.stringify(value)}, `).join('')
    return `    ${JSON.stringify(name)}: { ${facts}"models": [\n${models.map((model) => `      ${JSON.stringify(model)}`).join(',\n')}\n    ] }`
  })
  return `{\n  "source": ${JSON.stringify(head.source)},\n  "hash": ${JSON.stringify(head.hash)},\n  "providers": {\n${lines.join(',\n')}\n  }\n}\n`
}

writeFileSync(new URL('../../prices.json', import.meta.url), text())
const all = Object.values(providers).flatMap(({ models }) => models)
console.log(`${Object.keys(providers).length} providers, ${all.length} models, ${all.filter(({ prices }) => prices === undefined).length} of them without a price`)
