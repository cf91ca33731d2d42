import type { Usage } from '../../providers/dialects/events.ts'
import type { Provider } from '../../providers/provider.ts'
import type { Catalogue } from './catalogue.ts'
import { modelPrice, type ModelPrice } from './model.ts'
import type { Overrides } from './overrides.ts'
import { costOf, promptTokens, type Rates } from './rates.ts'
import type { Model } from './schema.ts'

/** A request that is over, as far as its price goes. */
export interface Priced {
  /** The gateway's name for it. */
  provider: string
  /** As the provider was asked for it. */
  model: string
  /** As the provider named it. */
  servedModel: string | undefined
  usage: Usage
  /** ms since 1970, of its end: that is when providers with rates by the hour count it. */
  time: number
  /** Whether it was one of a batch. */
  batch?: boolean
}

export interface Charge {
  /** Nano-dollars. */
  cost: number
  /** Of the prices. */
  version: string
  /** The entry's id. */
  model: string
  /** What it was reckoned with. */
  rates: Rates
}

export interface Prices {
  /** Of the catalogue in force: its date and hash, and the hash of the overrides. */
  readonly version: string
  /** `undefined` where there is no known price. The provider is the gateway's name for it. */
  find (provider: string, model: string): ModelPrice | undefined
  /** What a request cost; `undefined` where there is no known price. */
  charge (request: Priced): Charge | undefined
}

/** An entry, and where it is from. */
export interface Entry {
  model: Model
  source: string
  override: boolean
  /** Which part of the rates counts in the provider's batches, where the model says nothing of them. */
  batch?: number
}

/** Names are clients' choice, so they are not remembered without end. */
const REMEMBERED = 1000

/** The catalogue, and what the operator says before it. */
export class PriceList implements Prices {
  readonly #catalogue: Catalogue
  /** By the gateway's name of a provider, the name it has in the catalogue. */
  readonly #pricedAs: ReadonlyMap<string, string | undefined>
  readonly #found = new Map<string, ModelPrice | undefined>()
  #overrides: Overrides | undefined
  #file = ''
  #version: string | undefined

  constructor (catalogue: Catalogue, providers: ReadonlyArray<Pick<Provider, 'name' | 'prices'>>) {
    this.#catalogue = catalogue
    this.#pricedAs = new Map(providers.map(({ name, prices }) => [name, prices]))
  }

  /** Puts other overrides in force. */
  override (overrides: Overrides, file: string): void {
    this.#overrides = overrides
    this.#file = file
    this.#version = undefined
    this.#found.clear()
  }

  get version (): string {
    this.#version ??= [this.#catalogue.version, ...this.#overrides === undefined ? [] : [this.#overrides.hash.slice(0, 8)]].join('+')
    return this.#version
  }

  find (provider: string, model: string): ModelPrice | undefined {
    const key = `${provider}\n${model}`
    const found = this.#found.get(key)
    if (found !== undefined || this.#found.has(key)) return found
    const entry = this.entry(provider, model)
    const price = entry === undefined ? undefined : modelPrice(entry.model, entry.source, entry.override, entry.batch)
    if (this.#found.size >= REMEMBERED) this.#found.clear()
    this.#found.set(key, price)
    return price
  }

  charge ({ provider, model, servedModel, usage, time, batch = false }: Priced): Charge | undefined {
    const asked = this.find(provider, model)
    // A name that stands for others is priced as what answered, unless the operator has a price for the name.
    const price = asked?.override === true || servedModel === undefined ? asked : this.find(provider, servedModel) ?? asked
    const rates = batch ? price?.batchAt(time, promptTokens(usage)) : price?.at(time, promptTokens(usage))
    if (price === undefined || rates === undefined) return undefined
    return { cost: costOf(rates, usage), version: this.version, model: price.model, rates }
  }

  /** The entry for a model, priced or not. */
  entry (provider: string, model: string): Entry | undefined {
    const { own, sellers } = this.#names(provider)
    const override = this.#overrides?.listing.find(own, model)
    if (override !== undefined) return { model: override, source: this.#file, override: true }
    const listed = this.#catalogue.listing.find(sellers, model)
    if (listed === undefined) return undefined
    const batch = this.#catalogue.batchOf(sellers[0] ?? '')
    return { model: listed, source: this.#catalogue.source, override: false, ...batch !== undefined && { batch } }
  }

  /** The ids of a provider's models, the operator's first. */
  models (provider: string): string[] {
    const { own, sellers } = this.#names(provider)
    return [...this.#overrides?.listing.ids(own) ?? [], ...this.#catalogue.listing.ids(sellers)]
  }

  /** A provider's names in the overrides, and in the catalogue the providers that have prices for it. */
  #names (provider: string): { own: string[], sellers: string[] } {
    const asked = this.#overrides?.sameAs.get(provider) ?? this.#pricedAs.get(provider)
    const name = asked === undefined ? undefined : this.#catalogue.nameOf(asked)
    if (name === undefined) return { own: [provider], sellers: [] }
    return { own: [provider, ...this.#catalogue.namesOf(name)], sellers: this.#catalogue.sellers(name) }
  }
}
