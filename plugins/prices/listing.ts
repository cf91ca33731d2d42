import { matcher, otherNames, type Matches } from './match.ts'
import type { Model } from './schema.ts'

interface Listed { entry: Model, matches: Matches }

/** The models of some providers, by their names. */
export class Listing {
  readonly #models: ReadonlyMap<string, Model[]>
  readonly #listed = new Map<string, Listed[]>()

  constructor (models: ReadonlyMap<string, Model[]>) {
    this.#models = models
  }

  /**
   * The first entry of the first of the providers that has one for the name, then for its other ways to be written.
   *
   * @param providers their names in this listing, and after each those whose models it resells
   */
  find (providers: readonly string[], model: string): Model | undefined {
    const name = model.trim().toLowerCase()
    for (const candidate of [name, ...otherNames(name)]) {
      for (const provider of providers) {
        const found = this.#of(provider).find(({ matches }) => matches(candidate))
        if (found !== undefined) return found.entry
      }
    }
    return undefined
  }

  ids (providers: readonly string[]): string[] {
    return providers.flatMap((provider) => this.#of(provider).map(({ entry }) => entry.id))
  }

  get providers (): string[] {
    return [...this.#models.keys()]
  }

  /** A provider's models, made ready at their first use. */
  #of (provider: string): Listed[] {
    const known = this.#listed.get(provider)
    if (known !== undefined) return known
    const listed = (this.#models.get(provider) ?? []).map((entry) => {
      const takes = matcher(entry.match ?? [entry.id])
      const leaves = matcher(entry.not ?? [])
      return { entry, matches: (name: string) => takes(name) && !leaves(name) }
    })
    this.#listed.set(provider, listed)
    return listed
  }
}
