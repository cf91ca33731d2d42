import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Teardown } from '../../helper.ts'

/** A span as a test looks at it: numbers are numbers, and an attribute is what it says. */
export interface SeenSpan {
  name: string
  kind: number
  traceId: string
  spanId: string
  parentSpanId: string | undefined
  traceState: string | undefined
  /** ms. */
  start: number
  end: number
  failed: boolean
  attributes: Record<string, unknown>
  resource: Record<string, unknown>
}

interface Value { stringValue?: string, intValue?: number | string, doubleValue?: number, boolValue?: boolean, arrayValue?: { values: Value[] } }
interface Pair { key: string, value: Value }
interface Exported {
  resourceSpans: Array<{ resource: { attributes: Pair[] }, scopeSpans: Array<{ spans: RawSpan[] }> }>
}
interface RawSpan {
  name: string,
  kind: number,
  traceId: string,
  spanId: string,
  parentSpanId?: string,
  traceState?: string
  startTimeUnixNano: string,
  endTimeUnixNano: string,
  attributes: Pair[],
  status: { code: number }
}

export interface Collector {
  url: string
  spans: SeenSpan[]
  /** Of each export. */
  headers: Array<NodeJS.Dict<string | string[]>>
  paths: string[]
  /** All bodies, as they came. */
  text: () => string
  /** What it answers from now on; `null` for nothing at all. */
  status: number | null
}

/** A collector of OTLP over HTTP, as JSON: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
export async function startCollector (t: Teardown): Promise<Collector> {
  const texts: string[] = []
  const collector: Collector = { url: '', spans: [], headers: [], paths: [], text: () => texts.join('\n'), status: 200 }
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      collector.headers.push(request.headers)
      collector.paths.push(request.url ?? '')
      if (collector.status === null) return
      const text = Buffer.concat(chunks).toString()
      if (collector.status === 200) {
        texts.push(text)
        collector.spans.push(...read(JSON.parse(text) as Exported))
      }
      response.writeHead(collector.status, { 'content-type': 'application/json' }).end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return collector
}

function read ({ resourceSpans }: Exported): SeenSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans.map((span) => ({
    name: span.name,
    kind: span.kind,
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    traceState: span.traceState,
    start: Number(span.startTimeUnixNano) / 1e6,
    end: Number(span.endTimeUnixNano) / 1e6,
    failed: span.status.code === 2,
    attributes: named(span.attributes),
    resource: named(resource.attributes)
  }))))
}

function named (pairs: Pair[]): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, plain(value)]))
}

function plain (value: Value): unknown {
  if (value.intValue !== undefined) return Number(value.intValue)
  return value.stringValue ?? value.doubleValue ?? value.boolValue ?? value.arrayValue?.values.map(plain)
}
