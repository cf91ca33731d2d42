import type { IncomingMessage } from 'node:http'
import { GatewayError } from '../errors.ts'
import { free } from '../memory.ts'
import { turns } from './turns.ts'

/** How many times what has come a body's memory may be: who announces much and sends little shall not take it up. */
const AHEAD = 2

/**
 * Receives a body in one piece of memory. The pieces it comes in, which the parser made for it alone, are freed as they are
 * copied; one that comes in a single piece is that.
 *
 * @param limit bytes
 * @param done called once, with the body or an error
 */
export function receive (request: IncomingMessage, limit: number, done: (error: Error | null, body?: Buffer) => void): void {
  const length = Number(request.headers['content-length'] ?? Infinity)
  let whole: Buffer | undefined
  let size = 0

  request.on('data', take)
  request.on('end', finish)
  request.on('error', leave)

  function take (piece: Buffer): void {
    const before = size
    size += piece.length
    if (size > limit) return leave(new GatewayError('request_too_large', { headers: { connection: 'close' } }))
    if (whole === undefined) {
      whole = piece
      return
    }
    if (whole.length < size) {
      try {
        whole = resized(whole, before, Math.max(size, Math.min(length, AHEAD * size)))
      } catch (cause) {
        // The system has no memory left for it.
        return leave(new GatewayError('overloaded', { headers: { connection: 'close', 'retry-after': '1' }, cause }))
      }
    }
    whole.set(piece, before)
    free(piece)
  }

  function finish (): void {
    quit()
    const body = whole ?? Buffer.alloc(0)
    turns.take(size, (late) => {
      if (request.socket.destroyed) done(new GatewayError('client_closed_request'))
      else if (late) done(new GatewayError('overloaded', { headers: { 'retry-after': '1' } }))
      else done(null, body.length === size ? body : resized(body, size, size))
    })
  }

  function leave (error: Error): void {
    quit()
    done(error)
  }

  function quit (): void {
    request.off('data', take)
    request.off('end', finish)
    request.off('error', leave)
  }
}

/** @param used bytes of it that are */
function resized (bytes: Buffer, used: number, size: number): Buffer {
  const other = Buffer.allocUnsafeSlow(size)
  bytes.copy(other, 0, 0, used)
  free(bytes)
  return other
}
