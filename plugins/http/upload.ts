import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import { LinkedList, type Place } from '../linked-list.ts'

/** ms without a byte after which an upload has stalled. */
const STALL = 10_000
/** ms that an upload may be slow for. */
const PATIENCE = 20_000
/** Bytes a second that are not slow: a large body on a poor line still gets through. */
const SLOW = 8 * 1024
/** ms between two looks. */
const INTERVAL = 2500

/** A request whose body is still to come. */
export type Upload = Place<{ request: IncomingMessage, progress: Progress | undefined }>

/** How an upload stood at the last look. */
interface Progress {
  /** Of its connection, at the first look and at the last. */
  from: number
  bytes: number
  /** ms since the first look, and since the last one that found more bytes. */
  elapsed: number
  idle: number
}

/**
 * Ends uploads that stall or trickle with a 408: a client that sends a byte a second would hold its place for ever. All are
 * looked at together, so that one that is there at once, as nearly all are, costs next to nothing.
 */
export class Uploads {
  readonly #open = new LinkedList<Upload['member']>()

  constructor () {
    setInterval(() => this.#look(), INTERVAL).unref()
  }

  begin (request: IncomingMessage): Upload {
    return this.#open.add({ request, progress: undefined })
  }

  /** Its body is there. */
  end (upload: Upload): void {
    this.#open.remove(upload)
  }

  #look (): void {
    for (const upload of this.#open.places()) {
      const { request, progress } = upload.member
      const { bytesRead } = request.socket
      if (request.complete || request.destroyed) this.#open.remove(upload)
      else if (progress === undefined) upload.member.progress = { from: bytesRead, bytes: bytesRead, elapsed: 0, idle: 0 }
      else if (isLost(progress, bytesRead)) this.#give(upload)
    }
  }

  #give (upload: Upload): void {
    this.#open.remove(upload)
    const { request } = upload.member
    // Whoever reads the body takes this for its end, and answers. Where nobody does, the answer is out already.
    if (request.listenerCount('error') === 0) request.destroy()
    else request.emit('error', new GatewayError('request_timeout', { headers: { connection: 'close' } }))
  }
}

/** Those of all servers of this process. */
export const uploads = new Uploads()

/** Notes how far it has come. @returns whether it is too slow to wait for */
function isLost (progress: Progress, bytes: number): boolean {
  progress.elapsed += INTERVAL
  progress.idle = bytes === progress.bytes ? progress.idle + INTERVAL : 0
  progress.bytes = bytes
  const slow = progress.elapsed >= PATIENCE && (bytes - progress.from) / progress.elapsed * 1000 < SLOW
  return slow || progress.idle >= STALL
}
