import type { Usage } from '../../providers/dialects/events.ts'
import { strike } from '../keys/conceal.ts'
import { formatDollars } from '../money.ts'
import type { Exchange, Outcome } from './exchange.ts'
import { redactorFor, type Redact } from './redact.ts'

/** The message of every request line, by which a reader of the log finds them. */
export const REQUEST = 'request'

/** Marks a line of our own making: bounded, cleared of keys and plain, it may go out as it is. No line of a plugin's has it. */
export const OWN = Symbol('own line')

/** What a request line says. A field that is not known is left out. */
export interface RequestLine {
  [OWN]: true
  id: string
  method: string
  path: string
  /** The key's name or shortened form. */
  key: string | undefined
  provider: string | undefined
  /** The one asked for; of a request that no provider was asked for, the one that could not be priced or bounded, as the provider knows it. */
  model: string | undefined
  /** The model the provider named, where it is not the one asked for. */
  servedModel: string | undefined
  stream: boolean | undefined
  status: number
  outcome: Outcome | undefined
  error: string | undefined
  /** What the system called its cause, such as `ECONNREFUSED`, or why a key was refused. */
  reason: string | undefined
  /** The address of a request that was refused, where no key says whose it is. */
  client: string | undefined
  /** ms to the reply's first byte. */
  firstByteMs: number | undefined
  /** ms in total. */
  ms: number | undefined
  tokens: Tokens | undefined
  /** Dollars, exactly. */
  cost: string | undefined
  bytesIn: number | undefined
  bytesOut: number | undefined
  attempts: number | undefined
  upstreamRequestId: string | undefined
  /** The id of the trace that it is a part of. */
  trace: string | undefined
  lossy: string[] | undefined
}

/** Disjoint, as the provider reported them: a bucket that is absent was not reported. */
export interface Tokens {
  input: number | undefined
  /** Read from a cache. */
  cached: number | undefined
  cacheWrite: number | undefined
  output: number | undefined
  reasoning: number | undefined
  audioInput: number | undefined
  audioOutput: number | undefined
}

/** Characters kept of a text that a client or a provider chose. */
const TEXT_LIMIT = 128
/** Names kept of what could not be translated. */
const LOSSY_LIMIT = 40
/** What nginx made the custom: the client closed the request. */
export const CLIENT_GONE = 499

/** Ends that an operator should see although the status, already sent, may say 200. */
const TROUBLE: ReadonlySet<Outcome> = new Set(['timeout', 'upstream_unreachable', 'upstream_broke', 'incomplete', 'shutdown'])

/** The line of a relayed request. */
export function exchangeLine (exchange: Exchange): RequestLine {
  const redact = redactorFor(exchange.key)
  const { servedModel, usage, charge, upstreamRequestId, trace, lossy } = exchange
  return {
    [OWN]: true,
    // One of our own making hides nothing.
    id: exchange.id === exchange.rowId ? exchange.id : bounded(exchange.id, redact),
    method: exchange.method,
    path: bounded(withoutQuery(exchange.path), redact),
    key: exchange.key.label,
    provider: exchange.provider,
    model: bounded(exchange.model, redact),
    servedModel: servedModel === undefined || servedModel === exchange.model ? undefined : bounded(servedModel, redact),
    stream: exchange.stream,
    status: statusOf(exchange),
    outcome: exchange.outcome,
    error: exchange.error,
    reason: exchange.reason,
    // Personal data, and the key says who it was.
    client: undefined,
    firstByteMs: sinceStart(exchange, exchange.firstByteAt),
    ms: sinceStart(exchange, exchange.endedAt),
    tokens: usage === undefined ? undefined : tokens(usage),
    cost: charge === undefined ? undefined : formatDollars(charge.cost),
    bytesIn: exchange.bytesIn,
    bytesOut: exchange.bytesOut,
    attempts: exchange.attempts,
    upstreamRequestId: upstreamRequestId === undefined ? undefined : bounded(upstreamRequestId, redact),
    trace: trace === undefined ? undefined : redact(trace.id),
    lossy: lossy.length === 0 ? undefined : boundedNames(lossy, redact)
  }
}

/** Names of a client's or a provider's, of which there may be any number. */
export function boundedNames (names: readonly string[], redact: Redact): string[] {
  return names.slice(0, LOSSY_LIMIT).map((name) => bounded(name, redact))
}

/** How loud a line is: what broke is a warning, whatever its status. */
export function levelOf ({ status, outcome }: Pick<RequestLine, 'status' | 'outcome'>): 'info' | 'warn' {
  return status >= 500 || (outcome !== undefined && TROUBLE.has(outcome)) ? 'warn' : 'info'
}

/** The status as it is logged. */
export function statusOf (exchange: Exchange): number {
  return exchange.outcome === 'client_gone' ? CLIENT_GONE : exchange.status
}

/** ms from the request's arrival, in tenths. */
export function sinceStart ({ start }: Exchange, at: number | undefined): number | undefined {
  return at === undefined ? undefined : tenths(at - start)
}

export function tenths (ms: number): number {
  return Math.round(ms * 10) / 10
}

// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g

/** Cut to what a line may hold of one text, cleared of secrets before the cut can halve one. */
export function bounded (text: string, redact: Redact): string {
  // A client may have named another's key.
  const clear = strike(redact(text)).replace(CONTROL, '\uFFFD')
  return clear.length > TEXT_LIMIT ? clear.slice(0, TEXT_LIMIT) : clear
}

/** A query may hold what must not be logged, such as a key. */
export function withoutQuery (url: string): string {
  const at = url.search(/[?#]/)
  return at === -1 ? url : url.slice(0, at)
}

function tokens (usage: Usage): Tokens {
  const { cacheWrite5m, cacheWrite1h } = usage
  return {
    input: usage.input,
    cached: usage.cacheRead,
    cacheWrite: cacheWrite5m === undefined && cacheWrite1h === undefined ? undefined : (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0),
    output: usage.output,
    reasoning: usage.reasoning,
    audioInput: usage.audioInput,
    audioOutput: usage.audioOutput
  }
}
