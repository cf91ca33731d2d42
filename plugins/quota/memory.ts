import type { Demand, Elastic, Gauge, Granted, Level, QuotaStore, Reservation, Used } from './store.ts'

export interface MemoryOptions {
  /** ms on a clock that nobody sets, for windows of a length. */
  now?: () => number
  /** ms since 1970, for windows of the calendar. */
  time?: () => number
  /** What was used of a counter before it was first asked for. */
  seed?: (gauge: Gauge) => Used
}

interface Counter {
  /** Spent and held. */
  used: number
  /** Of the window that is open, if one is: no two have the same. */
  window: number
  /** On the clock of its kind of window; Infinity: never. */
  endsAt: number
  calendar: boolean
  /** Reservations of the window that are not settled. */
  open: number
}

/** ms for which a calendar window is remembered that is over: a clock put back must not find it empty. */
const REMEMBERED = 86_400_000

/** Reservations of fractions: a hold that is a whole number but for what a division lost must not be one more. */
const LOST = 1e-4

/**
 * Counters in this process's memory. Synchronous, so atomic. Windows of a length are on a monotonic clock, so that a
 * clock change frees nothing; those of the calendar are as the clock says.
 */
export class MemoryStore implements QuotaStore {
  readonly #counters = new Map<string, Counter>()
  /** Ids of reservations that are not settled. */
  readonly #open = new Set<string>()
  readonly #now: () => number
  readonly #time: () => number
  readonly #seed: (gauge: Gauge) => Used
  #windows = 0
  #tidyAt = 1000

  constructor ({ now = () => performance.now(), time = Date.now, seed = () => NOTHING }: MemoryOptions = {}) {
    this.#now = now
    this.#time = time
    this.#seed = seed
  }

  /** How many reservations are not settled. */
  get held (): number {
    return this.#open.size
  }

  reserve (id: string, demands: Demand[], { least, most }: Elastic = NONE): Reservation {
    const rooms = demands.map((demand) => demand.limit - this.#used(demand))
    const refused = demands.findIndex((demand, index) => !demand.dryRun && !fits(demand, least, rooms[index] ?? 0))
    if (refused !== -1) return { granted: false, demand: refused, levels: this.levels(demands) }
    const output = demands.reduce((granted, demand, index) => demand.dryRun ? granted : afforded(demand, least, granted, rooms[index] ?? 0), most)
    const held = demands.map((demand) => holdOf(demand, output))
    const exceeded = demands.flatMap((demand, index) => fits(demand, least, rooms[index] ?? 0) ? [] : [index])
    const windows = demands.map((demand, index) => this.#take(demand, held[index] ?? 0))
    this.#open.add(id)
    return { granted: true, id, demands, held, output, levels: this.levels(demands), exceeded, windows }
  }

  settle ({ id, demands, held, windows }: Granted, used: number[]): void {
    if (!this.#open.delete(id)) return
    demands.forEach(({ counter: name, window }, index) => {
      const counter = this.#counters.get(name)
      if (counter === undefined || counter.window !== windows[index]) return
      counter.open--
      counter.used += (window.kind === 'held' ? 0 : used[index] ?? 0) - (held[index] ?? 0)
      // A window begins with the first request that counts: one that was given back opened none.
      if (window.kind === 'length' && counter.used === 0 && counter.open === 0) counter.endsAt = -Infinity
    })
  }

  levels (gauges: Gauge[]): Level[] {
    return gauges.map((gauge) => {
      const counter = this.#find(gauge)
      if (gauge.window.kind === 'held') return { used: counter?.used ?? 0, resetIn: 0 }
      if (gauge.window.kind === 'calendar') return { used: counter?.used ?? 0, resetIn: Math.max(0, gauge.window.endsAt - this.#time()) }
      return counter === undefined ? CLOSED : { used: counter.used, resetIn: counter.endsAt - this.#now() }
    })
  }

  #used (gauge: Gauge): number {
    return this.#find(gauge)?.used ?? 0
  }

  /** Counts it, in the window that is open or one that begins. @returns that window */
  #take (gauge: Gauge, amount: number): number {
    const counter = this.#find(gauge) ?? this.#begin(gauge, 0, gauge.window.kind === 'length' ? this.#now() + gauge.window.ms : Infinity)
    counter.used += amount
    counter.open++
    return counter.window
  }

  /** The counter, where a window of it is open; one that was never asked for begins as it is known to stand. */
  #find (gauge: Gauge): Counter | undefined {
    const found = this.#counters.get(gauge.counter)
    const { window } = gauge
    if (found !== undefined) return window.kind === 'length' && found.endsAt <= this.#now() ? undefined : found
    if (window.kind === 'held') return this.#begin(gauge, 0, Infinity)
    const { used, startedAt = this.#time() } = this.#seed(gauge)
    if (window.kind === 'calendar') return this.#begin(gauge, used, window.endsAt)
    const age = Math.max(0, this.#time() - startedAt)
    const counter = this.#begin(gauge, used, used === 0 ? -Infinity : this.#now() + window.ms - age)
    return counter.endsAt <= this.#now() ? undefined : counter
  }

  #begin ({ counter: name, window: { kind } }: Gauge, used: number, endsAt: number): Counter {
    const counter = { used, window: ++this.#windows, endsAt, calendar: kind === 'calendar', open: 0 }
    this.#counters.set(name, counter)
    if (this.#counters.size > this.#tidyAt) this.#tidy()
    return counter
  }

  /** Forgets windows of the calendar that are over. The others are as many as keys have limits. */
  #tidy (): void {
    const time = this.#time()
    for (const [name, { calendar, endsAt, open }] of this.#counters) {
      if (calendar && open === 0 && endsAt + REMEMBERED < time) this.#counters.delete(name)
    }
    this.#tidyAt = this.#counters.size * 2 + 1000
  }
}

const NONE: Elastic = { least: 0, most: 0 }
const NOTHING: Used = { used: 0 }
const CLOSED: Level = { used: 0, resetIn: 0 }

/**
 * Most that a dry run holds, some 8,800 dollars. Nothing is refused there, so that a request may ask for more than any number
 * holds exactly, and what others have used would be lost in it.
 */
export const DRY = 2 ** 43

/** What a demand takes with so much output. */
export function holdOf ({ base, each, dryRun }: Demand, output: number): number {
  const hold = Math.max(0, Math.ceil(base + output * each - LOST))
  return dryRun ? Math.min(hold, DRY) : hold
}

function fits (demand: Demand, output: number, room: number): boolean {
  return demand.limit > 0 && holdOf(demand, output) <= room
}

/** The most output that a limit has room for, where it has room for the least. */
function afforded (demand: Demand, least: number, most: number, room: number): number {
  if (demand.each === 0 || fits(demand, most, room)) return most
  const output = Math.max(least, Math.min(most, Math.floor((room - demand.base) / demand.each)))
  return output > least && !fits(demand, output, room) ? output - 1 : output
}
