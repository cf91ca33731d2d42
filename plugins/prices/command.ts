/** `llm-gateway prices MODEL`: what a model costs now, or at another time, and where that is known from. */
import { parseArgs } from 'node:util'
import { defaultProviders } from '../../providers/index.ts'
import { readSettings } from '../config/index.ts'
import { checkProviders, loadProviders } from '../config/load.ts'
import { readAtStart } from '../file/source.ts'
import { builtinCatalogue } from './catalogue.ts'
import { pricesSource } from './index.ts'
import { PriceList } from './list.ts'
import { readOverrides } from './overrides.ts'
import { parseMoment } from './schedule.ts'
import { show, unknown } from './show.ts'

const USAGE = 'usage: llm-gateway prices MODEL [--provider NAME] [--at TIME]'

try {
  await run()
} catch (error) {
  console.error(`llm-gateway prices: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}

async function run (): Promise<void> {
  const { values: { provider, at }, positionals: [model, ...more] } = parseArgs({
    args: process.argv.slice(3),
    options: { provider: { type: 'string' }, at: { type: 'string' } },
    allowPositionals: true
  })
  if (model === undefined || more.length > 0) throw new Error(USAGE)
  const time = at === undefined ? Date.now() : parseMoment(at)
  if (time === undefined) throw new Error('--at must be a date, or a date and time with its zone, such as 2027-01-31T23:59:59Z')

  const { pricesFile } = readSettings(process.env)
  const providers = checkProviders(await loadProviders(process.env['PROVIDERS'] || defaultProviders.join(',')))
  const catalogue = builtinCatalogue()
  // A provider of the catalogue need not be loaded to be asked for.
  const others = catalogue.listing.providers.filter((name) => !providers.some((loaded) => loaded.name === name))
  const prices = new PriceList(catalogue, [...providers, ...others.map((name) => ({ name, prices: name }))])
  if (pricesFile !== undefined) {
    const { value } = await readAtStart(pricesSource(pricesFile), (bytes) => readOverrides(bytes, catalogue))
    prices.override(value, pricesFile)
  }

  const loaded = providers.map(({ name }) => name)
  const candidates = provider !== undefined ? [[provider]] : [loaded, others]
  const found = candidates.map((names) => names.filter((name) => prices.find(name, model) !== undefined)).find((names) => names.length > 0)
  if (found === undefined) throw new Error(unknown(prices, candidates.flat(), model))
  console.log(found.map((name) => show(prices, name, model, time)).join('\n\n'))
}
