/**
 * A thread that says when to send: timers of an event loop know whole milliseconds only, and requests sent three at a
 * time would wait for one another.
 */
import { workerData, parentPort } from 'node:worker_threads'

/** `stop[0]` becomes 1 when it is over. */
export interface Beat { stop: Int32Array, rate: number }

const { stop, rate } = workerData as Beat
const start = performance.now()
for (let beat = 1; Atomics.load(stop, 0) === 0; beat++) {
  const wait = start + beat * 1000 / rate - performance.now()
  if (wait > 0) Atomics.wait(stop, 0, 0, wait)
  parentPort?.postMessage(beat)
}
