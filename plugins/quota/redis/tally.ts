import type { Gauge, Granted } from '../store.ts'
import type { Share } from './messages.ts'

/** What was used of a counter. */
export interface Tallied { gauge: Gauge, share: Share }

/** Adds up what was used of counters, of each in its newest window. */
export class Tally {
  readonly #used = new Map<string, Tallied>()

  /** @param at when it was reserved: it counts in the window of that moment */
  add ({ demands, levels }: Granted, used: number[], at: number, counts: (gauge: Gauge) => boolean): void {
    demands.forEach((gauge, i) => {
      const amount = used[i] ?? 0
      if (amount === 0 || gauge.window.kind === 'held' || !counts(gauge)) return
      const { window } = gauge
      const startedAt = window.kind === 'length' ? at + (levels[i]?.resetIn ?? window.ms) - window.ms : at
      const known = this.#used.get(gauge.counter)
      // Windows of a length are at least that far apart; each is known to a few ms.
      const later = known !== undefined && window.kind === 'length' ? (startedAt - known.share.at) / window.ms : 0
      if (later < -0.5) return
      if (known === undefined || later > 0.5) this.#used.set(gauge.counter, { gauge, share: { used: amount, at: startedAt } })
      else known.share = { used: known.share.used + amount, at: Math.min(known.share.at, startedAt) }
    })
  }

  find ({ counter }: Gauge): Share | undefined {
    return this.#used.get(counter)?.share
  }

  /** All of it, and forgets it. */
  take (): Tallied[] {
    const all = [...this.#used.values()]
    this.#used.clear()
    return all
  }
}
