import { timestamp } from '../moment.ts'
import { formatDollars } from '../money.ts'
import type { Exchange } from './exchange.ts'
import { sinceStart, statusOf } from './line.ts'
import type { Recorder } from './recorder.ts'
import { redactorFor } from './redact.ts'

/** The line of an exchange in `LOG_DIR`, cleared of its key's secrets: in what a client or a provider chose. Bodies stay as they were written. */
export function captureLine (exchange: Exchange, recorder?: Recorder): Buffer {
  const redact = redactorFor(exchange.key)
  const { servedModel, charge, finish, lossy, upstreamRequestId, trace } = exchange
  const head = JSON.stringify({
    time: timestamp(exchange.startedAt),
    id: redact(exchange.id),
    key: exchange.key.label,
    provider: exchange.provider,
    model: redact(exchange.model),
    servedModel: servedModel === undefined ? undefined : redact(servedModel),
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
    finish: finish === undefined ? undefined : redact(finish),
    lossy: lossy.map(redact),
    upstreamRequestId: upstreamRequestId === undefined ? undefined : redact(upstreamRequestId),
    trace: trace === undefined ? undefined : redact(trace.id),
    error: exchange.error
  })
  if (recorder === undefined) return Buffer.from(`${head}\n`)
  const request = recorder.requestBody(redact)
  const reply = recorder.replyBody(redact)
  return Buffer.from(head.slice(0, -1) +
    `,"request":${request.json}` + (request.cut === undefined ? '' : `,"requestCut":${JSON.stringify(request.cut)}`) +
    `,"reply":${reply.json}` + (reply.cut === undefined ? '' : `,"replyCut":${JSON.stringify(reply.cut)}`) + '}\n')
}
