import type { Provider } from '../../providers/provider.ts'
import { checkProviders, loadProviders } from '../config/providers.ts'
import { readAtStart } from '../file/source.ts'
import { builtinCatalogue } from './catalogue.ts'
import { pricesSource } from './index.ts'
import { PriceList } from './list.ts'
import { readOverrides } from './overrides.ts'

/** Prices for a command: those of the providers that the settings load, and of the catalogue's others under their names there. */
export interface ReadPrices {
  prices: PriceList
  /** The loaded providers. */
  loaded: Provider[]
  /** The names of the others. */
  others: string[]
}

/** @throws {Error} of one line, where a setting or PRICES_FILE is wrong */
export async function readPrices (env: NodeJS.ProcessEnv, pricesFile: string | undefined): Promise<ReadPrices> {
  const loaded = checkProviders(await loadProviders(env))
  const catalogue = builtinCatalogue()
  const others = catalogue.listing.providers.filter((name) => !loaded.some((provider) => provider.name === name))
  const prices = new PriceList(catalogue, [...loaded, ...others.map((name) => ({ name, prices: name }))])
  if (pricesFile !== undefined) {
    const { value } = await readAtStart(pricesSource(pricesFile), (bytes) => readOverrides(bytes, catalogue))
    prices.override(value, pricesFile)
  }
  return { prices, loaded, others }
}
