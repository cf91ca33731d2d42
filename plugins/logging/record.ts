import { timestamp } from '../moment.ts'
import { formatDollars } from '../money.ts'
import type { Exchange } from './exchange.ts'
import { sinceStart, statusOf } from './line.ts'
import type { Recorder } from './recorder.ts'
import { redactorFor, type Redact } from './redact.ts'

/** The line of an exchange in `LOG_DIR`, cleared of its key's secrets. Bodies stay as they were written. */
export function captureLine (exchange: Exchange, recorder?: Recorder): Buffer {
  const redact = redactorFor(exchange.key)
  const { charge } = exchange
  const head = stringify({
    time: timestamp(exchange.startedAt),
    id: exchange.id,
    key: exchange.key.label,
    provider: exchange.provider,
    model: exchange.model,
    servedModel: exchange.servedModel,
    dialect: exchange.clientDialect,
    upstreamDialect: exchange.upstreamDialect,
    stream: exchange.stream,
    status: statusOf(exchange),
    outcome: exchange.outcome,
    ms: sinceStart(exchange, exchange.endedAt),
    firstByteMs: sinceStart(exchange, exchange.firstByteAt),
    usage: exchange.usage,
    cost: charge === undefined ? undefined : formatDollars(charge.cost),
    priceVersion: charge?.version,
    finish: exchange.finish,
    lossy: exchange.lossy,
    upstreamRequestId: exchange.upstreamRequestId,
    trace: exchange.trace?.id,
    error: exchange.error
  }, redact)
  if (recorder === undefined) return Buffer.from(`${head}\n`)
  const request = recorder.requestBody(redact)
  const reply = recorder.replyBody(redact)
  return Buffer.from(head.slice(0, -1) +
    `,"request":${request.json}` + (request.cut === undefined ? '' : `,"requestCut":${JSON.stringify(request.cut)}`) +
    `,"reply":${reply.json}` + (reply.cut === undefined ? '' : `,"replyCut":${JSON.stringify(reply.cut)}`) + '}\n')
}

/** A secret may look like JSON, so where there is one it is cleared from the strings, not from the text. */
function stringify (value: object, redact: Redact): string {
  const text = JSON.stringify(value)
  if (redact(text) === text) return text
  return JSON.stringify(value, (_name, inner: unknown) => typeof inner === 'string' ? redact(inner) : inner)
}
