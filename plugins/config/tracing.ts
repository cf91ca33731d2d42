import { Type, type Static, type TObject } from 'typebox'
import { parseCount } from './formats.ts'

/** OpenTelemetry's own variables, by their standard names and meanings. They are judged only where tracing is on. */
export const TracingSettings = Type.Object({
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(Type.String({
    description: 'The OTLP/HTTP collector that gets a span for each request ([tracing.md](tracing.md)). Without it none are made.',
    examples: ['http://localhost:4318']
  })),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Type.Optional(Type.String({
    description: 'The whole URL that spans are sent to, instead of `/v1/traces` below that one.',
    examples: ['http://localhost:4318/v1/traces']
  })),
  OTEL_EXPORTER_OTLP_HEADERS: Type.Optional(Type.String({
    description: 'Headers for the collector: `name=value`, separated by commas, percent-encoded.',
    examples: ['authorization=Bearer%20SECRET']
  })),
  OTEL_EXPORTER_OTLP_PROTOCOL: Type.Optional(Type.String({
    description: 'Spans are sent as `http/json`, which whoever takes `http/protobuf` takes too. `grpc` is refused.',
    examples: ['http/json']
  })),
  OTEL_SERVICE_NAME: Type.Optional(Type.String({
    description: 'What the gateway is called in traces. Unset: `llm-gateway`, or what `OTEL_RESOURCE_ATTRIBUTES` says.',
    examples: ['llm-gateway']
  })),
  OTEL_RESOURCE_ATTRIBUTES: Type.Optional(Type.String({
    description: 'What else is said of it in traces: `name=value`, separated by commas, percent-encoded.',
    examples: ['deployment.environment.name=production,service.namespace=ai']
  })),
  OTEL_TRACES_SAMPLER: Type.Optional(Type.String({
    description: 'Which requests have spans: `always_on`, `always_off`, `traceidratio`, or one of them with `parentbased_` before it, which leaves it to whoever began the trace. Unset: `parentbased_always_on`.',
    examples: ['parentbased_traceidratio']
  })),
  OTEL_TRACES_SAMPLER_ARG: Type.Optional(Type.String({
    description: 'The part of traces that `traceidratio` takes, from 0 to 1.',
    examples: ['0.1']
  })),
  OTEL_BSP_SCHEDULE_DELAY: Type.String({
    default: '5000',
    description: 'How long a span waits for others to be sent with, in milliseconds.',
    examples: ['5000']
  }),
  OTEL_BSP_MAX_QUEUE_SIZE: Type.String({
    default: '2048',
    description: 'How many spans may wait for the collector. More are lost.',
    examples: ['2048']
  }),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: Type.String({
    default: '512',
    description: 'How many spans are sent at once.',
    examples: ['512']
  }),
  OTEL_SDK_DISABLED: Type.Optional(Type.String({
    description: '`true` makes no spans, whatever else is set.',
    examples: ['true']
  }))
})

const SAMPLERS = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'] as const

/** What spans are made with. */
export interface Tracing {
  url: string
  headers: Record<string, string>
  /** Of the gateway, as traces show it. */
  resource: Record<string, string>
  sampler: typeof SAMPLERS[number]
  ratio: number
  /** Milliseconds. */
  delay: number
  /** Spans. */
  queue: number
  batch: number
}

type Raw = Static<typeof TracingSettings>

/**
 * @returns `undefined` where there is no collector, or tracing is off
 * @throws {Error} of one line, which names the variable and a right value
 */
export function tracingOf (raw: Raw): Tracing | undefined {
  if (raw.OTEL_EXPORTER_OTLP_ENDPOINT === undefined || raw.OTEL_SDK_DISABLED?.toLowerCase() === 'true') return undefined
  read(raw, 'OTEL_EXPORTER_OTLP_PROTOCOL', checkProtocol, 'http/json')
  const base = read(raw, 'OTEL_EXPORTER_OTLP_ENDPOINT', parseUrl)
  base.pathname = `${base.pathname.replace(/\/$/, '')}/v1/traces`
  const name = raw.OTEL_SERVICE_NAME
  return {
    url: read(raw, 'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', parseUrl, base.href).href,
    headers: read(raw, 'OTEL_EXPORTER_OTLP_HEADERS', parsePairs),
    resource: { ...read(raw, 'OTEL_RESOURCE_ATTRIBUTES', parsePairs), ...name !== undefined && { 'service.name': name } },
    sampler: read(raw, 'OTEL_TRACES_SAMPLER', parseSampler, 'parentbased_always_on'),
    ratio: read(raw, 'OTEL_TRACES_SAMPLER_ARG', parseRatio, '1'),
    delay: read(raw, 'OTEL_BSP_SCHEDULE_DELAY', parseCount),
    queue: read(raw, 'OTEL_BSP_MAX_QUEUE_SIZE', parseCount),
    batch: read(raw, 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', parseCount)
  }
}

/** No message repeats the value: a URL and headers may hold a secret. */
function read <T> (raw: Raw, name: keyof Raw, parse: (text: string) => T, otherwise = ''): T {
  try {
    return parse(raw[name] ?? otherwise)
  } catch (error) {
    const { examples } = (TracingSettings as TObject).properties[name] as { examples?: string[] }
    throw new Error(`${name} ${error instanceof Error ? error.message : String(error)}; for example ${name}=${examples?.[0]}`)
  }
}

function parseUrl (text: string): URL {
  const url = URL.parse(text)
  if (url === null || !/^https?:\/\/[^/]/.test(text)) throw new Error('is not an http or https URL')
  return url
}

function checkProtocol (text: string): void {
  if (text !== 'http/json' && text !== 'http/protobuf') throw new Error('asks for what is not spoken here: spans go as http/json, which collectors take on port 4318')
}

function parsePairs (text: string): Record<string, string> {
  try {
    return Object.fromEntries(text.split(',').filter((pair) => pair.trim() !== '').map((pair) => {
      const [, name = '', value = ''] = /^\s*([\w.!#$%&'*+^`|~/-]+)\s*=(.*)$/s.exec(pair) ?? []
      if (name === '') throw new Error()
      return [decodeURIComponent(name), decodeURIComponent(value.trim())]
    }))
  } catch {
    throw new Error('is not a list of name=value, separated by commas and percent-encoded')
  }
}

function parseSampler (text: string): Tracing['sampler'] {
  const sampler = SAMPLERS.find((name) => name === text)
  if (sampler === undefined) throw new Error(`is none of ${SAMPLERS.join(', ')}`)
  return sampler
}

function parseRatio (text: string): number {
  if (!/^(0?\.\d+|[01](\.0*)?|0\.\d*)$/.test(text)) throw new Error('is not a number from 0 to 1')
  return Number(text)
}
