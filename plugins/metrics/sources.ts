import type { FastifyInstance } from 'fastify'
import { droppedLines } from '../logging/sink.ts'
import type { Prices } from '../prices/index.ts'
import { inSlices } from '../slices.ts'
import type { OriginStats } from '../upstream/index.ts'
import type { Kind } from '../upstream/resends.ts'
import { version } from '../version.ts'
import type { Values } from './shown.ts'
import { targetStates } from './targets.ts'

/** Where the gateway stands, for whoever asks now. */
export interface Sources {
  prices: Pick<Prices, 'find'>
  inFlight (): number
  /** Nano-dollars, and tokens. */
  holds (): { count: number, money: number, tokens: number }
  bounds (): { spared: number, falseRefusals: number }
  pools (): OriginStats[]
  /** At each origin. */
  most: { connections: number, queued: number }
  resends (kind: Kind): Values
  targets (): Promise<Values>
  dependencies (): Record<string, boolean>
  ledger (): { waiting: number, lost: number, spool: number }
  dropped (): { exchanges: number, lines: number }
  spansLost (): number
  keys (): number
  info (): { version: string, prices: string }
}

export function sourcesOf ({ config, database, exchanges, keys, postgres, prices, quota, tracing, upstream }: FastifyInstance): Sources {
  return {
    prices,
    inFlight: () => exchanges.open,
    holds: () => ({ count: quota.held, ...quota.heldSums }),
    bounds: () => quota.bounds,
    pools: () => upstream.stats(),
    most: { connections: config.maxUpstreamConnections, queued: config.maxQueue },
    * resends (kind) {
      for (const [{ provider, reason }, count] of upstream.resends.values(kind)) yield [{ provider, reason }, count]
    },
    targets: () => inSlices(targetStates(keys.all(), (id) => upstream.health.state(id))),
    dependencies () {
      const redis = quota.state()
      return {
        disk: database?.healthy === true,
        logs: exchanges.healthy,
        keys: keys.healthy,
        ...redis !== undefined && { redis: redis === 'up' },
        ...postgres !== null && { postgres: postgres.state() === 'up' }
      }
    },
    ledger: () => ({ waiting: database?.waiting ?? 0, lost: database?.lost ?? 0, spool: postgres?.waiting ?? 0 }),
    dropped: () => ({ exchanges: exchanges.dropped, lines: droppedLines() }),
    spansLost: () => tracing.lost,
    keys: () => keys.size,
    info: () => ({ version, prices: prices.version })
  }
}
