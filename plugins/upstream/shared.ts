import { randomUUID } from 'node:crypto'
import type { FastifyBaseLogger } from 'fastify'
import { Link } from '../redis/link.ts'
import { exchange, exchangeKeys } from './exchange.ts'
import type { Health } from './health.ts'

export interface SharedOptions {
  url: string
  log: Pick<FastifyBaseLogger, 'debug'>
  /** ms between two looks at what others have learned. Default: half a second. */
  every?: number
}

/** ms that an answer of Redis may take: no request waits for it. */
const PATIENCE = 1000

/**
 * What all gateways on one Redis know of the targets together. Each goes by its own `Health` and never asks Redis on a
 * request's way: what it learns it tells at once, and what others have learned it reads again and again. While Redis is
 * away each knows for itself; what it learned meanwhile is told when it is back, as of when it was learned.
 */
export class Shared {
  readonly #health: Health
  readonly #options: SharedOptions
  readonly #link: Link
  readonly #gateway = randomUUID()
  /** What is still to be told: targets, and when it was learned. */
  #news = new Map<string, number>()
  #epoch = ''
  #version = 0
  #timer: NodeJS.Timeout | undefined
  #exchanging: Promise<void> | undefined

  constructor (health: Health, options: SharedOptions) {
    this.#health = health
    this.#options = options
    // The limits' own connection tells, for all to read, whether Redis is there.
    const say = (text: string): void => options.log.debug(`targets: ${text}`)
    this.#link = new Link({ url: options.url, log: { info: say, warn: say }, greet: async () => await this.#exchange(), patience: PATIENCE })
  }

  /** Whether others are heard. */
  get up (): boolean {
    return this.#link.up
  }

  start (): void {
    this.#health.onLearned = (id, at) => this.#tell(id, at)
    this.#link.start().catch(() => {})
    this.#timer = setInterval(() => this.#look(), this.#options.every ?? 500).unref()
  }

  close (): void {
    clearInterval(this.#timer)
    this.#health.onLearned = undefined
    this.#link.close()
  }

  #tell (id: string, at: number): void {
    if (this.#news.size === 0) setImmediate(() => this.#look())
    this.#news.set(id, at)
  }

  #look (): void {
    if (this.#link.up && this.#exchanging === undefined) this.#exchange().catch(() => {})
  }

  async #exchange (): Promise<void> {
    this.#exchanging ??= this.#exchangeNews().finally(() => { this.#exchanging = undefined })
    await this.#exchanging
  }

  async #exchangeNews (): Promise<void> {
    const news = this.#news
    this.#news = new Map()
    try {
      const [epoch, version, now, ...heard] = await this.#link.call(exchange, exchangeKeys, [
        this.#gateway, randomUUID(), this.#epoch, this.#version, ...[...news].flatMap(([id, at]) => this.#said(id, at))
      ])
      // Redis has lost what it had, or this is the first word.
      const other = epoch !== this.#epoch || Number(version) < this.#version
      this.#epoch = String(epoch)
      this.#version = Number(version)
      for (let i = 0; i < heard.length; i += 2) this.#hear(String(heard[i]), String(heard[i + 1]), Number(now))
      if (!other) return
      for (const [id, { at }] of this.#health.atRest()) if (!news.has(id)) this.#tell(id, at)
    } catch (error) {
      this.#news = new Map([...news, ...this.#news])
      throw error
    }
  }

  #said (id: string, at: number): Array<string | number> {
    const now = this.#health.now()
    const { until = now, rest = 0, failures = 0 } = this.#health.standing(id) ?? {}
    return [id, Math.max(0, Math.round(now - at)), Math.round(until - now), rest, failures, at]
  }

  /** @param now Redis' time */
  #hear (id: string, text: string, now: number): void {
    const [at = 0, until = 0, rest = 0, failures = 0] = text.split(' ', 4).map(Number)
    // What is still to be told of it is held against this there.
    if (text === '' || text.endsWith(` ${this.#gateway}`) || this.#news.has(id)) return
    const here = this.#health.now() - now
    this.#health.hear(id, failures === 0 ? undefined : { at: at + here, until: until + here, rest, failures })
  }
}
