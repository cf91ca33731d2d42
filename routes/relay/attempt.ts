import { Beginning } from '../../providers/dialects/beginning.ts'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import type { GatewayError } from '../../plugins/errors.ts'
import type { Trouble } from '../../plugins/upstream/retry.ts'
import type { ReplyHandler, UpstreamCall } from '../../plugins/upstream/index.ts'
import { isEventStream, type Headers } from './headers.ts'

/** Bytes of a refusal that nobody reads, read so that its connection can be used again. */
const MOST_UNREAD = 64 * 1024
/** Bytes of a stream that are held back at most. */
const MOST_HELD = 1024 * 1024

export interface AttemptOptions {
  /** Asked when it failed and nothing of it has been passed on. @returns whether another attempt follows */
  goOn (trouble: Trouble): boolean
  /** Set where there is another to go to: then a stream is held back until its first content, for so many ms (0: for ever). */
  hold?: { dialect: Dialect, patience: number }
}

/** One attempt: passes its reply on, or is left for another and heard of no more. */
export class Attempt implements ReplyHandler {
  call: UpstreamCall | undefined
  readonly #handler: ReplyHandler
  readonly #options: AttemptOptions
  #left = false
  /** Set once the reply is passed on. */
  #passed = false
  #unread = 0
  #beginning: Beginning | undefined
  #held: Buffer[] = []
  #heldBytes = 0
  #head: [status: number, headers: Headers] = [0, {}]
  readonly #patience: NodeJS.Timeout | undefined

  constructor (handler: ReplyHandler, options: AttemptOptions) {
    this.#handler = handler
    this.#options = options
    const { patience = 0 } = options.hold ?? {}
    if (patience > 0) this.#patience = setTimeout(() => this.#loseIt(), patience).unref()
  }

  onHead (status: number, headers: Headers): void {
    if (status >= 300 && this.#leave({ kind: 'status', status, headers })) return
    this.#head = [status, headers]
    const { hold } = this.#options
    if (hold !== undefined && status < 300 && isEventStream(headers)) this.#beginning = new Beginning(hold.dialect)
    else this.#pass()
  }

  onData (chunk: Buffer): boolean {
    if (this.#passed) return this.#handler.onData(chunk)
    if (this.#left) return this.#skip(chunk)
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    const state = this.#beginning?.push(chunk)
    if (state === 'failed' && this.#leave({ kind: 'stream' })) {
      this.call?.abort()
      return true
    }
    return state === undefined && this.#heldBytes <= MOST_HELD ? true : this.#pass()
  }

  onEnd (): void {
    if (!this.#passed && this.#leave({ kind: 'stream' })) return
    this.#pass()
    this.#handler.onEnd()
  }

  onError (error: GatewayError): void {
    if (!this.#passed && this.#leave(this.#beginning === undefined ? { kind: 'error', error, reached: this.call?.reached === true } : { kind: 'stream' })) return
    if (this.#beginning !== undefined) this.#pass()
    this.#passed = true
    clearTimeout(this.#patience)
    this.#handler.onError(error)
  }

  /** Nothing came of it in time. */
  #loseIt (): void {
    if (!this.#passed && this.#leave({ kind: 'stream' })) this.call?.abort()
  }

  /** @returns whether it is left */
  #leave (trouble: Trouble): boolean {
    if (this.#left || !this.#options.goOn(trouble)) return this.#left
    this.#left = true
    this.#held = []
    clearTimeout(this.#patience)
    return true
  }

  /** From now on the reply is the handler's, with all that was held back. @returns whether it takes more */
  #pass (): boolean {
    if (this.#passed) return true
    this.#passed = true
    clearTimeout(this.#patience)
    this.#handler.onHead(...this.#head)
    let flowing = true
    for (const chunk of this.#held) flowing = this.#handler.onData(chunk) && flowing
    this.#held = []
    return flowing
  }

  #skip (chunk: Buffer): boolean {
    this.#unread += chunk.length
    if (this.#unread > MOST_UNREAD) this.call?.abort()
    return true
  }
}
