/**
 * Where counters live. One call is one atomic step over all the limits of a request. Amounts are plain numbers of whatever
 * a limit counts: requests, tokens, nano-dollars.
 */
export interface QuotaStore {
  /** One atomic step over all demands: all pass and are reserved, or nothing is. `id` is unique for ever (a hold's id). */
  reserve (id: string, demands: Demand[], output?: Elastic): Reservation | Promise<Reservation>
  /** Replaces what is held with what was really used, in the order of the demands. A second call for a hold does nothing. */
  settle (granted: Granted, used: number[]): void
  /** Where counters stand. */
  levels (demands: Gauge[]): Level[] | Promise<Level[]>
  close? (): Promise<void>
}
/** A counter, and how it begins. */
export interface Gauge {
  /** Its name; a calendar window is part of it, such as `3f2a… money month 2026-11 Europe/Berlin`. */
  counter: string
  /** A key's id, or `group:NAME`. */
  owner: string
  unit: 'requests' | 'tokens' | 'money' | 'parallel'
  window: Window
}
export interface Demand extends Gauge {
  /** What it takes whatever the output, in the counter's unit. */
  base: number
  /** And what each token of output takes. A hold is ceil(base + output × each − 1e-4). */
  each: number
  /** Most that may be spent and held together. */
  limit: number
  /** Never refuses; `Granted.exceeded` tells that it would have. */
  dryRun: boolean
}
export type Window =
  | { kind: 'length', ms: number }                        // begins with the first reservation that counts, as today
  | { kind: 'calendar', startsAt: number, endsAt: number } // ms since 1970; endsAt may be Infinity (`total`)
  | { kind: 'held' }                                       // parallel requests: nothing is ever spent
/** Tokens of output the request may have: as many as every limit affords, between the two. Default: none (0, 0). */
export interface Elastic { least: number, most: number }
export interface Level { used: number /* spent + held */, resetIn: number /* ms; 0: no window open; Infinity: never */ }
export type Reservation = Granted | Refused
export interface Granted {
  granted: true
  id: string
  demands: Demand[]
  held: number[]
  /** Tokens of output it is good for: min over enforced demands of floor((limit − used − base) / each), cut to [least, most]. */
  output: number
  /** After the reservation. */
  levels: Level[]
  /** Indexes of dry-run demands that would have refused. */
  exceeded: number[]
  /** The store's own: which window each was counted in. */
  windows: Array<number | string>
}
export interface Refused { granted: false, /** index */ demand: number, /** before, of all demands */ levels: Level[] }
/** What is known to have been used of a counter that the store does not know (yet): asked once per counter, from the ledger. */
export type Seed = (gauge: Gauge) => Used | Promise<Used>
export interface Used { used: number, /** ms since 1970: when its `length` window began, if one is open */ startedAt?: number }
