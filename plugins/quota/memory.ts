/** What memory holds of the limits so far: requests an hour. */
export interface Demand {
  /** Whose counter, and of what: such as `KEY:requests:hour`. */
  counter: string
  amount: number
  /** Most that may be spent and held together in one window. */
  limit: number
  /** Length of the window in ms. It begins with the counter's first reservation. */
  window: number
}

export type Reservation = Granted | Refused

export interface Granted {
  granted: true
  demands: Demand[]
  /** Which window each demand was counted in: settling later must not touch the next one. */
  windows: number[]
}

export interface Refused {
  granted: false
  /** The demand that did not fit. */
  demand: Demand
}

/** Where a counter stands. */
export interface Level {
  used: number
  /** ms until the window ends and the counter is at zero again; 0 where no window is open. */
  resetIn: number
}

interface Counter { used: number, window: number, endsAt: number }

/** Counters in this process's memory. Synchronous, so atomic; on a monotonic clock, so a clock change frees nothing. */
export class MemoryStore {
  readonly #counters = new Map<string, Counter>()
  readonly #now: () => number

  constructor (now: () => number = () => performance.now()) {
    this.#now = now
  }

  reserve (demands: Demand[]): Reservation {
    const refused = demands.find(({ counter, amount, limit }) => this.level(counter).used + amount > limit)
    if (refused !== undefined) return { granted: false, demand: refused }
    const windows = demands.map(({ counter, amount, window }) => {
      const open = this.#open(counter)
      if (open === undefined) {
        const number = (this.#counters.get(counter)?.window ?? 0) + 1
        this.#counters.set(counter, { used: amount, window: number, endsAt: this.#now() + window })
        return number
      }
      open.used += amount
      return open.window
    })
    return { granted: true, demands, windows }
  }

  settle (reservation: Granted, used: number[]): void {
    reservation.demands.forEach(({ counter, amount }, i) => {
      const open = this.#open(counter)
      if (open === undefined || open.window !== reservation.windows[i]) return
      open.used += (used[i] ?? 0) - amount
      // A window begins with the first request that counts: one that was given back opened none.
      if (open.used === 0) open.endsAt = 0
    })
  }

  level (counter: string): Level {
    const open = this.#open(counter)
    return open === undefined ? { used: 0, resetIn: 0 } : { used: open.used, resetIn: open.endsAt - this.#now() }
  }

  #open (counter: string): Counter | undefined {
    const found = this.#counters.get(counter)
    return found !== undefined && found.endsAt > this.#now() ? found : undefined
  }
}
