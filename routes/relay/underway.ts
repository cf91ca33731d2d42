import type { ServerResponse } from 'node:http'
import { turns } from '../../plugins/http/turns.ts'
import { LinkedList } from '../../plugins/linked-list.ts'
import type { Relay } from './relay.ts'

/** ms for one that is silent, once the gateway was told to stop. */
const SILENT_TIMEOUT = 10_000
/** ms without a byte that make one silent. */
const SILENCE = 5_000
/** ms between two looks. */
const INTERVAL = 50

/** The relays whose reply is not with the client yet, and their end when the gateway stops. */
export class Underway {
  /** Rows of requests that are let through, or about to be, and have no relay yet. */
  readonly starting = new Set<string>()
  readonly #replies = new LinkedList<{ relay: Relay, response: ServerResponse }>()
  #stopping = false
  #stopped = false

  /** Whether it is too late for one more. */
  get stopped (): boolean {
    return this.#stopped
  }

  /** @returns what is to be called when its books are closed */
  add (relay: Relay, response: ServerResponse): () => void {
    const place = this.#replies.add({ relay, response })
    if (this.#stopping) announce(response)
    return () => {
      // Its last bytes may still be on their way to a client that takes its time.
      if (response.writableFinished || response.destroyed) this.#replies.remove(place)
      else response.once('close', () => this.#replies.remove(place))
    }
  }

  /**
   * Waits for them. Streams that talk may go on; what is silent is let go earlier, so that a provider that hangs cannot
   * hold the process.
   * @param timeout ms
   */
  async stop (timeout: number): Promise<void> {
    const started = performance.now()
    this.#stopping = true
    for (const { response } of this.#replies) announce(response)
    // What waits for its turn will be one of them.
    while (this.#replies.size + this.starting.size + turns.waiting > 0) {
      const waited = performance.now() - started
      for (const { relay, response } of this.#replies) {
        if (relay.over && waited > timeout) response.destroy()
        else if (relay.draining || waited > timeout || (waited > SILENT_TIMEOUT && relay.silentFor > SILENCE)) relay.shutDown()
      }
      await new Promise((resolve) => setTimeout(resolve, INTERVAL))
    }
    this.#stopped = true
  }
}

/** Tells a client that no further request can come this way, where its reply has not begun. */
function announce (response: ServerResponse): void {
  response.shouldKeepAlive = false
}
