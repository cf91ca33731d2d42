import fp from 'fastify-plugin'
import { GatewayError } from '../errors.ts'
import type { Exchange } from '../logging/exchange.ts'
import { bounded } from '../logging/line.ts'
import { redactorFor } from '../logging/redact.ts'
import type { Gauge, Used } from '../quota/store.ts'
import { asNumber } from './reports/usage.ts'
import { recentWindows, windowName } from './recent.ts'
import { mark, openFrom, recover } from './recover.ts'
import { keepDeleting } from './retention.ts'
import { CLOSE, closed, MOVE, moved, OPEN, opened } from './row.ts'
import { Sums, TOKENS } from './sums.ts'

declare module 'fastify' {
  interface FastifyInstance {
    ledger: Ledger
  }
}

export interface Ledger {
  /**
   * Opens a request's row. Nothing of it may go upstream before `then`, which is called once the row is on disk, or at
   * once where the disk takes none and the request may go on without.
   * @param then with an error, `ledger_unavailable`, where it may not: then there is no row
   */
  open (exchange: Exchange, then: (refusal?: GatewayError) => void): void
  /** Closes it. Once for each request that was opened. */
  close (exchange: Exchange): void
  /** What is known to have been used of a counter, from before this process and from rows that are closed. */
  used (gauge: Gauge): Used
}

/** ms between two notes of how far back an open row can be. */
const MARK = 5000

const USED = `SELECT ${asNumber('sum(requests)')} AS requests, ${asNumber(`sum(${TOKENS})`)} AS tokens, ${asNumber('sum(cost)')} AS money FROM sums WHERE owner = ? AND slot >= ?`

/**
 * `fastify.ledger`: one row for every request that goes out, opened before its first byte does and closed once, however
 * it ends. Rows of one turn of the event loop are written in one transaction. Quota and budgets are caches of it.
 */
export default fp(async (fastify) => {
  const { database, postgres, config: { dataDir, ledgerOnError, ledgerRetention }, log } = fastify
  if (database === null) {
    fastify.decorate('ledger', unwritten(ledgerOnError))
    return
  }
  const sums = new Sums()
  database.contribute(() => sums.take())
  const interrupted = read(() => recover(database, sums))
  // Counters are made from what stands here.
  if (!database.flush()) log.error('the ledger cannot be written: requests that an earlier process left open stay so')
  if (interrupted > 0) log.warn({ rows: interrupted }, 'requests that the last process left open were charged at their hold')

  const recent = read(() => recentWindows(database))
  const opening = new Set<number>()
  // Retention may have taken the last row, and below the mark nobody looks for open ones.
  let seq = Math.max(Number(database.get('SELECT max(seq) AS seq FROM requests')?.['seq'] ?? 0), openFrom(database) - 1)
  let marked = 0

  /** Whoever starts it must be told which file it is. */
  function read<T> (from: () => T): T {
    try {
      return from()
    } catch (error) {
      throw new Error(`cannot read the ledger in DATA_DIR ${JSON.stringify(dataDir)}: ${error instanceof Error ? error.message : String(error)}; move gateway.db away to begin a new one`, { cause: error })
    }
  }

  fastify.decorate('ledger', {
    open (exchange, then) {
      const row = exchange.row = ++seq
      const write = database.write(OPEN, opened(exchange, row))
      opening.add(row)
      database.commit((error) => {
        if (error === undefined || !refuses(ledgerOnError, exchange)) return then()
        write.withdrawn = true
        opening.delete(row)
        exchange.row = undefined
        then(new GatewayError('ledger_unavailable'))
      })
    },
    close (exchange) {
      const { row, key, usage, charge } = exchange
      if (row === undefined) return
      opening.delete(row)
      if (exchange.moved) database.write(MOVE, moved(exchange, row))
      database.write(CLOSE, closed(exchange, row))
      sums.add({
        startedAt: exchange.startedAt,
        key: key.id,
        keyName: key.label,
        groups: key.groups ?? [],
        provider: exchange.provider,
        model: bounded(exchange.servedModel ?? exchange.model, redactorFor(key)),
        requests: exchange.requests,
        usage,
        heldTokens: 0,
        cost: charge?.cost
      })
      database.commit()
    },
    used ({ owner, unit, window }) {
      if (window.kind === 'held') return { used: 0 }
      if (window.kind === 'length') return recent.get(windowName(owner, unit, window.ms)) ?? { used: 0 }
      database.flush()
      return { used: Number(database.get(USED, owner, window.startsAt)?.[unit] ?? 0) }
    }
  } satisfies Ledger)

  const marking = setInterval(() => {
    const [oldest = seq + 1] = opening
    if (oldest !== marked) mark(database, marked = oldest)
  }, MARK).unref()
  const stopDeleting = keepDeleting(database, { retention: ledgerRetention, upTo: () => postgres?.upTo() ?? Infinity })
  fastify.addHook('onClose', async () => {
    clearInterval(marking)
    stopDeleting()
  })
}, { name: 'ledger', fastify: '5.x', dependencies: ['config', 'database', 'errors', 'logging', 'postgres'] })

function refuses (onError: 'serve' | 'refuse', { booking }: Exchange): boolean {
  return onError === 'refuse' || booking?.budgeted === true
}

/** Where there is nothing to write to, and the operator has said to go on. */
function unwritten (onError: 'serve' | 'refuse'): Ledger {
  return {
    open: (exchange, then) => then(refuses(onError, exchange) ? new GatewayError('ledger_unavailable') : undefined),
    close: () => {},
    used: () => ({ used: 0 })
  }
}
