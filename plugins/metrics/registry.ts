import { Histogram, Registry } from 'prom-client'
import { BUCKET_NAMES } from '../ledger/buckets.ts'
import { measureProcess } from './process.ts'
import type { Refusals } from './refusals.ts'
import { shownIn, type Values } from './shown.ts'
import type { Sources } from './sources.ts'
import { Tally, type RequestLabels, type Series } from './tally.ts'

/** Seconds. A first byte may take a reasoning model minutes, a whole stream an hour. */
const FIRST_BYTE = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300]
const DURATION = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800]

const NANO = 1e9
const REQUEST = ['provider', 'dialect', 'model', 'outcome'] as const

export interface Measured {
  registry: Registry
  tally: Tally
  /** Ends what observes the process. */
  close (): void
}

/**
 * All metrics. Times are counted as they are seen; everything else is a plain number somewhere, which is looked at when
 * Prometheus asks.
 */
export function measure (sources: Sources, refusals: Refusals): Measured {
  const registry = new Registry()
  const shown = shownIn(registry)
  const { counter, gauge } = shown
  const close = measureProcess(registry, shown)

  const timer = (name: string, help: string, buckets: number[]): (labels: RequestLabels) => (seconds: number) => void => {
    const histogram = new Histogram({ name, help, buckets, labelNames: REQUEST, registers: [registry] })
    return (labels) => histogram.labels({ ...labels }).observe
  }
  const ofSeries = (values: (series: Series) => Values) => function * (): Values {
    for (const series of tally.series) yield * values(series)
  }

  const tally = new Tally(sources.prices, {
    total: timer('llm_gateway_request_duration_seconds', 'From the arrival of a request to its end.', DURATION),
    firstByte: timer('llm_gateway_first_byte_seconds', 'From the arrival of a request to the first byte of the provider\'s reply.', FIRST_BYTE)
  })

  counter('llm_gateway_requests_total', 'Requests that are over, each one row of the ledger.', REQUEST,
    ofSeries(({ labels, requests }) => [[{ ...labels }, requests]]))
  counter('llm_gateway_attempts_total', 'How often a provider was asked.', ['provider'],
    ofSeries(({ labels: { provider }, attempts }) => [[{ provider }, attempts]]))
  counter('llm_gateway_retries_total', 'How often the same target was asked again for the same request. reason: why.', ['provider', 'reason'], () => sources.resends('retry'))
  counter('llm_gateway_fallbacks_total', 'How often a key\'s next target was asked. provider, reason: who did not answer, and why.', ['provider', 'reason'], () => sources.resends('fallback'))
  counter('llm_gateway_tokens_total', 'Tokens, in buckets that do not overlap.', ['provider', 'model', 'bucket'],
    ofSeries(({ labels: { provider, model }, tokens }) => named(tokens, BUCKET_NAMES).map(([bucket, count]) => [{ provider, model, bucket }, count])))
  counter('llm_gateway_cost_dollars_total', 'What requests cost.', ['provider', 'model'],
    ofSeries(({ labels: { provider, model }, cost }) => [[{ provider, model }, cost / NANO]]))
  counter('llm_gateway_unpriced_requests_total', 'Requests that used tokens whose price is not known: they are in no cost.', ['provider', 'model'],
    ofSeries(({ labels: { provider, model }, unpriced }) => [[{ provider, model }, unpriced]]))
  counter('llm_gateway_usage_source_total', 'Requests by how their tokens are known: provider, partial, estimated, none.', ['provider', 'source'],
    ofSeries(({ labels: { provider }, sources }) => Object.entries(sources).map(([source, count]) => [{ provider, source }, count])))
  counter('llm_gateway_errors_total', 'Requests that went out and ended with an error. code: the gateway\'s own word for it, or other for a provider\'s.', ['provider', 'code'],
    ofSeries(({ labels: { provider }, errors }) => [...errors].map(([code, count]) => [{ provider, code }, count])))
  gauge('llm_gateway_requests_in_flight', 'Requests that went out and are not over.', [], () => [[{}, sources.inFlight()]])

  counter('llm_gateway_refusals_total', 'Requests answered with an error of the gateway\'s own before they went out. limit: which one refused, by its name in keys.json.', ['code', 'limit'],
    () => refusals.values())
  gauge('llm_gateway_holds', 'Open holds on limits.', [], () => [[{}, sources.holds().count]])
  gauge('llm_gateway_held_dollars', 'Money that open holds have together.', [], () => [[{}, sources.holds().money / NANO]])
  gauge('llm_gateway_held_tokens', 'Tokens that open holds have together.', [], () => [[{}, sources.holds().tokens]])
  counter('llm_gateway_bounds_spared_total', 'Requests that were let through because a tokenizer counted their text.', [], () => [[{}, sources.bounds().spared]])
  counter('llm_gateway_bounds_false_refusals_total', 'Requests refused by the bytes of their text, which would probably have fitted.', [], () => [[{}, sources.bounds().falseRefusals]])

  gauge('llm_gateway_upstream_connections', 'Connections to a provider. state: busy, idle.', ['origin', 'state'], () => sources.pools().flatMap(({ origin, connected, free }) => [
    [{ origin, state: 'busy' }, Math.max(0, connected - free)], [{ origin, state: 'idle' }, free]
  ]))
  gauge('llm_gateway_upstream_requests', 'Requests in the pool of a provider. state: running, pending (on a connection not yet there), queued (no connection left).', ['origin', 'state'], () => sources.pools().flatMap(({ origin, running, pending, queued }) => [
    [{ origin, state: 'running' }, running], [{ origin, state: 'pending' }, pending], [{ origin, state: 'queued' }, queued]
  ]))
  gauge('llm_gateway_upstream_connections_max', 'How many connections there may be: MAX_UPSTREAM_CONNECTIONS.', ['origin'],
    () => sources.pools().map(({ origin }) => [{ origin }, sources.most.connections]))
  gauge('llm_gateway_upstream_queue_max', 'How many requests may wait for one: MAX_QUEUE.', ['origin'],
    () => sources.pools().map(({ origin }) => [{ origin }, sources.most.queued]))
  counter('llm_gateway_upstream_queue_refusals_total', 'Requests that got no connection. reason: full (as many waited as may), late (it waited too long).', ['origin', 'reason'], () => sources.pools().flatMap(({ origin, refused: { full, late } }) => [
    [{ origin, reason: 'full' }, full], [{ origin, reason: 'late' }, late]
  ]))
  gauge('llm_gateway_targets', 'Targets of keys that list several. target: as x-gateway-target. state: closed (in use), open (at rest), half-open (to be tried again).', ['provider', 'target', 'state'], () => sources.targets())

  gauge('llm_gateway_dependency_up', 'Whether what the gateway keeps things in is within reach, and its keys file the one in force: 1 or 0. Absent where there is none.', ['dependency'],
    () => Object.entries(sources.dependencies()).map(([dependency, up]) => [{ dependency }, up ? 1 : 0]))
  gauge('llm_gateway_ledger_waiting_writes', 'Writes that are not on disk yet.', [], () => [[{}, sources.ledger().waiting]])
  counter('llm_gateway_ledger_lost_writes_total', 'Writes that the disk never took.', [], () => [[{}, sources.ledger().lost]])
  gauge('llm_gateway_spool_rows', 'Rows of the ledger that are not in Postgres yet.', [], () => [[{}, sources.ledger().spool]])
  counter('llm_gateway_exchanges_dropped_total', 'Exchanges that were to be captured in LOG_DIR and were not.', [], () => [[{}, sources.dropped().exchanges]])
  counter('llm_gateway_log_lines_dropped_total', 'Lines of the log that standard output did not take.', [], () => [[{}, sources.dropped().lines]])
  counter('llm_gateway_spans_lost_total', 'Spans that reached no collector.', [], () => [[{}, sources.spansLost()]])
  gauge('llm_gateway_keys', 'Virtual keys, disabled and expired ones too.', [], () => [[{}, sources.keys()]])
  gauge('llm_gateway_info', 'Always 1.', ['version', 'prices'], () => [[sources.info(), 1]])

  return { registry, tally, close }
}

/** The counts under other names. */
function named <Name extends string> (counts: Record<Name, number>, names: Record<Name, string>): Array<[string, number]> {
  return (Object.keys(counts) as Name[]).map((name) => [names[name], counts[name]])
}
