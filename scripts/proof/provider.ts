/** A provider that bills: it counts what it was asked, what it sent, and what that costs by the price list. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** What one call came to, as the provider sees it. */
export interface Call {
  id: string
  kind: string
  /** Its usage went out whole: this is on the invoice. */
  finished: boolean
  /** Tokens generated so far. */
  output: number
  input: number
  /** ms from the request's last byte to the reply's, once there is one. */
  took?: number
}

export interface BillingProvider {
  url: string
  /** By the caller's own name for it, the body's field `user`. */
  calls: Map<string, Call>
  close (): void
}

/** Nano-dollars a token of gpt-5.4-mini: input, output. */
const RATES = { input: 750, output: 4500 }

export function costOf ({ input, output }: Pick<Call, 'input' | 'output'>): number {
  return input * RATES.input + output * RATES.output
}

/** The words of a streamed reply: one token each. */
const WORD = ' the'

/**
 * Answers Chat Completions by the name of the model behind the last dash: `whole`, `stream`, `fault` (500), `refuse` (400),
 * `break` (the connection, mid-stream). A body names its own usage: `metadata: {input, output}`.
 */
export async function startBilling (): Promise<BillingProvider> {
  const calls = new Map<string, Call>()
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { user, stream, metadata } = JSON.parse(Buffer.concat(chunks).toString()) as { user: string, stream?: boolean, metadata: { kind: string, input: string, output: string } }
      const call: Call = { id: user, kind: metadata.kind, finished: false, output: 0, input: Number(metadata.input) }
      calls.set(user, call)
      const began = performance.now()
      response.once('finish', () => { call.took = performance.now() - began })
      response.on('error', () => {})
      answer(response, call, stream === true, Number(metadata.output)).catch((error: unknown) => { console.error(error) })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    calls,
    close () {
      server.closeAllConnections()
      server.close()
    }
  }
}

async function answer (response: ServerResponse, call: Call, stream: boolean, output: number): Promise<void> {
  const json = { 'content-type': 'application/json' }
  // What is refused, or fails, is on no invoice.
  if (call.kind === 'fault' || call.kind === 'refuse') call.input = 0
  if (call.kind === 'fault') return void response.writeHead(500, json).end('{"error":{"message":"the provider failed","type":"server_error"}}')
  if (call.kind === 'refuse') return void response.writeHead(400, json).end('{"error":{"message":"no","type":"invalid_request_error"}}')
  const usage = (): object => ({ prompt_tokens: call.input, completion_tokens: call.output, total_tokens: call.input + call.output })
  if (!stream) {
    await wait(Math.random() * 30)
    call.output = output
    if (response.destroyed) return
    response.writeHead(200, json).end(JSON.stringify({ id: call.id, object: 'chat.completion', created: 1, model: 'gpt-5.4-mini', choices: [{ index: 0, message: { role: 'assistant', content: WORD.repeat(output) }, finish_reason: 'stop' }], usage: usage() }))
    call.finished = true
    return
  }
  const send = (fields: object): boolean => response.write(`data: ${JSON.stringify({ id: call.id, object: 'chat.completion.chunk', created: 1, model: 'gpt-5.4-mini', ...fields })}\n\n`)
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  while (call.output < output) {
    if (response.destroyed) return
    call.output++
    send({ choices: [{ index: 0, delta: { content: WORD }, finish_reason: null }] })
    if (call.kind === 'break' && call.output > output / 2) return void response.destroy()
    if (call.output % 4 === 0) await wait(3)
  }
  if (response.destroyed) return
  send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })
  send({ choices: [], usage: usage() })
  response.end('data: [DONE]\n\n')
  call.finished = true
}
