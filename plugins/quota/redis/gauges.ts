import type { Gauge } from '../store.ts'

/** Counters that something is known to be spent of, or may be. */
export class Gauges {
  readonly #known = new Map<string, Gauge>()
  #tidyAt = 1000

  add (gauges: Iterable<Gauge>): void {
    for (const gauge of gauges) {
      if (gauge.window.kind === 'held' || this.#known.has(gauge.counter)) continue
      const { counter, owner, unit, window } = gauge
      this.#known.set(counter, { counter, owner, unit, window })
    }
    if (this.#known.size > this.#tidyAt) this.current()
  }

  /** Without windows of the calendar that are over. */
  current (): Gauge[] {
    const now = Date.now()
    for (const { counter, window } of this.#known.values()) {
      if (window.kind === 'calendar' && window.endsAt < now) this.#known.delete(counter)
    }
    this.#tidyAt = this.#known.size * 2 + 1000
    return [...this.#known.values()]
  }
}
