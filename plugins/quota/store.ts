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
  /** Where the counters are elsewhere: whether that is there. */
  state? (): 'up' | 'down'
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

export type Window =
  /** Begins with the first reservation that counts. */
  | { kind: 'length', ms: number }
  /** Both in ms since 1970; `endsAt` may be Infinity (`total`). */
  | { kind: 'calendar', startsAt: number, endsAt: number }
  /** Of parallel requests: nothing is ever spent. */
  | { kind: 'held' }

/** What a request takes of a counter. */
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

/** Tokens of output the request may have: as many as every limit affords, between the two. Default: none (0, 0). */
export interface Elastic {
  least: number
  most: number
}

/** Where a counter stands. */
export interface Level {
  /** Spent and held. */
  used: number
  /** ms until its window ends; 0: none is open; Infinity: never. */
  resetIn: number
}

/** What a counter has spent by other records of it than the store's. */
export interface Used {
  used: number
  /** ms since 1970: when its `length` window began, if one is open. */
  startedAt?: number
}

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

export interface Refused {
  granted: false
  /** Index of the one that refuses. */
  demand: number
  /** Before, of all demands. */
  levels: Level[]
}
