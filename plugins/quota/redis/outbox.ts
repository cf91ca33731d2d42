import { keys } from './keys.ts'
import { NotConnected, type Link } from '../../redis/link.ts'
import { encode, type Message } from './messages.ts'
import { apply } from './scripts/apply.ts'

/** Messages in one step of Redis: it does nothing else meanwhile. */
const BATCH = 100
/** ms after which what failed is sent again. */
const AGAIN = 50

interface Numbered { number: number, message: Message }
interface Waiter { number: number, resolve: () => void, reject: (error: unknown) => void }

/** Who sends, and about which data. */
export interface Sender { epoch: string, source: string, owner: string, lease: number }

/**
 * What this gateway has to tell Redis: each message exactly once and in order, however often it has to be sent. Redis
 * remembers the number of the last one it applied. What waits while Redis is away is no more than the holds that were open.
 */
export class Outbox {
  readonly #link: Link
  readonly #sender: () => Sender
  /** Redis has these of other data than it had. */
  readonly #outdated: () => void
  readonly #complain: (text: string) => void
  readonly #waiters: Waiter[] = []
  #queue: Numbered[] = []
  #number = 0
  #sending = false

  constructor (link: Link, sender: () => Sender, outdated: () => void, complain: (text: string) => void) {
    this.#link = link
    this.#sender = sender
    this.#outdated = outdated
    this.#complain = complain
  }

  get size (): number {
    return this.#queue.length
  }

  push (...messages: Message[]): void {
    this.pushAll(messages)
  }

  /** However many: after a long outage there may be more than a call takes as arguments. */
  pushAll (messages: readonly Message[]): void {
    for (const message of messages) this.#queue.push({ number: ++this.#number, message })
    this.send()
  }

  /** Resolves once all that was pushed until now is applied. @throws where sending fails; it is sent again all the same */
  async applied (): Promise<void> {
    if (this.#queue.length === 0) return
    if (!this.#link.connected) throw new NotConnected('not connected to Redis')
    const number = this.#number
    await new Promise<void>((resolve, reject) => { this.#waiters.push({ number, resolve, reject }) })
  }

  /** Forgets what was not applied: it is about data that is no more. */
  clear (): void {
    this.#queue = []
    this.#fail(new Error('Redis has other data'))
  }

  /** Sends what there is, once this turn of the event loop is over. */
  send (): void {
    if (this.#sending || this.#queue.length === 0 || !this.#link.connected) return
    this.#sending = true
    setImmediate(() => { void this.#sendAll() })
  }

  async #sendAll (): Promise<void> {
    try {
      while (this.#queue.length > 0) await this.#sendSome(this.#queue.slice(0, BATCH))
    } catch (error) {
      this.#fail(error)
      setTimeout(() => this.send(), AGAIN).unref()
    } finally {
      this.#sending = false
    }
  }

  #fail (error: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(error)
  }

  async #sendSome (batch: Numbered[]): Promise<void> {
    const { epoch, source, owner, lease } = this.#sender()
    const [first, last] = [batch[0]?.number ?? 0, batch.at(-1)?.number ?? 0]
    const reply = await this.#link.call(apply, [keys.meta, keys.owners, keys.holds(owner), keys.applied(owner)],
      [epoch, source, owner, lease, first, ...batch.map(({ message }) => JSON.stringify(encode(message)))])
    // Whoever hears of it clears these, and tells anew what holds.
    if (reply[0] === 'epoch') return this.#outdated()
    if (reply[2] !== undefined) this.#complain(`Redis did not take a message: ${String(reply[2])}`)
    this.#queue = this.#queue.filter(({ number }) => number > last)
    while ((this.#waiters[0]?.number ?? Infinity) <= last) this.#waiters.shift()?.resolve()
  }
}
