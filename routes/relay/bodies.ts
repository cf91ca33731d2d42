import type { FastifyRequest } from 'fastify'
import { free } from '../../plugins/memory.ts'
import type { Admitted } from './admitted.ts'
import type { Attempts } from './attempts.ts'

/**
 * The bodies of one request: the client's, and what goes out in its place. They are freed once the last of those who read them
 * is done: the books, which may still count the prompt; the capture, which writes its lines when there is a moment; and the
 * connection, where a provider may answer before it has taken all of an upload.
 */
export class Bodies {
  readonly #request: FastifyRequest
  readonly #admitted: Admitted
  readonly #upstream: Attempts
  #booksClosed = false
  #captured: boolean

  constructor (request: FastifyRequest, admitted: Admitted, upstream: Attempts) {
    const { recorder } = admitted
    this.#request = request
    this.#admitted = admitted
    this.#upstream = upstream
    this.#captured = recorder === undefined
    recorder?.whenRead(() => {
      this.#captured = true
      this.#freeIfRead()
    })
  }

  onBooksClosed (): void {
    this.#booksClosed = true
    this.#freeIfRead()
  }

  /** The provider's reply is at its end: from then on it is known whether the connection has sent all. */
  onReplyEnd (): void {
    this.#freeIfRead()
  }

  #freeIfRead (): void {
    if (!this.#booksClosed || !this.#captured || !this.#upstream.sent) return
    const { body } = this.#request
    if (body instanceof Buffer) free(body)
    for (const { outgoing: { request } } of this.#admitted.ways) if (request.body !== undefined) free(request.body)
  }
}
