/**
 * A thread that asks `/health` ten times a second, and tells how long each answer took and how much of that the gateway's
 * main thread was at work for (on a busy machine it waits for its turn most of the time), or why there was no answer.
 */
import { readFileSync } from 'node:fs'
import { Agent, get } from 'node:http'
import { parentPort, workerData } from 'node:worker_threads'

const { url, pid } = workerData as { url: string, pid: number }
const agent = new Agent({ keepAlive: true })

/** ms of CPU that the main thread has had. */
function worked (): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/schedstat`, 'utf8').split(' ', 1)[0]) / 1e6
}

function ask (): void {
  const [began, before] = [performance.now(), worked()]
  get(`${url}/health`, { agent }, (reply) => {
    reply.resume().on('end', () => {
      parentPort?.postMessage(reply.statusCode === 200 ? { took: performance.now() - began, busy: worked() - before } : `/health answered ${reply.statusCode}`)
    })
  }).on('error', (error) => parentPort?.postMessage(`/health failed: ${error.message}`))
}

setInterval(() => {
  try {
    ask()
  } catch {
    // It is no more, which others notice.
  }
}, 100)
