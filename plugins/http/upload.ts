import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'

/** ms without a byte after which an upload has stalled. */
const STALL = 10_000
/** ms that an upload may be slow for. */
const PATIENCE = 20_000
/** Bytes a second that are not slow: a large body on a poor line still gets through. */
const SLOW = 8 * 1024
/** ms between two looks. */
const INTERVAL = 2500

/** Ends uploads that stall or trickle with a 408: a client that sends a byte a second would hold its place for ever. */
export function watchUpload (request: IncomingMessage): void {
  let bytes = 0
  let before = 0
  let elapsed = 0
  let idle = 0
  request.on('data', (chunk: Buffer) => { bytes += chunk.length })
  const timer = setInterval(() => {
    elapsed += INTERVAL
    idle = bytes === before ? idle + INTERVAL : 0
    before = bytes
    const slow = elapsed >= PATIENCE && bytes / elapsed * 1000 < SLOW
    if (!slow && idle < STALL) return
    stop()
    // Whoever reads the body takes this for its end, and answers. Where nobody does, the answer is out already.
    if (request.listenerCount('error') === 0) request.destroy()
    else request.emit('error', new GatewayError('request_timeout', { headers: { connection: 'close' } }))
  }, INTERVAL).unref()
  const stop = (): void => clearInterval(timer)
  request.once('end', stop).once('close', stop)
}
