import type { Exchange } from '../logging/exchange.ts'
import { bounded, statusOf } from '../logging/line.ts'
import { redactorFor } from '../logging/redact.ts'
import type { UpstreamRequest } from '../upstream/call.ts'

/** What is said of a span. A value that is not known is left out. */
export type Attributes = Record<string, string | number | boolean | string[] | undefined>

/** Dollars have as many nano-dollars. */
const NANO = 1e9

/**
 * What is known of a request as it begins, by which it may be chosen or not. The names are those of OpenTelemetry's semantic
 * conventions for generative AI: https://github.com/open-telemetry/semantic-conventions-genai
 */
export function openingAttributes (exchange: Exchange, operation: string): Attributes {
  return {
    'gen_ai.operation.name': operation,
    'gen_ai.provider.name': exchange.provider,
    'gen_ai.request.model': modelOf(exchange),
    ...exchange.stream && { 'gen_ai.request.stream': true },
    'llm_gateway.key': exchange.key.label,
    'llm_gateway.dialect': exchange.clientDialect
  }
}

/** What is known of it at its end. No word of what was asked or answered is among it, and no key. */
export function closingAttributes (exchange: Exchange): Attributes {
  const { servedModel, finish, firstByteAt, start, stream, target, charge, usageSource } = exchange
  const redact = redactorFor(exchange.key)
  return {
    'gen_ai.provider.name': exchange.provider,
    'gen_ai.request.model': modelOf(exchange),
    'gen_ai.response.model': servedModel === undefined ? undefined : bounded(servedModel, redact),
    'gen_ai.response.finish_reasons': finish === undefined ? undefined : [bounded(finish, redact)],
    'gen_ai.response.time_to_first_chunk': stream && firstByteAt !== undefined ? (firstByteAt - start) / 1000 : undefined,
    ...tokens(exchange),
    'error.type': errorOf(exchange),
    'llm_gateway.request_id': bounded(exchange.id, redact),
    'llm_gateway.outcome': exchange.outcome,
    'llm_gateway.status': statusOf(exchange),
    'llm_gateway.attempts': exchange.attempts,
    'llm_gateway.target': target,
    'llm_gateway.usage_source': usageSource,
    'llm_gateway.cost_usd': charge === undefined ? undefined : charge.cost / NANO
  }
}

/** A code word; `undefined` where it went well, or the client itself did not want more. */
export function errorOf ({ outcome, error }: Exchange): string | undefined {
  return outcome === 'done' || outcome === 'client_gone' ? undefined : error ?? outcome
}

/** One attempt is an HTTP request: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ */
export function attemptAttributes ({ method, url }: UpstreamRequest, before: number): Attributes {
  return {
    'http.request.method': method,
    ...addressOf(url),
    // A query may tell of what the provider keeps.
    'url.full': url.origin + url.pathname,
    'http.request.resend_count': before === 0 ? undefined : before
  }
}

export function addressOf ({ hostname, port, protocol }: URL): Attributes {
  return {
    'server.address': hostname.replace(/^\[|\]$/g, ''),
    'server.port': port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
  }
}

/** The name that the provider knows, which may be whatever the client sent. */
function modelOf ({ model, sentModel = model, key }: Exchange): string | undefined {
  return sentModel === '' ? undefined : bounded(sentModel, redactorFor(key))
}

/** The sums are of all their parts, as the conventions want them. */
function tokens ({ usage }: Exchange): Attributes {
  if (usage === undefined) return {}
  const { input, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning, audioInput, audioOutput } = usage
  return {
    'gen_ai.usage.input_tokens': sum(input, cacheRead, cacheWrite5m, cacheWrite1h, audioInput),
    'gen_ai.usage.output_tokens': sum(output, reasoning, audioOutput),
    'gen_ai.usage.cache_read.input_tokens': cacheRead,
    'gen_ai.usage.cache_write.input_tokens': sum(cacheWrite5m, cacheWrite1h),
    'gen_ai.usage.reasoning.output_tokens': reasoning,
    'gen_ai.usage.audio.input_tokens': audioInput,
    'gen_ai.usage.audio.output_tokens': audioOutput
  }
}

function sum (...parts: Array<number | undefined>): number | undefined {
  return parts.reduce((total, part) => part === undefined ? total : (total ?? 0) + part, undefined)
}
