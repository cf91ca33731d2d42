import type { Reading } from './dialect.ts'
import type { Usage } from './events.ts'
import { mergeUsage } from './usage.ts'

/** What a reply has told of itself so far. */
export class Observer {
  id: string | undefined
  usage: Usage | undefined
  /** Where the last report of usage does not add up. */
  mismatch: string | undefined
  model: string | undefined
  /** More was written since usage was last told. */
  behind = false
  /** The provider's own word for why the reply ended. */
  finish: string | undefined
  /** The provider's error, redacted. Nothing comes after it. */
  error: Reading['error']
  /** Ids of what the provider keeps. */
  readonly stored: string[] = []
  /** The same ids, to look one up: a long response has thousands. */
  readonly #stored = new Set<string>()

  /** Knows what another knows, except what is kept. */
  follow (other: Observer): void {
    this.id = other.id
    this.model = other.model
    this.usage = other.usage
    this.mismatch = other.mismatch
    this.behind = other.behind
    this.finish = other.finish
    this.error = other.error
  }

  note ({ id, model, usage, mismatch, finish, error, stored = [] }: Reading): void {
    this.id ??= id
    this.model ??= model
    if (usage !== undefined) {
      this.usage = mergeUsage(this.usage, usage)
      this.mismatch = mismatch
    }
    if (finish !== undefined) this.finish = finish
    if (error !== undefined) this.error = error
    for (const id of stored) {
      if (this.#stored.has(id)) continue
      this.#stored.add(id)
      this.stored.push(id)
    }
  }
}
