import { connect, type Socket } from 'node:net'
import { Framing } from './framing.ts'

export interface Listener {
  onHead (status: number): void
  onBody (bytes: Buffer): void
  onEnd (): void
  /** In place of `onEnd`: the connection ended first, or spoke no HTTP. */
  onError (error: Error): void
}

/** A client's connection, for one request after another. It costs less than Node's own client, which would be measured too. */
export class Connection {
  readonly #socket: Socket
  #framing: Framing | undefined
  #listener: Listener | undefined

  constructor (host: string, port: number) {
    this.#socket = connect({ host, port, noDelay: true })
    this.#socket.on('data', (bytes) => this.#take(bytes))
    this.#socket.on('error', (error) => this.#fail(error))
    this.#socket.on('close', () => this.#framing?.untilClose === true ? this.#end() : this.#fail(new Error('the connection was closed')))
  }

  get open (): boolean {
    return !this.#socket.destroyed
  }

  /** @param request head and body as they go out */
  send (request: Buffer, listener: Listener): void {
    this.#listener = listener
    this.#framing = new Framing(listener)
    this.#socket.write(request)
  }

  pause (): void { this.#socket.pause() }
  resume (): void { this.#socket.resume() }

  close (): void {
    this.#listener = undefined
    this.#socket.destroy()
  }

  #take (bytes: Buffer): void {
    try {
      if (this.#framing?.push(bytes) === true) this.#end()
    } catch (error) {
      this.#fail(error as Error)
    }
  }

  #end (): void {
    const listener = this.#listener
    if (this.#framing?.keepAlive !== true) this.#socket.destroy()
    this.#listener = undefined
    listener?.onEnd()
  }

  #fail (error: Error): void {
    const listener = this.#listener
    this.#listener = undefined
    this.#socket.destroy()
    listener?.onError(error)
  }
}
