import type { FastifyBaseLogger } from 'fastify'
import { PostgresError, TIMEOUT, type PostgresClient } from './client.ts'
import { MIGRATE, SHIP } from './schema.ts'
import type { Batch, Spool } from './spool.ts'

/** Rows of one batch. */
const MOST = 500
/** ms between two looks at what waits. */
const LOOK = 200
/** ms that Postgres has for a batch, and for what comes before the first. */
const PATIENCE = 5000
/** ms between two tries while it is away. */
const FIRST_PAUSE = 100
const LONGEST_PAUSE = 2000
/** ms between two messages of one kind. */
const REPORT = 60_000
/** ms for what still waits when the gateway stops. */
const LAST_PATIENCE = 2000

/** SQLSTATE classes 22 and 23: it is the rows that are not as they should be, and no later try will find them better. */
const ROW_FAULT = /^2[23]/

export interface ShipperOptions {
  client: PostgresClient
  spool: Spool
  /** This gateway, as its rows in Postgres name it. */
  gateway: string
  log: Pick<FastifyBaseLogger, 'debug' | 'info' | 'warn' | 'error'>
  /** ms. Default: five seconds. */
  patience?: number
}

/** Takes rows from the spool to Postgres: batch after batch in order, each until it is acknowledged. */
export class Shipper {
  readonly #options: ShipperOptions
  readonly #patience: number
  #size = MOST
  /** Whether rows are sent one by one and mended, since together they were not taken. */
  #careful = false
  #migrated = false
  #failures = 0
  #reportedAt = -Infinity
  #reported = false
  #stopping = false
  #wake = (): void => {}
  #running: Promise<void> = Promise.resolve()

  constructor (options: ShipperOptions) {
    this.#options = options
    this.#patience = options.patience ?? PATIENCE
  }

  /** Whether Postgres took what was last sent, or, before anything was, whether it answered. */
  get up (): boolean {
    return this.#migrated && this.#failures === 0
  }

  start (): void {
    this.#running = this.#run()
  }

  /** Sends what waits, if that is soon done. */
  async stop (): Promise<void> {
    this.#stopping = true
    this.#wake()
    let timer: NodeJS.Timeout | undefined
    await Promise.race([this.#running, new Promise((resolve) => { timer = setTimeout(resolve, LAST_PATIENCE) })])
    clearTimeout(timer)
  }

  async #run (): Promise<void> {
    while (true) {
      const more = await this.#step()
      if (this.#stopping && !more) return
      if (!more) await this.#pause(this.#failures === 0 ? LOOK : Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(this.#failures, 10)))
    }
  }

  /** @returns whether there may be more to do at once */
  async #step (): Promise<boolean> {
    const { client, spool, gateway } = this.#options
    let batch: Batch | undefined
    try {
      if (!this.#migrated) {
        await client.query('rows', MIGRATE, [], this.#patience)
        this.#migrated = true
        this.#back()
      }
      if (spool.empty) return spool.fill()
      batch = await spool.next(this.#size)
      if (batch === undefined) return false
      await client.query('rows', SHIP, [gateway, this.#careful ? mended(batch.rows) : batch.rows], this.#patience)
    } catch (error) {
      return this.#failed(error, batch)
    }
    spool.take(batch)
    this.#careful &&= this.#size < MOST
    this.#size = Math.min(MOST, this.#size * 2)
    this.#back()
    // Where the disk takes no writes, the same rows would be next again.
    return spool.writable
  }

  #failed (error: unknown, batch: Batch | undefined): boolean {
    const { log, spool } = this.#options
    const { code, message } = error instanceof PostgresError ? error : { code: '', message: String(error) }
    if (batch !== undefined && ROW_FAULT.test(code)) {
      if (this.#careful && this.#size === 1) {
        log.error({ reason: message, code, rows: batch.rows.slice(0, 2000) }, 'Postgres does not take a row: it stays in DATA_DIR only')
        spool.take(batch)
      }
      this.#careful = true
      this.#size = 1
      return spool.writable
    }
    if (code === TIMEOUT) this.#size = Math.max(1, this.#size >> 1)
    this.#migrated = false
    this.#failures++
    if (performance.now() - this.#reportedAt >= REPORT) {
      this.#reportedAt = performance.now()
      this.#reported = true
      log.warn({ reason: message, code }, 'Postgres is away: rows wait in DATA_DIR')
    } else {
      log.debug({ reason: message, code }, 'Postgres is away still')
    }
    return false
  }

  #back (): void {
    this.#failures = 0
    if (!this.#reported) return
    this.#reported = false
    this.#options.log.info('Postgres takes rows again')
  }

  async #pause (ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref()
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

/** Texts that Postgres has no room for (NUL, halves of characters) with a mark in their place. */
function mended (rows: string): string {
  return JSON.stringify(JSON.parse(rows, (_name, value: unknown) =>
    typeof value === 'string' ? value.replace(/\0|\p{Surrogate}/gu, '\uFFFD') : value))
}
