import { hash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { Listing } from './listing.ts'
import type { CatalogueFile } from './schema.ts'

/** The built-in catalogue, prices.json: frozen from a source that it names. */
export class Catalogue {
  readonly listing: Listing
  /** Its source and date, in words. */
  readonly source: string
  readonly version: string
  readonly #providers: CatalogueFile['providers']
  readonly #names = new Map<string, string>()

  constructor ({ source, hash, providers }: CatalogueFile) {
    this.source = `${source.package} ${source.version} of ${source.date}`
    this.version = `${source.date}.${hash.slice(0, 8)}`
    this.#providers = providers
    this.listing = new Listing(new Map(Object.entries(providers).map(([name, { models }]) => [name, models])))
    for (const [name, { aliases = [] }] of Object.entries(providers)) {
      for (const alias of [name, ...aliases]) this.#names.set(alias, name)
    }
  }

  /** Its own name for a provider that it knows under this one. */
  nameOf (provider: string): string | undefined {
    return this.#names.get(provider)
  }

  /** All names of a provider, its own first. */
  namesOf (provider: string): string[] {
    return [provider, ...this.#providers[provider]?.aliases ?? []]
  }

  /** Which part of a provider's rates counts in a batch, where that is known. */
  batchOf (provider: string): number | undefined {
    return this.#providers[provider]?.batch
  }

  /** A provider, and those whose models it resells. */
  sellers (provider: string): string[] {
    return [provider, ...this.#providers[provider]?.resells ?? []]
  }
}

let builtin: Catalogue | undefined

/**
 * The built-in catalogue, read once.
 * @throws {Error} where the installation lacks it
 */
export function builtinCatalogue (): Catalogue {
  builtin ??= new Catalogue(readCatalogue())
  return builtin
}

/** prices.json: beside the sources, or one folder above the built ones. A test holds it against its schema. */
export function readCatalogue (): CatalogueFile {
  const file = ['../../prices.json', '../../../prices.json'].map((path) => new URL(path, import.meta.url)).find((url) => existsSync(url))
  if (file === undefined) throw new Error('prices.json is missing from the installation')
  return JSON.parse(readFileSync(file, 'utf8')) as CatalogueFile
}

/** What stands in the catalogue's `hash`. */
export function hashOf (providers: CatalogueFile['providers']): string {
  return hash('sha256', JSON.stringify(providers))
}
