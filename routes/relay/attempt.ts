import type { GatewayError } from '../../plugins/errors.ts'
import type { Trouble } from '../../plugins/upstream/retry.ts'
import type { ReplyHandler, UpstreamCall } from '../../plugins/upstream/index.ts'
import type { Headers } from './headers.ts'

/** Bytes of a refusal that nobody reads, read so that its connection can be used again. */
const MOST_UNREAD = 64 * 1024

export interface AttemptOptions {
  /** Asked when it failed and nothing of it has been passed on. @returns whether another attempt follows */
  goOn (trouble: Trouble): boolean
}

/** One attempt: passes its reply on, or is left for another and heard of no more. */
export class Attempt implements ReplyHandler {
  call: UpstreamCall | undefined
  readonly #handler: ReplyHandler
  readonly #options: AttemptOptions
  #left = false
  #headed = false
  #unread = 0

  constructor (handler: ReplyHandler, options: AttemptOptions) {
    this.#handler = handler
    this.#options = options
  }

  onHead (status: number, headers: Headers): void {
    this.#left = status >= 300 && this.#options.goOn({ kind: 'status', status, headers })
    if (this.#left) return
    this.#headed = true
    this.#handler.onHead(status, headers)
  }

  onData (chunk: Buffer): boolean {
    if (!this.#left) return this.#handler.onData(chunk)
    this.#unread += chunk.length
    if (this.#unread > MOST_UNREAD) this.call?.abort()
    return true
  }

  onEnd (): void {
    if (!this.#left) this.#handler.onEnd()
  }

  onError (error: GatewayError): void {
    if (this.#left) return
    this.#left = !this.#headed && this.#options.goOn({ kind: 'error', error, reached: this.call?.reached === true })
    if (!this.#left) this.#handler.onError(error)
  }
}
