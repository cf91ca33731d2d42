import t from 'tap'
import { InMemorySpanExporter, TracerProvider, type SpanExporter } from '@opentelemetry/sdk-trace'
import { Sender, type SenderOptions } from '../../../plugins/tracing/sender.ts'
import { until } from '../../helper.ts'

t.setTimeout(120_000)

type Result = Parameters<Parameters<SpanExporter['export']>[1]>[0]

/** An exporter that answers when it is told to. */
class Held implements SpanExporter {
  readonly batches: number[] = []
  readonly #answers: Array<(result: Result) => void> = []

  export (spans: unknown[], answer: (result: Result) => void): void {
    this.batches.push(spans.length)
    this.#answers.push(answer)
  }

  answer (result: Result): void {
    this.#answers.shift()?.(result)
  }

  async shutdown (): Promise<void> {}
}

interface Told { lost: number, reason: string | undefined }

function sending (exporter: SpanExporter, options: Partial<SenderOptions> = {}): { sender: Sender, told: Told[], make: (count: number) => void } {
  const told: Told[] = []
  const sender = new Sender({ exporter, delay: 5, queue: 10, batch: 4, tell: (lost, error) => told.push({ lost, reason: error?.message }), ...options })
  const tracer = new TracerProvider({ spanProcessors: [sender] }).getTracer('test')
  return { sender, told, make: (count) => { for (let i = 0; i < count; i++) tracer.startSpan(`${i}`).end() } }
}

t.test('spans go out in batches, in their order', async (t) => {
  const exporter = new InMemorySpanExporter()
  const { sender, told, make } = sending(exporter)
  make(10)
  await until(() => exporter.getFinishedSpans().length === 10)
  t.same(exporter.getFinishedSpans().map(({ name }) => name), Array.from({ length: 10 }, (_, i) => `${i}`))
  t.same(told, [])
  t.equal(sender.lost, 0)
})

t.test('while one batch is on its way the others wait, and only so many', async (t) => {
  const exporter = new Held()
  const { sender, told, make } = sending(exporter)
  make(1000)
  t.same(exporter.batches, [4])
  t.equal(sender.lost, 1000 - 4 - 10)
  t.same(told, [{ lost: 1, reason: undefined }], 'said once')
  for (const size of [4, 4, 2]) {
    exporter.answer({ code: 0 })
    await until(() => exporter.batches.at(-1) === size && exporter.batches.length > 1)
  }
  exporter.answer({ code: 0 })
  await sender.shutdown()
  t.same(exporter.batches, [4, 4, 4, 2])
  make(1)
  t.equal(sender.lost, 1000 - 4 - 10 + 1, 'after the end there is nobody to take any')
})

t.test('what a collector does not take is lost, and said', async (t) => {
  const exporter = new Held()
  const { sender, told, make } = sending(exporter)
  make(4)
  exporter.answer({ code: 1, error: new Error('no such host') })
  await until(() => sender.lost === 4)
  t.same(told, [{ lost: 4, reason: 'no such host' }])
  make(4)
  exporter.answer({ code: 1 })
  await until(() => sender.lost === 8)
  t.equal(told.length, 1, 'once a minute')
  const throwing = sending({ export () { throw new Error('broken') }, shutdown: async () => {} })
  throwing.make(4)
  await until(() => throwing.told.length === 1)
  t.same(throwing.told, [{ lost: 4, reason: 'broken' }])
})

t.test('the end sends what waits, and waits a second for it', async (t) => {
  const quick = new InMemorySpanExporter()
  const first = sending(quick, { delay: 60_000 })
  first.make(3)
  await first.sender.shutdown()
  t.equal(quick.getFinishedSpans().length, 3)

  const { sender, told, make } = sending(new Held(), { delay: 60_000 })
  make(7)
  const started = performance.now()
  await sender.shutdown()
  t.ok(performance.now() - started < 10_000)
  t.equal(sender.lost, 3, 'the four on their way may arrive')
  t.same(told, [{ lost: 3, reason: undefined }])
})
