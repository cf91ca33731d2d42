import type { UsageSource } from '../../providers/dialects/known-usage.ts'
import type { Usage } from '../../providers/dialects/events.ts'
import type { VirtualKey } from '../keys/index.ts'
import type { Charge } from '../prices/index.ts'
import type { Trace } from '../tracing/trace.ts'

/**
 * How an exchange ended.
 *
 * - `done` the reply went out whole
 * - `refused` the provider said no: a status from 400 to 499, or to the real key. In the line of a request that never was an
 *   exchange: the gateway itself did
 * - `client_gone` the client left before the end
 * - `timeout` the provider was silent for too long
 * - `upstream_unreachable` no connection to the provider
 * - `upstream_broke` the provider broke off its reply
 * - `upstream_error` the provider answered with an error, or sent one in the stream
 * - `incomplete` the stream ended without its terminator
 * - `shutdown` the gateway was stopped meanwhile
 *
 * The ledger has one more, `interrupted`, for what the gateway's own death cut off.
 */
export type Outcome =
  | 'done' | 'refused' | 'client_gone' | 'timeout' | 'upstream_unreachable' | 'upstream_broke' | 'upstream_error'
  | 'incomplete' | 'shutdown'

/** What was reserved for a request. */
export interface Booking {
  /** Of the key's requests. */
  requests: number
  tokens: number
  /** Nano-dollars. */
  money: number
  /** Whether a budget holds the key: then a row must be on disk before anything goes out. */
  budgeted: boolean
  /** The limits as they stood, as JSON. */
  limits: string | null
}

/** What is known of a relayed request when its record is opened. */
export interface Opening {
  id: string
  /** Of its row in the ledger: unlike `id`, which a client may choose, never used twice. */
  rowId: string
  key: VirtualKey
  method: string
  /** The path, with or without its query string: only the path is logged. */
  path: string
  provider: string
  /** The model asked for. */
  model: string
  /** The same by the name that the provider knows. */
  sentModel?: string
  clientDialect: string
  upstreamDialect: string
  stream: boolean
  /** `performance.now()` at the request's arrival; without it, now. */
  start?: number
}

/**
 * The record of one relayed request. The relay fills it in as it learns; `fastify.exchanges.end` writes it down.
 * Every field is there from the start, so that all records share one hidden class.
 */
export class Exchange {
  readonly id: string
  readonly rowId: string
  readonly key: VirtualKey
  readonly method: string
  readonly path: string
  provider: string
  readonly model: string
  sentModel: string | undefined
  readonly clientDialect: string
  upstreamDialect: string
  /** Which of the key's targets it went to, where the key lists several. */
  target: string | undefined = undefined
  /** Set where it went another way than it was opened for. */
  moved = false
  readonly stream: boolean
  /** ms since 1970, for the record. */
  readonly startedAt: number
  /** `performance.now()` at arrival; so are `firstByteAt` and `endedAt`. */
  readonly start: number
  firstByteAt: number | undefined = undefined
  endedAt: number | undefined = undefined
  /** The model as the provider named it in its reply. */
  servedModel: string | undefined = undefined
  /** Of the reply to the client; 0 while there is none. A client that left is logged as 499 whatever stands here. */
  status = 0
  outcome: Outcome = 'done'
  /** How often a provider was asked. */
  attempts = 0
  /** Body bytes from and to the client. */
  bytesIn = 0
  bytesOut = 0
  usage: Usage | undefined = undefined
  usageSource: UsageSource = 'none'
  booking: Booking | undefined = undefined
  /** How many of the key's requests it cost in the end. */
  requests = 0
  /** Its row's place in the ledger, where it has one. */
  row: number | undefined = undefined
  /** What it cost, where usage and price are known. */
  charge: Charge | undefined = undefined
  /** The provider's own word for why the reply ended. */
  finish: string | undefined = undefined
  /** What could not be said in the other dialect. */
  lossy: string[] = []
  upstreamRequestId: string | undefined = undefined
  /** The trace that it is a part of, where there is one. */
  trace: Trace | undefined = undefined
  /** A code word, such as `upstream_timeout`. */
  error: string | undefined = undefined
  /** What the system called the cause of an error of the gateway's own, such as `ECONNREFUSED`. */
  reason: string | undefined = undefined
  /** Set once the record is written: an exchange ends once. */
  ended = false

  constructor (opening: Opening) {
    this.id = opening.id
    this.rowId = opening.rowId
    this.key = opening.key
    this.method = opening.method
    this.path = opening.path
    this.provider = opening.provider
    this.model = opening.model
    this.sentModel = opening.sentModel
    this.clientDialect = opening.clientDialect
    this.upstreamDialect = opening.upstreamDialect
    this.stream = opening.stream
    const now = performance.now()
    this.start = opening.start ?? now
    this.startedAt = Math.round(Date.now() - (now - this.start))
  }
}
