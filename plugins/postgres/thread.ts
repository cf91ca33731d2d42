/**
 * The thread behind client.ts, which speaks to Postgres. A thread, because the client library can throw where nobody
 * catches when a connection breaks at the wrong moment: that ends this thread, which is started anew, and no gateway.
 */
import { parentPort, workerData } from 'node:worker_threads'
import postgres from 'postgres'
import type { Lane, Reply, Task } from './client.ts'

/** Connections of each lane: rows leave one batch after another, and no report is in their way. */
const most: Record<Lane, number> = { rows: 1, reports: 2 }
const pools = { rows: connect('rows'), reports: connect('reports') }

function connect (lane: Lane): postgres.Sql {
  const { hostname, searchParams } = new URL(workerData as string)
  return postgres(workerData as string, {
    // Left to itself the client takes a certificate for `localhost` where the host is an address.
    ...searchParams.get('sslmode')?.startsWith('verify-') === true && { ssl: { host: hostname.replace(/^\[|\]$/g, '') } },
    max: most[lane],
    // Seconds.
    connect_timeout: 3,
    // Whoever asks waits by itself before it asks again.
    backoff: () => 0,
    // Poolers in between that change connections with every transaction know of no prepared statement.
    prepare: false,
    fetch_types: false,
    onnotice: () => {},
    connection: { application_name: 'llm-gateway' }
  })
}

async function answer ({ id, lane, sql, values }: Task): Promise<Exclude<Reply, 'started'>> {
  const pool = pools[lane]
  try {
    return { id, rows: [...await pool.unsafe(sql, values)] }
  } catch (error) {
    const { message, code } = error as { message?: string, code?: unknown }
    // Nothing of a connection that failed is used again.
    if (pools[lane] === pool) pools[lane] = connect(lane)
    pool.end({ timeout: 0 }).catch(() => {})
    return { id, error: message || String(code), code: String(code) }
  }
}

parentPort?.on('message', (task: Task) => {
  void answer(task).then((reply) => parentPort?.postMessage(reply))
})
parentPort?.postMessage('started' satisfies Reply)
