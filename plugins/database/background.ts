import { statSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import type { SQLInputValue, SQLOutputValue } from 'node:sqlite'
import type { WriteAheadLog } from './write-ahead-log.ts'
import type { DatabaseWriter } from './writer.ts'

/** Bytes of the write-ahead log at which it is moved into the database: seldom, since writers wait for the last of it. */
const CHECKPOINT_AT = 32 * 1024 * 1024
/** ms between two looks at whether it is time for that. */
const LOOK = 500
/** ms between two looks at whether it has grown: what came in since is put on the disk in one go. */
const SETTLE = 100
/** ms that writes are held back at most so that the log can begin anew. */
const LONGEST_PAUSE = 100

export type Row = Record<string, SQLOutputValue>

/** What the thread is told. */
export type Task = { id: number, checkpoint: true } | { id: number, sql: string, values: SQLInputValue[] }
export type Answer = { id: number, rows: Row[] } | { id: number, error: string }

/**
 * The database's second thread, with a connection of its own: what waits for the disk, or reads through many rows, holds
 * up no reply. It starts when there is something for it to do.
 */
export class Background {
  readonly #file: string
  readonly #writer: DatabaseWriter
  readonly #log: WriteAheadLog
  readonly #checkpointAt: number
  readonly #asked = new Map<number, { resolve: (rows: Row[]) => void, reject: (error: Error) => void }>()
  readonly #looking: NodeJS.Timeout
  readonly #settling: NodeJS.Timeout
  readonly #inode: bigint | undefined
  #gone = false
  #worker: Worker | undefined
  #count = 0
  #moving = false
  #closed = false

  /** @param checkpointAt bytes of the log */
  constructor (file: string, writer: DatabaseWriter, log: WriteAheadLog, checkpointAt = CHECKPOINT_AT) {
    this.#file = file
    this.#log = log
    this.#checkpointAt = checkpointAt
    this.#inode = inodeOf(file)
    this.#writer = writer
    this.#looking = setInterval(() => void this.#look(), LOOK).unref()
    this.#settling = setInterval(() => this.#settle(), SETTLE).unref()
  }

  /** All rows of a query, as of what has been committed so far. */
  read (sql: string, ...values: SQLInputValue[]): Promise<Row[]> {
    return this.#ask({ id: ++this.#count, sql, values })
  }

  async close (): Promise<void> {
    this.#closed = true
    clearInterval(this.#looking)
    clearInterval(this.#settling)
    await this.#worker?.terminate()
  }

  /** Whether the file is gone that is open here: SQLite writes on into what no name leads to, and nobody will find it again. */
  #isGone (): boolean {
    const inode = inodeOf(this.#file)
    // Another one in its place is not this one back.
    this.#gone = inode === undefined || (this.#gone && inode !== this.#inode)
    return this.#gone
  }

  async #look (): Promise<void> {
    if (this.#closed) return
    try {
      this.#writer.refuse(this.#isGone() ? new Error('gateway.db was removed from it while it was in use: put it back, or start the gateway anew') : undefined)
      if (this.#gone || this.#moving || this.#log.size < this.#checkpointAt) return
    } catch {
      // The folder cannot be looked into for now, which says nothing about what is open in it.
      return
    }
    this.#moving = true
    try {
      // Under load writes come in meanwhile, and the log only grows on: the second round has less to do than the first,
      // and with nothing new for the moment that a third one takes the log begins anew.
      await this.#checkpoint()
      await this.#checkpoint()
      await this.#restart()
    } catch {
      // It is tried again at the next look.
    } finally {
      this.#moving = false
    }
  }

  #settle (): void {
    try {
      this.#log.settle((error) => this.#writer.tell(error))
    } catch {
      // It is not there, or no descriptor is left: a later look comes to it.
    }
  }

  async #restart (): Promise<void> {
    this.#writer.pause()
    const patience = setTimeout(() => this.#writer.resume(), LONGEST_PAUSE)
    try {
      await this.#checkpoint()
    } finally {
      clearTimeout(patience)
      this.#writer.resume()
    }
  }

  async #checkpoint (): Promise<void> {
    await this.#ask({ id: ++this.#count, checkpoint: true })
  }

  #ask (task: Task): Promise<Row[]> {
    if (this.#closed) return Promise.reject(new Error('the database is closed'))
    const worker = this.#worker ??= this.#start()
    return new Promise((resolve, reject) => {
      this.#asked.set(task.id, { resolve, reject })
      worker.ref()
      worker.postMessage(task)
    })
  }

  #start (): Worker {
    const here = import.meta.url
    const worker = new Worker(new URL(`./thread${here.slice(here.lastIndexOf('.'))}`, here), { workerData: this.#file })
    worker.unref()
    worker.on('message', (answer: Answer) => {
      const asked = this.#asked.get(answer.id)
      this.#asked.delete(answer.id)
      if (this.#asked.size === 0) worker.unref()
      if ('rows' in answer) asked?.resolve(answer.rows)
      else asked?.reject(new Error(answer.error))
    })
    worker.on('error', () => {})
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      for (const { reject } of this.#asked.values()) reject(new Error('the database is closed'))
      this.#asked.clear()
    })
    return worker
  }
}

function inodeOf (file: string): bigint | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false })?.ino
}
