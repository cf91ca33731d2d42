import { Worker } from 'node:worker_threads'
import { COMPLETION_TOKENS } from '../replies.ts'
import type { Running } from '../targets/target.ts'
import { Connection } from './connection.ts'
import type { Beat } from './metronome.ts'
import { request, whole } from './request.ts'

export interface Paced { good: number, faults: string[], /** ms, of each good reply */ latencies: number[] }

/** ms after the last request in which replies may still come. */
const PATIENCE = 5000
const USAGE = `"completion_tokens":${COMPLETION_TOKENS}`

/**
 * Whole replies at a fixed rate, whether or not earlier ones have come: a target that falls behind is not spared.
 * Latency counts from the moment a request is written.
 */
export async function atRate (running: Running, seconds: number, rate: number): Promise<Paced> {
  const idle: Connection[] = []
  const result: Paced = { good: 0, faults: [], latencies: [] }
  const bytes = request(running, whole)
  const total = Math.round(seconds * rate)
  const open = new Set<Connection>()

  const ask = (): void => {
    let connection = idle.pop()
    while (connection?.open === false) connection = idle.pop()
    connection ??= new Connection('127.0.0.1', running.port)
    const reply = connection
    const sentAt = performance.now()
    let status = 0
    let text = ''
    open.add(reply)
    reply.send(bytes, {
      onHead (code) { status = code },
      onBody (piece) { text += piece.toString('latin1') },
      onEnd () {
        open.delete(reply)
        idle.push(reply)
        if (status !== 200) result.faults.push(`status ${status}`)
        else if (!text.includes(USAGE)) result.faults.push('no usage')
        else {
          result.good++
          result.latencies.push(performance.now() - sentAt)
        }
      },
      onError (error) {
        open.delete(reply)
        result.faults.push(error.message)
      }
    })
  }

  const stop = new Int32Array(new SharedArrayBuffer(4))
  const beat: Beat = { stop, rate }
  const metronome = new Worker(new URL('./metronome.ts', import.meta.url), { workerData: beat })
  await new Promise<void>((resolve, reject) => {
    let sent = 0
    metronome.on('error', reject)
    metronome.on('message', () => {
      if (sent === total) return resolve()
      sent++
      ask()
    })
  })
  Atomics.store(stop, 0, 1)
  Atomics.notify(stop, 0)
  await metronome.terminate()
  for (const deadline = performance.now() + PATIENCE; open.size > 0 && performance.now() < deadline;) await new Promise((resolve) => setTimeout(resolve, 10))
  for (const connection of open) {
    result.faults.push('no reply')
    connection.close()
  }
  for (const connection of idle) connection.close()
  return result
}
