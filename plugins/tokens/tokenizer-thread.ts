import { Worker } from 'node:worker_threads'
import type { Encoding } from '../../providers/tokenizers.ts'
import type { Answer, Question } from './thread.ts'

export interface ThreadOptions {
  /** ms a question may take, waiting included. */
  timeout?: number
  /** ms without a question after which the thread ends. */
  idle?: number
  /** Questions that may wait. */
  waiting?: number
  /** The thread's program. */
  entry?: URL
}

interface Job extends Question {
  answer: (tokens: number | undefined) => void
  timer: NodeJS.Timeout
}

/** ms the thread may take to come up, with its tokenizer: later questions profit. */
const START = 10_000
/** ms without a thread after one that failed. */
const PAUSE = 60_000

/**
 * The tokenizer's thread: started by the first question, ended when there have been none for a while, and never waited
 * for. A question that takes too long, or that nothing can answer, is answered with `undefined`.
 */
export class TokenizerThread {
  readonly #options: Required<ThreadOptions>
  readonly #missing = new Set<Encoding>()
  /** The first of them is with the thread. */
  readonly #jobs: Job[] = []
  #worker: Worker | undefined
  /** The thread has answered once. */
  #ready = false
  #idle: NodeJS.Timeout | undefined
  #pausedUntil = -Infinity

  constructor ({ timeout = 2000, idle = 300_000, waiting = 64, entry = ENTRY }: ThreadOptions = {}) {
    this.#options = { timeout, idle, waiting, entry }
  }

  /** Whether there is a thread. */
  get running (): boolean {
    return this.#worker !== undefined
  }

  count (encoding: Encoding, text: string): Promise<number | undefined> {
    if (this.#missing.has(encoding) || this.#jobs.length >= this.#options.waiting || performance.now() < this.#pausedUntil) return Promise.resolve(undefined)
    return new Promise((resolve) => {
      const job: Job = { encoding, text, answer: resolve, timer: setTimeout(() => this.#late(job), this.#options.timeout) }
      this.#jobs.push(job)
      if (this.#jobs.length === 1) this.#next()
    })
  }

  /** Ends the thread. What waits is answered with `undefined`. */
  async close (): Promise<void> {
    this.#pausedUntil = Infinity
    const jobs = this.#jobs.splice(0)
    for (const job of jobs) finish(job, undefined)
    await this.#stop()
  }

  #next (): void {
    const [job] = this.#jobs
    clearTimeout(this.#idle)
    if (job === undefined) {
      this.#idle = setTimeout(() => void this.#stop(), this.#options.idle).unref()
      return
    }
    this.#worker ??= this.#start()
    const { encoding, text } = job
    this.#worker.postMessage({ encoding, text } satisfies Question)
  }

  #start (): Worker {
    const worker = new Worker(this.#options.entry)
    worker.unref()
    worker.on('message', (answer: Answer) => this.#answered(worker, answer))
    worker.on('error', () => this.#failed(worker))
    worker.on('exit', () => this.#failed(worker))
    return worker
  }

  #answered (worker: Worker, { tokens, missing }: Answer): void {
    if (worker !== this.#worker) return
    this.#ready = true
    const job = this.#jobs.shift()
    if (job === undefined) return
    if (missing === true) this.#missing.add(job.encoding)
    finish(job, tokens)
    this.#next()
  }

  /** Too late for the one who asked. A thread that is only coming up is given more time. */
  #late (job: Job): void {
    if (job !== this.#jobs[0]) {
      this.#jobs.splice(this.#jobs.indexOf(job), 1)
      return finish(job, undefined)
    }
    if (!this.#ready) job.timer = setTimeout(() => this.#failed(this.#worker), START - this.#options.timeout).unref()
    job.answer(undefined)
    if (!this.#ready) return
    this.#jobs.shift()
    void this.#stop()
    this.#next()
  }

  #failed (worker: Worker | undefined): void {
    if (worker !== this.#worker) return
    this.#pausedUntil = Math.max(this.#pausedUntil, performance.now() + PAUSE)
    for (const job of this.#jobs.splice(0)) finish(job, undefined)
    void this.#stop()
  }

  async #stop (): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    this.#ready = false
    await worker?.terminate()
  }
}

function finish (job: Job, tokens: number | undefined): void {
  clearTimeout(job.timer)
  job.answer(tokens)
}

/** Beside this file, in its own language: the sources and what is built of them lie alike. */
const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url)
