import { isObject, objectsOf, parseExact } from '../../providers/dialects/json.ts'
import type { UpstreamRequest } from '../../plugins/upstream/index.ts'

/** Pages of a provider's that are read for one of a client's. */
const MAX_PAGES = 50

/**
 * A provider's list cut to what is a key's own. Its pages hold what all keys made, so it is read on until there are
 * enough entries, or no more.
 */
export class OwnList {
  readonly request: UpstreamRequest
  readonly #limit: number
  readonly #isOwn: (entry: Record<string, unknown>) => boolean
  readonly #entries: Array<Record<string, unknown>> = []
  #rest: Record<string, unknown> = {}
  #more = false
  #pages = 0

  /**
   * @param request for the first page
   * @param limit entries that the client is to get
   */
  constructor (request: UpstreamRequest, limit: number, isOwn: (entry: Record<string, unknown>) => boolean) {
    this.request = request
    this.#limit = limit
    this.#isOwn = isOwn
  }

  /**
   * Takes a page. @returns the request for the next one, where that is needed
   * @throws {SyntaxError} where it is no list
   */
  take (body: Buffer): UpstreamRequest | undefined {
    const page = parseExact(body.toString('utf8'))
    if (!isObject(page) || !Array.isArray(page['data'])) throw new SyntaxError('the reply is not a list')
    const { data, ...rest } = page
    this.#rest = rest
    const entries = objectsOf(data)
    for (const entry of entries) if (this.#isOwn(entry)) this.#entries.push(entry)
    this.#pages++
    const last = entries.at(-1)?.['id']
    this.#more = page['has_more'] === true && typeof last === 'string'
    // One beyond the limit tells that there is more.
    if (!this.#more || this.#entries.length > this.#limit || this.#pages >= MAX_PAGES) return undefined
    const url = new URL(this.request.url)
    url.searchParams.set('after', String(last))
    return { ...this.request, url }
  }

  /** The list as the client gets it. */
  bytes (): Buffer {
    const data = this.#entries.slice(0, this.#limit)
    const ids = { first_id: data[0]?.['id'] ?? null, last_id: data.at(-1)?.['id'] ?? null }
    return Buffer.from(JSON.stringify({ ...this.#rest, data, ...ids, has_more: this.#more || this.#entries.length > data.length }))
  }
}
