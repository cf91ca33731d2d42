import type { DatabaseSync } from 'node:sqlite'
import { isObject, parseOrNothing } from '../../providers/dialects/json.ts'
import { groupOwner } from '../keys/owner.ts'
import type { Charge, Prices } from '../prices/index.ts'
import { ratesMet } from '../prices/rates.ts'
import { BUCKET_COLUMNS, usageOf } from './buckets.ts'
import { groupsIn } from './row.ts'
import { slotOf } from './sums.ts'

/** Rows of one transaction: it holds up nobody, but should not fill the log of the database. */
const STEP = 2000
/** Transactions after which the log is moved into the database. */
const CHECKPOINT = 50

export interface RerateOptions {
  /** By when the requests arrived, in ms since 1970: from, until before. */
  since: number
  until: number
  /** Changes nothing, and says what it would. */
  dryRun: boolean
}

export interface Rerated {
  /** Rows with usage that were looked at. */
  rows: number
  changed: number
  /** Among those, such as had no price before. */
  priced: number
  /** Rows that keep what they have, because no price is known for them now. */
  unknown: number
  /** Nano-dollars of all of them, before and after. */
  before: number
  after: number
}

const ROWS = `SELECT seq, started_at, ended_at, key, groups, provider, coalesce(sent_model, requested_model) AS asked, served_model,
  coalesce(served_model, requested_model) AS model, ${BUCKET_COLUMNS.join(', ')}, cost, price_model, rates
  FROM requests WHERE seq > ? AND started_at >= ? AND started_at < ? AND ended_at IS NOT NULL AND
  coalesce(${BUCKET_COLUMNS.join(', ')}) IS NOT NULL
  ORDER BY seq LIMIT ${STEP}`
const ROW = 'UPDATE requests SET cost = ?, price_version = ?, price_model = ?, rates = ? WHERE seq = ?'
const SUM = 'UPDATE sums SET cost = cost + ?, unpriced = unpriced + ? WHERE owner = ? AND slot = ? AND provider = ? AND model = ?'

/**
 * Reckons again what rows with usage cost, with the prices in force now, as of the time they ended. A row whose cost or
 * rates are other than before is changed, and the sums that it is in by the difference, in one transaction: wherever it
 * is broken off the ledger is sound, and running it again does the rest.
 */
export function rerate (db: DatabaseSync, prices: Prices, { since, until, dryRun }: RerateOptions): Rerated {
  const found: Rerated = { rows: 0, changed: 0, priced: 0, unknown: 0, before: 0, after: 0 }
  const select = db.prepare(ROWS)
  const row = db.prepare(ROW)
  const sum = db.prepare(SUM)
  let last = 0
  for (let step = 1; ; step++) {
    const rows = select.all(last, since, until)
    if (rows.length === 0) return found
    last = Number(rows.at(-1)?.['seq'])
    db.exec('BEGIN IMMEDIATE')
    for (const old of rows) change(old)
    db.exec('COMMIT')
    if (step % CHECKPOINT === 0) db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  }

  function change (old: Record<string, unknown>): void {
    const cost = old['cost'] === null ? undefined : Number(old['cost'])
    const usage = usageOf(old)
    const charge = prices.charge({
      provider: String(old['provider']),
      model: String(old['asked']),
      servedModel: old['served_model'] === null ? undefined : String(old['served_model']),
      usage,
      time: Number(old['ended_at'])
    })
    found.rows++
    found.before += cost ?? 0
    found.after += charge?.cost ?? cost ?? 0
    if (charge === undefined) found.unknown++
    const rates = charge && ratesMet(charge.rates, usage)
    if (charge === undefined || rates === undefined || same(old, charge, rates)) return
    found.changed++
    if (cost === undefined) found.priced++
    if (dryRun) return
    row.run(charge.cost, charge.version, charge.model, rates, Number(old['seq']))
    for (const owner of [String(old['key']), ...groupsIn(old).map(groupOwner)]) {
      sum.run(charge.cost - (cost ?? 0), cost === undefined ? -1 : 0, owner, slotOf(Number(old['started_at'])), String(old['provider']), String(old['model']))
    }
  }
}

/** Whether it was reckoned with the very same rates. Its price's version may be an older one then: that is still true. */
function same (old: Record<string, unknown>, { cost, model }: Charge, rates: string): boolean {
  const before = parseOrNothing(String(old['rates']))
  return old['cost'] === cost && old['price_model'] === model && isObject(before) && Object.entries(JSON.parse(rates) as object).every(([name, rate]) => before[name] === rate)
}
