import { toGatewayError } from '../errors.ts'

/** Counts what requests are refused for. Both words are the gateway's own, so there are only so many. */
export class Refusals {
  readonly #counts = new Map<string, { labels: { code: string, limit: string }, count: number }>()

  add (error: unknown): void {
    const { code, limit = '' } = toGatewayError(error) ?? { code: 'internal_error' }
    const name = `${code}\n${limit}`
    const found = this.#counts.get(name)
    if (found === undefined) this.#counts.set(name, { labels: { code, limit }, count: 1 })
    else found.count++
  }

  * values (): Iterable<[labels: { code: string, limit: string }, count: number]> {
    for (const { labels, count } of this.#counts.values()) yield [labels, count]
  }
}
