import { randomUUID } from 'node:crypto'
import { createTraceState, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type Span, type Tracer } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources'
import { AlwaysOffSampler, AlwaysOnSampler, ParentBasedSampler, TraceIdRatioBasedSampler, TracerProvider, type Sampler } from '@opentelemetry/sdk-trace'
import type { Tracing } from '../config/tracing.ts'
import type { Exchange } from '../logging/exchange.ts'
import type { UpstreamRequest } from '../upstream/call.ts'
import { version } from '../version.ts'
import { addressOf, attemptAttributes, closingAttributes, errorOf, openingAttributes, type Attributes } from './attributes.ts'
import { KNOWN_FLAGS, writeContext, type TraceContext } from './context.ts'
import { Sender, type SenderOptions } from './sender.ts'
import type { Trace } from './trace.ts'

/** Makes spans, and sends them. */
export interface Spans {
  /** @param parent what the client told of a trace */
  begin (exchange: Exchange, operation: string, parent: TraceContext | undefined): Trace
  readonly lost: number
  close (): Promise<void>
}

/** This file alone knows of OpenTelemetry's packages, and is loaded only where they are asked for. */
export function openSpans ({ url, headers, resource, sampler, ratio, delay, queue, batch }: Tracing, tell: SenderOptions['tell']): Spans {
  const sender = new Sender({ exporter: new OTLPTraceExporter({ url, headers }), delay, queue, batch, tell })
  const provider = new TracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({
      'service.name': 'llm-gateway',
      'service.version': version,
      'service.instance.id': randomUUID(),
      ...resource
    })),
    sampler: samplerOf(sampler, ratio),
    spanProcessors: [sender]
  })
  const tracer = provider.getTracer('llm-gateway', version)
  return {
    begin: (exchange, operation, parent) => new Spanned(tracer, exchange, operation, parent),
    get lost () { return sender.lost },
    close: () => provider.shutdown()
  }
}

function samplerOf (name: Tracing['sampler'], ratio: number): Sampler {
  const root = name.endsWith('always_on') ? new AlwaysOnSampler() : name.endsWith('always_off') ? new AlwaysOffSampler() : new TraceIdRatioBasedSampler(ratio)
  return name.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root
}

/** A span for the request, and below it one for each attempt. The provider's parent is the attempt. */
class Spanned implements Trace {
  readonly id: string
  readonly #tracer: Tracer
  readonly #operation: string
  readonly #span: Span
  readonly #context: Context
  readonly #parent: TraceContext | undefined
  /** ms since 1970 at which `performance.now()` was 0, by the clock at the request's arrival. */
  readonly #origin: number
  #attempt: Span | undefined
  #attempts = 0
  #status: number | undefined
  #url: URL | undefined

  constructor (tracer: Tracer, exchange: Exchange, operation: string, parent: TraceContext | undefined) {
    this.#tracer = tracer
    this.#parent = parent
    this.#origin = exchange.startedAt - exchange.start
    this.#operation = operation
    const attributes = openingAttributes(exchange, operation)
    this.#span = tracer.startSpan(this.#named(attributes), { kind: SpanKind.CLIENT, startTime: this.#at(exchange.start), attributes }, contextOf(parent))
    this.#context = trace.setSpan(ROOT_CONTEXT, this.#span)
    this.id = this.#span.spanContext().traceId
  }

  begin (request: UpstreamRequest): void {
    // A list's next page.
    this.#endAttempt()
    this.#url = request.url
    const attributes = attemptAttributes(request, this.#attempts++)
    this.#attempt = this.#tracer.startSpan(request.method, { kind: SpanKind.CLIENT, startTime: this.#at(), attributes }, this.#context)
    const { traceId, spanId, traceFlags } = this.#attempt.spanContext()
    const { flags = 0, state } = this.#parent ?? {}
    Object.assign(request.headers, writeContext({ traceId, spanId, flags: traceFlags | (flags & KNOWN_FLAGS & ~1), state }))
  }

  answered (status: number): void {
    this.#status = status
  }

  fail (reason: string, status?: number): void {
    this.#status = status
    this.#endAttempt(reason)
  }

  end (exchange: Exchange): void {
    const error = errorOf(exchange)
    const at = this.#at(exchange.endedAt)
    this.#endAttempt(error, at)
    const attributes = closingAttributes(exchange)
    // It may have gone to another model.
    this.#span.updateName(this.#named(attributes))
    set(this.#span, { ...attributes, ...this.#url !== undefined && addressOf(this.#url) })
    if (error !== undefined) this.#span.setStatus({ code: SpanStatusCode.ERROR })
    this.#span.end(at)
  }

  #named ({ 'gen_ai.request.model': model }: Attributes): string {
    return model === undefined ? this.#operation : `${this.#operation} ${String(model)}`
  }

  #endAttempt (error?: string, at = this.#at()): void {
    const attempt = this.#attempt
    if (attempt === undefined) return
    this.#attempt = undefined
    set(attempt, { 'http.response.status_code': this.#status, 'error.type': error })
    this.#status = undefined
    if (error !== undefined) attempt.setStatus({ code: SpanStatusCode.ERROR })
    attempt.end(at)
  }

  #at (now = performance.now()): number {
    return this.#origin + now
  }
}

function contextOf (parent: TraceContext | undefined): Context {
  if (parent === undefined) return ROOT_CONTEXT
  const { traceId, spanId, flags: traceFlags, state } = parent
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true, ...state !== undefined && { traceState: createTraceState(state) } })
}

function set (span: Span, attributes: Attributes): void {
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) span.setAttribute(name, value)
}
