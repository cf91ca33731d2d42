import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import { Server as TlsServer } from 'node:tls'

/**
 * Connections that have not sent a whole head yet, such as those that a client opens in advance. Node's own `close`
 * waits for them, and has stopped their timers by then.
 * @returns what ends them
 */
export function watchSilent (server: Server): () => void {
  const silent = new Set<Socket>()
  /** Those that still shake hands, by their other end. */
  const shaking = new Map<string, Socket>()
  server.on('connection', (socket: Socket) => {
    silent.add(socket)
    const end = endOf(socket)
    if (server instanceof TlsServer) shaking.set(end, socket)
    socket.once('close', () => {
      silent.delete(socket)
      if (shaking.get(end) === socket) shaking.delete(end)
    })
  })
  // The same connection, as another socket.
  server.on('secureConnection', (socket: Socket) => {
    const shaken = shaking.get(endOf(socket))
    if (shaken !== undefined) silent.delete(shaken)
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
  })
  server.on('request', ({ socket }: IncomingMessage) => { silent.delete(socket) })
  const end = (): void => {
    for (const socket of silent) socket.destroy()
  }
  return () => {
    end()
    // Until the gateway's streams are at their end others may come.
    const ending = setInterval(end, 1000).unref()
    server.once('close', () => clearInterval(ending))
  }
}

function endOf ({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
