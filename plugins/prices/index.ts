import { resolve } from 'node:path'
import fp from 'fastify-plugin'
import { keepReloading } from '../file/reload.ts'
import { readAtStart, type Source } from '../file/source.ts'
import { builtinCatalogue } from './catalogue.ts'
import { PriceList, type Prices } from './list.ts'
import { readOverrides } from './overrides.ts'

export type { Charge, Prices } from './list.ts'
export type { ModelPrice } from './model.ts'
export type { Rates } from './rates.ts'

export interface PricesOptions {
  /** Milliseconds between two looks at PRICES_FILE. */
  pollInterval?: number
}

declare module 'fastify' {
  interface FastifyInstance {
    prices: Prices
  }
}

/**
 * `fastify.prices`: what models cost, from the built-in catalogue and PRICES_FILE before it, which is read again when
 * it changes. A file that is not right in every point ends the start with one line, and changes nothing when it comes
 * later.
 */
export default fp<PricesOptions>(async (fastify, { pollInterval = 1000 }) => {
  const { pricesFile, providers } = fastify.config
  const catalogue = builtinCatalogue()
  const prices = new PriceList(catalogue, providers)
  fastify.decorate('prices', prices)
  if (pricesFile === undefined) return

  const source = pricesSource(pricesFile)
  const { bytes, value } = await readAtStart(source, (content) => readOverrides(content, catalogue))
  prices.override(value, pricesFile)
  const { stop } = keepReloading({
    source,
    name: 'prices',
    interval: pollInterval,
    bytes,
    log: fastify.log,
    load (content) {
      const overrides = readOverrides(content, catalogue)
      prices.override(overrides, pricesFile)
      fastify.log.info({ file: source.path, models: overrides.size, version: prices.version }, 'prices reloaded')
    }
  })
  fastify.addHook('onClose', stop)
}, { name: 'prices', fastify: '5.x', dependencies: ['config'] })

export function pricesSource (file: string): Source {
  return { path: resolve(file), setting: 'PRICES_FILE', remedy: 'set PRICES_FILE to a file that does, or unset it' }
}
