import type { Dispatcher, Pool } from 'undici'
import { GatewayError } from '../errors.ts'
import type { CallOptions, Connection, Passenger } from './connection.ts'
import { decoder, isPlain, type Decoder } from './decoding.ts'
import type { Guest, Lane } from './lane.ts'
import type { Timeouts } from './timeouts.ts'

export interface UpstreamRequest {
  method: 'GET' | 'POST' | 'DELETE'
  url: URL
  /** Lower-case names. */
  headers: Record<string, string>
  body?: Buffer
}

export interface ReplyHandler {
  onHead (status: number, headers: Record<string, string | string[] | undefined>): void
  /** @returns false to pause until `resume` */
  onData (chunk: Buffer): boolean
  onEnd (): void
  /** The last word, in place of `onEnd`. Not called after `abort`. */
  onError (error: GatewayError): void
}

/** The way to an origin, which its calls share. */
export interface Route {
  lane: Lane
  pool: Pool
  /** Opens a pool without idle connections, for a replay. */
  fresh (): Pool
}

/**
 * One request under way to a provider. Its timer runs until the reply's headers are complete, and then anew with each
 * piece of the body; it stands still while the client makes us pause. Another runs until there is a connection.
 */
export class UpstreamCall implements Dispatcher.DispatchHandler, Guest, Passenger {
  /** Whether the request went out on a connection: then the provider may have worked on it. */
  reached = false
  /** Whether its connection has sent all of it, and reads the body no more: known at the end of the reply. */
  sent = false
  attempts = 0
  connection: Connection | undefined
  place: Guest['place']
  readonly #request: UpstreamRequest
  readonly #handler: ReplyHandler
  readonly #timeouts: Timeouts
  readonly #route: Route
  readonly #replays: boolean
  #timer: NodeJS.Timeout | undefined
  #connecting: NodeJS.Timeout | undefined
  #controller: Dispatcher.DispatchController | undefined
  #decoder: Decoder | undefined
  #reused = false
  #headed = false
  #paused = false
  #over = false

  /** @param replays whether it may go out again where the connection that it took up was dead */
  constructor (request: UpstreamRequest, handler: ReplyHandler, timeouts: Timeouts, route: Route, replays: boolean) {
    this.#request = request
    this.#handler = handler
    this.#timeouts = timeouts
    this.#route = route
    this.#replays = replays
  }

  /** Goes out, or waits until others have ended. */
  send (): void {
    this.#timer = this.#wait(this.#timeouts.request)
    if (!this.#route.lane.enter(this)) this.#reject('upstream_busy')
  }

  go (): void {
    this.#dispatch(this.#route.pool)
  }

  #dispatch (pool: Pool): void {
    const { url, method, headers, body } = this.#request
    this.attempts++
    try {
      const options: CallOptions = { origin: url.origin, path: url.pathname + url.search, method, headers, body: body ?? null, call: this }
      pool.dispatch(options, this)
    } catch (error) {
      return this.#fail(new GatewayError('upstream_unreachable', { cause: error }))
    }
    // An idle connection is taken at once.
    const { connect } = this.#timeouts
    if (!this.reached && !this.#over && connect > 0) this.#connecting = setTimeout(() => this.#reject('upstream_timeout'), connect)
  }

  /** Goes on after `onData` returned false. */
  resume (): void {
    // Its connection may be another call's by now.
    if (this.#over) return
    this.#paused = false
    this.#timer?.refresh()
    if (this.#decoder !== undefined) this.#decoder.resume()
    else this.connection?.goOn()
  }

  /** Lets go of the provider. The handler hears nothing more. */
  abort (): void {
    if (this.#over) return
    this.#end()
    this.#controller?.abort(new Error('aborted'))
  }

  onRequestStart (controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#over) return controller.abort(new Error('aborted'))
    clearTimeout(this.#connecting)
    this.reached = true
    this.#reused = this.connection?.board() === true
  }

  onResponseStart (_controller: Dispatcher.DispatchController, status: number, headers: Record<string, string | string[] | undefined>): void {
    if (this.#over || status < 200) return
    this.#headed = true
    this.#awaitPieces()
    if (status >= 300 && status < 400) {
      return this.#reject('upstream_bad_reply', 'The provider answered with a redirect, which the gateway does not follow.')
    }
    const encoding = headers['content-encoding']
    if (encoding !== undefined && !isPlain(encoding)) {
      this.#decoder = decoder(encoding, {
        data: (chunk) => this.#data(chunk),
        end: () => this.#finish(),
        error: () => this.#reject('upstream_bad_reply'),
        pause: () => this.connection?.hold(),
        resume: () => this.connection?.goOn()
      })
      if (this.#decoder === undefined) return this.#reject('upstream_bad_reply', 'The provider\'s reply is in an encoding the gateway did not ask for.')
    }
    this.#handler.onHead(status, headers)
  }

  onResponseData (_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#over) return
    this.#timer?.refresh()
    if (this.#decoder !== undefined) this.#decoder.write(chunk)
    else if (!this.#data(chunk)) this.connection?.hold()
  }

  onResponseEnd (): void {
    this.sent = this.connection?.alight() === true
    if (this.#over) return
    if (this.#decoder !== undefined) this.#decoder.end()
    else this.#finish()
  }

  onResponseError (_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#over) return
    const { code } = error as NodeJS.ErrnoException
    if (!this.reached) {
      return this.#fail(new GatewayError(code === 'UND_ERR_CONNECT_TIMEOUT' ? 'upstream_timeout' : 'upstream_unreachable', { cause: error }))
    }
    // An idle connection the provider closed as we took it up: nothing of the request was answered, so it goes out
    // once more, on a connection that is new for certain.
    if (this.#replays && this.#reused && !this.#headed && isDisconnect(code)) {
      const pool = this.#route.fresh()
      this.reached = false
      this.#controller = undefined
      clearTimeout(this.#connecting)
      this.#dispatch(pool)
      pool.close().catch(() => {})
      return
    }
    const broke = this.#headed || isDisconnect(code)
    this.#fail(new GatewayError(broke ? 'upstream_broke' : 'upstream_bad_reply', { cause: error }))
  }

  #data (chunk: Buffer): boolean {
    if (this.#over) return false
    try {
      if (this.#handler.onData(chunk)) return true
    } catch (cause) {
      // Such as JSON that is nested deeper than the stack goes. The library would swallow it, and nobody would end the reply.
      const controller = this.#controller
      this.#fail(new GatewayError('upstream_bad_reply', { cause }))
      controller?.abort(new Error('aborted'))
      return false
    }
    this.#paused = true
    return false
  }

  #wait (timeout: number): NodeJS.Timeout | undefined {
    return timeout > 0 ? setTimeout(() => this.#expire(), timeout) : undefined
  }

  /** From now on silence counts. */
  #awaitPieces (): void {
    const { request, idle } = this.#timeouts
    if (request === idle) return void this.#timer?.refresh()
    clearTimeout(this.#timer)
    this.#timer = this.#wait(idle)
  }

  #expire (): void {
    if (this.#paused) {
      this.#timer?.refresh()
      return
    }
    const waits = this.attempts === 0
    if (waits) this.#route.lane.refused.late++
    this.#reject(waits ? 'upstream_busy' : 'upstream_timeout')
  }

  #reject (code: 'upstream_bad_reply' | 'upstream_timeout' | 'upstream_busy', message?: string): void {
    if (this.#over) return
    const controller = this.#controller
    this.#fail(new GatewayError(code, { ...message !== undefined && { message }, ...code === 'upstream_busy' && { headers: { 'retry-after': '1' } } }))
    controller?.abort(new Error('aborted'))
  }

  #finish (): void {
    if (this.#over) return
    this.#end()
    try {
      this.#handler.onEnd()
    } catch (cause) {
      this.#handler.onError(new GatewayError('upstream_bad_reply', { cause }))
    }
  }

  #fail (error: GatewayError): void {
    if (this.#over) return
    this.#end()
    this.#handler.onError(error)
  }

  #end (): void {
    this.#over = true
    clearTimeout(this.#timer)
    clearTimeout(this.#connecting)
    this.#decoder?.destroy()
    this.#route.lane.leave(this)
  }
}

function isDisconnect (code: string | undefined): boolean {
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET' || code === 'EPIPE'
}
