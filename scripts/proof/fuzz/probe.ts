/** A thread that asks `/health` ten times a second, and tells how long each answer took, or why there was none. */
import { parentPort, workerData } from 'node:worker_threads'
import { Agent, get } from 'node:http'

const agent = new Agent({ keepAlive: true })

setInterval(() => {
  const began = performance.now()
  get(`${String(workerData)}/health`, { agent }, (reply) => {
    reply.resume().on('end', () => parentPort?.postMessage(reply.statusCode === 200 ? performance.now() - began : `/health answered ${reply.statusCode}`))
  }).on('error', (error) => parentPort?.postMessage(`/health failed: ${error.message}`))
}, 100)
