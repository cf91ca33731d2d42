import type { Exchange } from '../logging/exchange.ts'
import type { UpstreamRequest } from '../upstream/call.ts'
import { writeContext, type TraceContext } from './context.ts'

/** The trace that a relayed request belongs to, which hears how it goes. */
export interface Trace {
  /** 32 hexadecimal digits. */
  readonly id: string
  /** A request goes out: its provider is told of the trace. */
  begin (request: UpstreamRequest): void
  /** The reply's head has come. */
  answered (status: number): void
  /** Nothing came of it, and there is another. @param reason a code word */
  fail (reason: string, status?: number): void
  /** Nothing more happens. */
  end (exchange: Exchange): void
}

/** A trace of others', of which nothing is told but that it goes on. */
export class Carried implements Trace {
  readonly id: string
  readonly #headers: Record<string, string>

  constructor (context: TraceContext) {
    this.id = context.traceId
    this.#headers = writeContext(context)
  }

  begin (request: UpstreamRequest): void {
    Object.assign(request.headers, this.#headers)
  }

  answered (): void {}
  fail (): void {}
  end (): void {}
}
