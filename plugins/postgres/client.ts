import { Worker } from 'node:worker_threads'
import { redactor, type Redact } from '../logging/redact.ts'

/** What is on its way together does not wait for the rest. */
export type Lane = 'rows' | 'reports'
export type Value = string | number | boolean | null
export type Row = Record<string, unknown>

/** What the thread is told. */
export interface Task { id: number, lane: Lane, sql: string, values: Value[] }
/** What it answers; the first is that it has started. */
export type Reply = 'started' | { id: number, rows: Row[] } | { id: number, error: string, code: string }

/** Postgres said no, or nothing in time, or is not there. */
export class PostgresError extends Error {
  override name = 'PostgresError'
  /** SQLSTATE, or the operating system's or the client's own. */
  readonly code: string

  constructor (message: string, code: string) {
    super(message)
    this.code = code
  }
}

export const TIMEOUT = 'TIMEOUT'

interface Asked {
  resolve: (rows: Row[]) => void
  reject: (error: PostgresError) => void
}

/** Postgres by way of a thread. It starts when there is something to ask, and anew after a question that got no answer. */
export class PostgresClient {
  readonly #url: string
  readonly #redact: Redact
  readonly #asked = new Map<number, Asked>()
  #worker: Worker | undefined
  #started: Promise<void> = Promise.resolve()
  #count = 0
  #closed = false

  constructor (url: string) {
    this.#url = url
    const password = decodeURIComponent(new URL(url).password)
    this.#redact = redactor(password === '' ? [] : [password])
  }

  /** @param patience ms @throws {PostgresError} */
  async query (lane: Lane, sql: string, values: Value[], patience: number): Promise<Row[]> {
    if (this.#closed) throw new PostgresError('the connection is closed', 'CLOSED')
    const worker = this.#worker ??= this.#start()
    const id = ++this.#count
    let timer: NodeJS.Timeout | undefined
    const answer = new Promise<Row[]>((resolve, reject) => this.#asked.set(id, { resolve, reject }))
    worker.postMessage({ id, lane, sql, values } satisfies Task)
    // What a busy machine takes to start a thread is no fault of Postgres'.
    void this.#started.then(() => {
      // A connection on which nothing comes any more ends with the thread, and with it all that waits for it.
      if (this.#asked.has(id)) timer = setTimeout(() => this.#end(worker, new PostgresError(`no answer within ${patience} ms`, TIMEOUT)), patience)
    })
    try {
      return await answer
    } finally {
      clearTimeout(timer)
    }
  }

  async close (): Promise<void> {
    this.#closed = true
    if (this.#worker !== undefined) await this.#end(this.#worker, new PostgresError('the connection is closed', 'CLOSED'))
  }

  #start (): Worker {
    const here = import.meta.url
    const worker = new Worker(new URL(`./thread${here.slice(here.lastIndexOf('.'))}`, here), { workerData: this.#url })
    worker.unref()
    let started = (): void => {}
    this.#started = new Promise((resolve) => { started = resolve })
    worker.on('message', (reply: Reply) => {
      if (reply === 'started') return started()
      const asked = this.#asked.get(reply.id)
      this.#asked.delete(reply.id)
      if ('rows' in reply) asked?.resolve(reply.rows)
      else asked?.reject(new PostgresError(this.#redact(reply.error), reply.code))
    })
    worker.on('error', (error) => void this.#end(worker, new PostgresError(this.#redact(error instanceof Error ? error.message : String(error)), 'THREAD')))
    worker.on('exit', () => void this.#end(worker, new PostgresError('the thread ended', 'THREAD')))
    return worker
  }

  async #end (worker: Worker, error: PostgresError): Promise<void> {
    if (this.#worker !== worker) return
    this.#worker = undefined
    const asked = [...this.#asked.values()]
    this.#asked.clear()
    for (const { reject } of asked) reject(error)
    await worker.terminate()
  }
}
