import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { hash } from 'node:crypto'
import type { Recording } from './recordings.ts'

/** A provider on loopback that answers with recordings. */
export interface ReplayProvider {
  url: string
  /** Where replies were cut, and how many of the cuts fell inside a UTF-8 character. */
  cuts: { all: number, inCharacters: number }
  close (): Promise<void>
}

/** Headers that belong to the recorded connection, not to the reply. */
const HOP_BY_HOP = new Set(['connection', 'content-encoding', 'content-length', 'keep-alive', 'transfer-encoding'])

const CREDENTIALS = ['authorization', 'x-api-key']

/**
 * Serves recordings: the `model` of a request is the id of the one that answers it, behind an optional `NAME@`. The
 * reply is cut at odd places, inside characters too, and at the same ones in every run.
 *
 * @param key the real key: a request with any other credential is refused, as by a provider
 */
export async function startProvider (recordings: Recording[], key: string): Promise<ReplayProvider> {
  const byId = new Map(recordings.map((recording) => [recording.id, recording]))
  const cuts = { all: 0, inCharacters: 0 }
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => refuse(response, 500, String(error)))
  })

  async function answer (request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const given = CREDENTIALS.map((name) => request.headers[name]).filter((value) => value !== undefined)
    if (given.length === 0 || given.some((value) => String(value).replace(/^Bearer /, '') !== key)) {
      return refuse(response, 401, `not the real key: ${given.join(', ')}`)
    }
    const { model } = JSON.parse(Buffer.concat(parts).toString()) as { model: string }
    const recording = byId.get(model.slice(model.indexOf('@') + 1))
    if (recording === undefined) return refuse(response, 404, `no recording ${model}`)
    await replay(recording, response)
  }

  async function replay ({ id, response: { status, headers, body, sse } }: Recording, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(headers)) {
      if (!HOP_BY_HOP.has(name)) response.setHeader(name, value)
    }
    response.writeHead(status)
    const bytes = Buffer.from(sse ?? (typeof body === 'string' ? body : JSON.stringify(body)))
    const size = oddSizes(id)
    for (let at = 0, end = 0; at < bytes.length; at = end) {
      end = at + size()
      const character = longCharacter(bytes, at, end)
      if (character !== -1) end = character + 1
      if (end < bytes.length) cuts.all++
      if (character !== -1) cuts.inCharacters++
      if (!response.write(bytes.subarray(at, end))) await once(response, 'drain')
    }
    response.end()
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the provider has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    cuts,
    async close () {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  }
}

function refuse (response: ServerResponse, status: number, message: string): void {
  if (response.headersSent) return void response.destroy()
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error: { message: `replay: ${message}` } }))
}

/** Where the first character of several bytes begins, or -1. */
function longCharacter (bytes: Buffer, start: number, end: number): number {
  // Its first byte begins with the bits 11.
  const at = bytes.subarray(start, end).findIndex((byte) => byte >= 0xc0)
  return at === -1 ? -1 : start + at
}

/** Sizes of pieces in bytes: from one to a thousand, small ones as likely as large. The same ones for the same seed. */
function oddSizes (seed: string): () => number {
  let state = Number.parseInt(hash('sha256', seed).slice(0, 8), 16)
  // A linear congruential generator with the constants of Numerical Recipes.
  const random = (): number => {
    state = (state * 1664525 + 1013904223) >>> 0
    return state / 2 ** 32
  }
  return () => Math.floor(10 ** (random() * 3))
}
