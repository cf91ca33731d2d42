import type { ReadableSpan, SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace'

export interface SenderOptions {
  exporter: SpanExporter
  /** ms that a span waits for others. */
  delay: number
  /** Spans that may wait, and that are sent at once. */
  queue: number
  batch: number
  /** Told that spans were lost, at most once a minute. */
  tell: (lost: number, error: Error | undefined) => void
}

/** ms between two complaints. */
const TELL = 60_000
/** ms that the end may take. */
const PATIENCE = 1000
/** The flag of a span that is to be sent. */
const SAMPLED = 1

/**
 * Sends spans in batches, one after the other. A collector that is slow or away costs spans, and nothing else: no more
 * than `queue` of them wait, and nobody waits for them.
 */
export class Sender implements SpanProcessor {
  readonly #options: SenderOptions
  #waiting: ReadableSpan[] = []
  #sending: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #over = false
  /** Since the last complaint. */
  #untold = 0
  #told = -Infinity
  /** Spans that reached no collector. */
  lost = 0

  constructor (options: SenderOptions) {
    this.#options = options
  }

  onStart (): void {}

  onEnd (span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & SAMPLED) === 0) return
    if (this.#over || this.#waiting.length >= this.#options.queue) return this.#lose(1)
    this.#waiting.push(span)
    this.#goOn()
  }

  async forceFlush (): Promise<void> {
    while (this.#waiting.length > 0 || this.#sending !== undefined) await (this.#sending ?? this.#send())
  }

  /** Sends what waits, as far as that takes no longer than a second. */
  async shutdown (): Promise<void> {
    this.#over = true
    clearTimeout(this.#timer)
    let late: NodeJS.Timeout | undefined
    const patience = new Promise<void>((resolve) => { late = setTimeout(resolve, PATIENCE) })
    await Promise.race([this.forceFlush(), patience])
    clearTimeout(late)
    if (this.#waiting.length > 0) this.#lose(this.#waiting.splice(0).length)
  }

  #goOn (): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return
    if (this.#waiting.length >= this.#options.batch) void this.#send()
    else this.#timer ??= setTimeout(() => void this.#send(), this.#options.delay).unref()
  }

  #send (): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const spans = this.#waiting.splice(0, this.#options.batch)
    this.#sending = this.#export(spans).then((error) => {
      this.#sending = undefined
      if (error !== undefined) this.#lose(spans.length, error)
      if (!this.#over) this.#goOn()
    })
    return this.#sending
  }

  /** @returns why it failed, where it did */
  #export (spans: ReadableSpan[]): Promise<Error | undefined> {
    return new Promise((resolve) => {
      try {
        // Its code for success is 0.
        this.#options.exporter.export(spans, ({ code, error }) => resolve(code === 0 ? undefined : error ?? new Error('the collector refused them')))
      } catch (error) {
        resolve(error instanceof Error ? error : new Error(String(error)))
      }
    })
  }

  #lose (spans: number, error?: Error): void {
    this.lost += spans
    this.#untold += spans
    const now = performance.now()
    if (now - this.#told < TELL) return
    this.#told = now
    this.#options.tell(this.#untold, error)
    this.#untold = 0
  }
}
