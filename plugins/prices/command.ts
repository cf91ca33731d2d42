/** `llm-gateway prices MODEL`: what a model costs now, or at another time, and where that is known from. */
import { parseArgs } from 'node:util'
import { runCommand, WrongUsage } from '../command.ts'
import { readSettings } from '../config/index.ts'
import { parseMoment } from '../moment.ts'
import { readPrices } from './read.ts'
import { show, unknown } from './show.ts'

const USAGE = 'usage: llm-gateway prices MODEL [--provider NAME] [--at TIME]'

await runCommand('prices', async (args) => {
  const { values: { provider, at }, positionals: [model, ...more] } = parseArgs({
    args,
    options: { provider: { type: 'string' }, at: { type: 'string' } },
    allowPositionals: true
  })
  if (model === undefined || more.length > 0) throw new WrongUsage(USAGE)
  const time = at === undefined ? Date.now() : parseMoment(at)
  if (time === undefined) throw new WrongUsage('--at must be a date, or a date and time with its zone, such as 2027-01-31T23:59:59Z')

  const { pricesFile } = readSettings(process.env)
  // A provider of the catalogue need not be loaded to be asked for.
  const { prices, loaded: providers, others } = await readPrices(process.env, pricesFile)
  const loaded = providers.map(({ name }) => name)
  const candidates = provider !== undefined ? [[provider]] : [loaded, others]
  const found = candidates.map((names) => names.filter((name) => prices.find(name, model) !== undefined)).find((names) => names.length > 0)
  if (found === undefined) throw new Error(unknown(prices, candidates.flat(), model))
  console.log(found.map((name) => show(prices, name, model, time)).join('\n\n'))
})
