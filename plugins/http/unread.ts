import type { Socket } from 'node:net'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { uploads } from './upload.ts'

/** ms that a client may take to read its answer and close. */
const LINGER = 2000
/** Bytes that are read behind the answer on a connection that ends. */
const MOST = 8 * 1024 * 1024

/** Connections that have had their last answer. */
export const ending = new WeakSet<Socket>()

/**
 * Ends a connection without breaking it: to close while the client still sends would reset it, and the client could miss
 * its answer (RFC 9112 § 9.6).
 */
export function linger (socket: Socket): void {
  if (ending.has(socket)) return
  ending.add(socket)
  socket.end()
  const timer = setTimeout(() => socket.destroy(), LINGER).unref()
  socket.once('close', () => clearTimeout(timer))
}

/**
 * An answer may go out before its request is all there: one that is refused by its head. The rest is read and dropped, so
 * that the client comes to its answer; not for ever, and nothing that is larger than the route takes.
 */
export function dropRest (request: FastifyRequest, reply: FastifyReply): void {
  const { raw, headers, routeOptions: { bodyLimit } } = request
  const most = bodyLimit ?? MOST
  if (Number(headers['content-length']) > most) reply.header('connection', 'close')
  // Node itself closes behind a client that still waits for its 100.
  const closes = reply.getHeader('connection') === 'close' || !reply.raw.shouldKeepAlive || /100-continue/i.test(headers.expect ?? '')
  let left = closes ? MOST : most
  raw.on('data', (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) raw.destroy()
  })
  if (request.upload?.left !== false) request.upload = uploads.begin(raw)
  if (!closes) return
  const { socket } = raw
  socket.destroySoon = () => linger(socket)
  raw.once('end', () => socket.destroy())
}
