import type { FastifyInstance } from 'fastify'
import { droppedLines } from '../logging/sink.ts'
import type { Prices } from '../prices/index.ts'
import { version } from '../version.ts'

/** Where the gateway stands, for whoever asks now. */
export interface Sources {
  prices: Pick<Prices, 'find'>
  inFlight (): number
  /** Nano-dollars, and tokens. */
  holds (): { count: number, money: number, tokens: number }
  bounds (): { spared: number, falseRefusals: number }
  pools (): Array<{ origin: string, connected: number, free: number, running: number, pending: number, queued: number }>
  dependencies (): Record<string, boolean>
  ledger (): { waiting: number, lost: number, spool: number }
  dropped (): { exchanges: number, lines: number }
  keys (): number
  info (): { version: string, prices: string }
}

export function sourcesOf ({ database, exchanges, keys, postgres, prices, quota, upstream }: FastifyInstance): Sources {
  return {
    prices,
    inFlight: () => exchanges.open,
    holds: () => ({ count: quota.held, ...quota.heldSums }),
    bounds: () => quota.bounds,
    pools: () => upstream.stats(),
    dependencies () {
      const redis = quota.state()
      return {
        disk: database?.healthy === true,
        ...redis !== undefined && { redis: redis === 'up' },
        ...postgres !== null && { postgres: postgres.state() === 'up' }
      }
    },
    ledger: () => ({ waiting: database?.waiting ?? 0, lost: database?.lost ?? 0, spool: postgres?.waiting ?? 0 }),
    dropped: () => ({ exchanges: exchanges.dropped, lines: droppedLines() }),
    keys: () => keys.size,
    info: () => ({ version, prices: prices.version })
  }
}
