import type { IncomingHttpHeaders } from 'node:http'
import fp from 'fastify-plugin'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import type { Exchange } from '../logging/exchange.ts'
import { readContext, writeContext } from './context.ts'
import type { Spans } from './spans.ts'
import { Carried, type Trace } from './trace.ts'

export type { Trace } from './trace.ts'

export interface Traces {
  /** The trace that a relayed request belongs to; `undefined` where none was begun, and none is made here. */
  join (exchange: Exchange, headers: IncomingHttpHeaders): Trace | undefined
  /** What goes on to a provider with a request that is not relayed. */
  carry (headers: IncomingHttpHeaders): Record<string, string>
  /** Spans that reached no collector. */
  readonly lost: number
}

export interface TracingOptions {
  /** Finds the dialect, which knows what OpenTelemetry calls what it does. */
  dialect: (id: string) => Dialect | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    tracing: Traces
  }
}

/**
 * `fastify.tracing`: what a client tells of its trace (W3C's Trace Context) goes on to the provider. With
 * `OTEL_EXPORTER_OTLP_ENDPOINT` the gateway's own spans are in between, and a trace is begun where there is none.
 */
export default fp<TracingOptions>(async (fastify, { dialect }) => {
  const { config: { tracing }, exchanges, log } = fastify
  const spans = tracing && (await load()).openSpans(tracing, (lost, error) => {
    log.warn({ lost, reason: error === undefined ? undefined : error.message || (error as NodeJS.ErrnoException).code }, 'spans were lost: the collector at OTEL_EXPORTER_OTLP_ENDPOINT is away or too slow')
  })
  if (spans !== undefined) {
    log.info(`traces go to ${new URL(tracing?.url ?? '').origin}`)
    exchanges.onEnd((exchange) => exchange.trace?.end(exchange))
    fastify.addHook('onClose', () => spans.close())
  }

  fastify.decorate('tracing', {
    join (exchange, headers) {
      if (spans === undefined && headers.traceparent === undefined) return undefined
      const context = readContext(headers)
      if (spans === undefined) return context === undefined ? undefined : new Carried(context)
      return spans.begin(exchange, dialect(exchange.clientDialect)?.genAiOperation ?? exchange.clientDialect, context)
    },
    carry (headers) {
      const context = readContext(headers)
      return context === undefined ? {} : writeContext(context)
    },
    get lost () { return spans?.lost ?? 0 }
  })
}, { name: 'tracing', fastify: '5.x', dependencies: ['config', 'logging'] })

/** @throws {Error} of one line, where the packages are not installed */
async function load (): Promise<{ openSpans: (...args: Parameters<typeof import('./spans.ts')['openSpans']>) => Spans }> {
  try {
    return await import('./spans.ts')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code !== 'ERR_MODULE_NOT_FOUND') throw error
    const [, missing = 'a package'] = /'(@opentelemetry\/[^']+)'/.exec(message) ?? []
    throw new Error(`OTEL_EXPORTER_OTLP_ENDPOINT is set, and ${missing} is not installed: npm install ${PACKAGES.join(' ')}, or unset it`)
  }
}

/** Optional peer dependencies: package.json has the versions. */
const PACKAGES = ['api', 'sdk-trace', 'resources', 'exporter-trace-otlp-http'].map((name) => `@opentelemetry/${name}`)
