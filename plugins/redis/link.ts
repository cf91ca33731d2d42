import type { FastifyBaseLogger } from 'fastify'
import type { Redis } from 'ioredis'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Script } from './script.ts'
import { soon } from './soon.ts'

/** ms more for each request before it, and ms in all: Redis is not slow because many come at once. */
const PATIENCE_EACH = 0.5
const PATIENCE_MOST = 250
/** Failures in a row after which nobody asks any more. */
const OPEN_AFTER = 3
/** ms that a connection, with TLS and password, may take. */
const CONNECT = 1000
/** ms between two attempts to connect, at first and at most. */
const FIRST = 50
const LAST = 1000

export type Reply = Array<string | number | Reply>

export interface LinkOptions {
  url: string
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** What has to happen on a new connection before requests use it. It is `call`able meanwhile. @param run which run of Redis */
  greet (run: string): Promise<void>
  /** ms that a request waits for an answer. */
  patience: number
}

/** There is no connection, or it was given up while an answer was awaited. */
export class NotConnected extends Error {
  override name = 'NotConnected'
}

/**
 * The connection to Redis, and the breaker on it: a connection that ends, or that fails three times in a row, is given up at
 * once. From then on nobody waits for Redis; a new connection is made in the background, and is used again once Redis has
 * answered on it as fast as a request would want it to.
 */
export class Link {
  readonly #options: LinkOptions
  readonly #closing = new AbortController()
  #client: Redis | undefined
  #greeting: Promise<void> | undefined
  #up = false
  #run = ''
  #failures = 0
  /** Requests that are being answered. */
  #asking = 0
  #ended = (): void => {}
  #said = ''

  constructor (options: LinkOptions) {
    this.#options = options
  }

  /** Whether requests may ask. */
  get up (): boolean {
    return this.#up
  }

  /** Whether there is a connection, be it only just greeted. */
  get connected (): boolean {
    return this.#client !== undefined
  }

  /** Connects, now and whenever the connection is lost. @returns after the first attempt, whatever came of it */
  async start (): Promise<void> {
    await new Promise<void>((resolve) => { void this.#keep(resolve) })
  }

  /**
   * @param asking how many requests wait for it
   * @throws where there is no connection, no answer in time, or an error for answer
   */
  async call (script: Script, keys: string[], args: Array<string | number>, asking = 1): Promise<Reply> {
    const client = this.#client
    if (client === undefined) throw new NotConnected('not connected to Redis')
    const patience = this.patience()
    this.#asking += asking
    try {
      const reply = await soon(run(client, script, [keys.length, ...keys, ...args]), patience)
      this.#failures = 0
      return reply
    } catch (error) {
      // One answer that is late may be chance, to however many.
      this.#failures += Math.min(asking, 2)
      if (client === this.#client && this.#failures >= OPEN_AFTER) this.#drop(error)
      throw error
    } finally {
      this.#asking -= asking
    }
  }

  /** ms that is waited for an answer. @param before requests that are still to be sent */
  patience (before = 0): number {
    const { patience } = this.#options
    return Math.min(patience + (this.#asking + before) * PATIENCE_EACH, Math.max(patience, PATIENCE_MOST))
  }

  /** Greets again on the same connection: Redis has other data than it had. Requests may wait for it. */
  async greet (): Promise<void> {
    this.#greeting ??= this.#options.greet(this.#run).catch((error: unknown) => {
      this.#drop(error)
      throw error
    }).finally(() => { this.#greeting = undefined })
    await this.#greeting
  }

  close (): void {
    this.#closing.abort()
    this.#drop(new NotConnected('the gateway stops'))
  }

  async #keep (tried: () => void): Promise<void> {
    const { signal } = this.#closing
    let wait = FIRST
    while (!signal.aborted) {
      const since = performance.now()
      const ended = new Promise<void>((resolve) => { this.#ended = resolve })
      try {
        await this.#connect()
        this.#say('info', 'Redis is in use')
        tried()
        await ended
      } catch (error) {
        this.#drop(error)
        tried()
      }
      // One that did not last is tried ever more seldom.
      if (performance.now() - since > 5 * LAST) wait = FIRST
      await sleep(wait, undefined, { signal }).catch(() => {})
      wait = Math.min(wait * 2, LAST)
    }
  }

  async #connect (): Promise<void> {
    const { Redis } = await import('ioredis')
    const client = new Redis(this.#options.url, {
      lazyConnect: true,
      retryStrategy: () => null,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      enableReadyCheck: false,
      maxRetriesPerRequest: 0,
      connectTimeout: CONNECT,
      disableClientInfo: true,
      protocol: 2
    })
    let reason: Error = new NotConnected('Redis closed the connection')
    client.on('error', (error: Error) => { reason = error })
    client.on('close', () => { if (client === this.#client) this.#drop(reason) })
    if (this.#closing.signal.aborted) throw new NotConnected('the gateway stops')
    this.#client = client
    this.#failures = 0
    try {
      await soon(client.connect(), CONNECT)
    } catch (error) {
      throw reason instanceof NotConnected ? error : reason
    }
    this.#run = await soon(runOf(client), CONNECT)
    await this.greet()
    if (client !== this.#client) throw reason
    this.#up = true
  }

  #drop (error: unknown): void {
    const client = this.#client
    this.#client = undefined
    this.#up = false
    if (client === undefined) return
    if (!this.#closing.signal.aborted) this.#say('warn', `Redis is not in use: ${error instanceof Error ? error.message : String(error)}`)
    client.disconnect()
    // A hung peer would keep it open, and what waits for its answers waiting.
    client.stream?.destroy()
    this.#ended()
  }

  /** Each state once: attempts that fail as the one before say nothing. */
  #say (level: 'info' | 'warn', text: string): void {
    if (text === this.#said) return
    this.#said = text
    this.#options.log[level](text)
  }
}

async function run (client: Redis, script: Script, rest: [count: number, ...rest: Array<string | number>]): Promise<Reply> {
  const [count, ...others] = rest
  try {
    return await client.evalsha(script.sha, count, ...others) as Reply
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return await client.eval(script.source, count, ...others) as Reply
  }
}

/** Which run of the server this is: another one may have other data. Some proxies do not tell. */
async function runOf (client: Redis): Promise<string> {
  const info = await client.info('server').catch(() => '')
  return /^run_id:(\w+)/m.exec(info)?.[1] ?? ''
}
