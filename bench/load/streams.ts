import { setTimeout as sleep } from 'node:timers/promises'
import { now } from '../clock.ts'
import type { Running } from '../targets/target.ts'
import { StreamCheck } from './check.ts'
import { Connection } from './connection.ts'
import { request, type Wish } from './request.ts'

export type StreamWish = Extract<Wish, { kind: 'stream' }>

export interface Streamed {
  chunks: number
  /** Chunks of finished streams that never came. */
  lost: number
  faults: string[]
  /** ms from the provider's writing of a chunk to its arrival. */
  latencies: number[]
  /** ms from the request to its first chunk. */
  first: number[]
}

const nothing = (): Streamed => ({ chunks: 0, lost: 0, faults: [], latencies: [], first: [] })

/** One stream on a connection, to its end. */
function stream (connection: Connection, bytes: Buffer, wish: StreamWish, into: Streamed, timed: boolean): Promise<void> {
  return new Promise((resolve) => {
    const sentAt = now()
    let status = 0
    const check = new StreamCheck(timed
      ? (stamp) => {
          const time = now()
          into.latencies.push((time - stamp) / 1000)
          if (check.chunks === 1) into.first.push((time - sentAt) / 1000)
        }
      : undefined)
    const end = (fault: string | undefined): void => {
      into.chunks += check.chunks
      into.lost += Math.max(0, wish.chunks - check.chunks)
      if (fault !== undefined) into.faults.push(fault)
      resolve()
    }
    connection.send(bytes, {
      onHead (code) { status = code },
      onBody (piece) { check.push(piece) },
      onEnd () { end(check.fault(status, wish.chunks)) },
      onError (error) { end(error.message) }
    })
  })
}

/** So many streams at once, opened one after another within a time, each to its end. @param ramp ms */
export async function streamOnce (running: Running, wish: StreamWish, count: number, ramp: number): Promise<Streamed> {
  const result = nothing()
  const bytes = request(running, wish)
  await Promise.all(Array.from({ length: count }, async (_, index) => {
    await sleep(ramp * index / count)
    const connection = new Connection('127.0.0.1', running.port)
    await stream(connection, bytes, wish, result, true)
    connection.close()
  }))
  return result
}

/** Streams one after another on each of so many connections, until the time is over. */
export async function streamOn (running: Running, wish: StreamWish, connections: number, seconds: number): Promise<Streamed> {
  const result = nothing()
  const bytes = request(running, wish)
  const deadline = performance.now() + seconds * 1000
  await Promise.all(Array.from({ length: connections }, async () => {
    let connection = new Connection('127.0.0.1', running.port)
    while (performance.now() < deadline) {
      if (!connection.open) connection = new Connection('127.0.0.1', running.port)
      await stream(connection, bytes, wish, result, false)
    }
    connection.close()
  }))
  return result
}

/** Opens so many streams, and resolves when each has had its first chunk. */
export async function hold (running: Running, wish: StreamWish, count: number): Promise<{ faults: string[], close: () => void }> {
  const faults: string[] = []
  const connections: Connection[] = []
  const bytes = request(running, wish)
  await Promise.all(Array.from({ length: count }, async (_, index) => {
    await sleep(index)
    const connection = new Connection('127.0.0.1', running.port)
    connections.push(connection)
    await new Promise<void>((resolve) => {
      const check = new StreamCheck(() => resolve())
      connection.send(bytes, {
        onHead (status) { if (status !== 200) faults.push(`status ${status}`) },
        onBody (piece) { check.push(piece) },
        onEnd () { faults.push('ended'); resolve() },
        onError (error) { faults.push(error.message); resolve() }
      })
    })
  }))
  return { faults, close: () => { for (const connection of connections) connection.close() } }
}

/** Reads one stream, no faster than so many bytes a second. */
export async function readSlowly (running: Running, wish: StreamWish, rate: number): Promise<Streamed> {
  const result = nothing()
  const connection = new Connection('127.0.0.1', running.port)
  const start = performance.now()
  let taken = 0
  let status = 0
  const check = new StreamCheck()
  await new Promise<void>((resolve) => {
    const end = (fault: string | undefined): void => {
      result.chunks = check.chunks
      result.lost = wish.chunks - check.chunks
      if (fault !== undefined) result.faults.push(fault)
      resolve()
    }
    connection.send(request(running, wish), {
      onHead (code) { status = code },
      onBody (piece) {
        check.push(piece)
        taken += piece.length
        const early = taken / rate * 1000 - (performance.now() - start)
        if (early < 5) return
        connection.pause()
        setTimeout(() => connection.resume(), early)
      },
      onEnd () { end(check.fault(status, wish.chunks)) },
      onError (error) { end(error.message) }
    })
  })
  connection.close()
  return result
}
