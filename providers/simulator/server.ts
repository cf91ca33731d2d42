import { createServer, type IncomingHttpHeaders, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { pipeline } from 'node:stream/promises'
import { answer, type Answer, type Question } from './answer.ts'
import { chatFrames, readChat, wholeChat } from './chat.ts'
import { embeddings } from './embeddings.ts'
import { faultOf, type Fault } from './faults.ts'
import { fields, type Fields } from './fields.ts'
import { readResponses, responseFailure, responseFrames, wholeResponse } from './responses.ts'
import { frame, messageFrames, readMessagesRequest, wholeMessage } from './messages.ts'
import { chatModels, messagesModels } from './models.ts'
import { chatError, messagesError, Refusal } from './refusal.ts'

/** Milliseconds between the pieces of a stream. */
const PACE = 5
const MAX_BODY = 32 * 2 ** 20
/** How much of the past is kept for tests to look at. */
const KEPT_REQUESTS = 200
const KEPT_BYTES = 16 * 2 ** 20

export interface Simulator {
  /** Such as `http://127.0.0.1:4010`. */
  url: string
  /** The latest requests, oldest first. */
  requests: SeenRequest[]
  /** Stops listening and cuts what is still open. */
  close (): Promise<void>
}

export interface SeenRequest {
  method: string
  /** With the query. */
  url: string
  headers: IncomingHttpHeaders
  body: Buffer
  /** When the client left before it had the whole reply, in milliseconds of `performance.now()`. */
  leftAt?: number
}

/** A wire format, in the simulator's own words. It shares no code with the gateway's dialects: each checks the other. */
interface Wire {
  read (body: Fields): Question
  whole (question: Question, answer: Answer): object
  frames (question: Question, answer: Answer): string[]
  error (refusal: Refusal, requestId: string): object
  errorFrame (refusal: Refusal, requestId: string): string
}

const CHAT: Wire = {
  read: readChat,
  whole: wholeChat,
  frames: chatFrames,
  error: chatError,
  errorFrame: refusal => `data: ${JSON.stringify(chatError(refusal))}\n\n`
}

const MESSAGES: Wire = {
  read: readMessagesRequest,
  whole: wholeMessage,
  frames: messageFrames,
  error: messagesError,
  errorFrame: (refusal, requestId) => frame({ type: 'error', ...messagesError(refusal, requestId) })
}

const RESPONSES: Wire = {
  read: readResponses,
  whole: wholeResponse,
  frames: responseFrames,
  error: chatError,
  errorFrame: refusal => responseFailure(chatError(refusal))
}

/**
 * @param options.port of 127.0.0.1; a free one where it is 0 or absent
 * @param options.pace milliseconds between the pieces of a stream
 */
export async function startSimulator ({ port = 0, pace = PACE }: { port?: number, pace?: number } = {}): Promise<Simulator> {
  const requests: SeenRequest[] = []
  let count = 0

  const server = createServer((request, reply) => {
    const requestId = `req_sim_${++count}`
    // One provider has Messages below a path of its own.
    const path = (request.url ?? '/').split('?', 1)[0]?.replace(/^(?:\/v1)?\/anthropic\/v1\//, '/v1/') ?? '/'
    const wire = path.startsWith('/v1/responses') ? RESPONSES : path.startsWith('/v1/messages') || (path.startsWith('/v1/models') && 'anthropic-version' in request.headers) ? MESSAGES : CHAT
    reply.setHeader(wire === MESSAGES ? 'request-id' : 'x-request-id', requestId)
    serve(request, reply, { path, wire, requestId, pace, requests }).catch((error: unknown) => {
      if (reply.headersSent || reply.destroyed) return reply.destroy()
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'The simulator itself has failed.')
      if (!(error instanceof Refusal)) console.error(error)
      if (refusal.status === 429) reply.setHeader('retry-after', '1')
      sendJson(reply, refusal.status, wire.error(refusal, requestId))
    })
  })
  await listen(server, port)

  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('The simulator has no port.')
  return {
    url: `http://127.0.0.1:${address.port}`,
    requests,
    close: () => new Promise((resolve, reject) => {
      server.close(error => error === undefined ? resolve() : reject(error))
      server.closeAllConnections()
    })
  }
}

interface Exchange { path: string, wire: Wire, requestId: string, pace: number, requests: SeenRequest[] }

async function serve (request: IncomingMessage, reply: ServerResponse, { path, wire, requestId, pace, requests }: Exchange): Promise<void> {
  const seen: SeenRequest = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body: await readBody(request) }
  remember(requests, seen)
  reply.once('close', () => {
    if (!reply.writableFinished) seen.leftAt = performance.now()
  })

  authorize(request.headers, wire)
  switch (`${request.method} ${path}`) {
    case 'POST /v1/chat/completions':
    case 'POST /v1/responses':
    case 'POST /v1/messages': return await converse(reply, wire, readJson(seen.body), requestId, pace)
    case 'POST /v1/messages/count_tokens': return sendJson(reply, 200, { input_tokens: countInput(wire, { ...readJson(seen.body), max_tokens: 1 }) })
    case 'POST /v1/responses/input_tokens': return sendJson(reply, 200, { object: 'response.input_tokens', input_tokens: countInput(wire, readJson(seen.body)) })
    case 'POST /v1/embeddings': return sendJson(reply, 200, embeddings(readJson(seen.body)))
  }
  const model = /^\/v1\/models(?:\/([^/]+))?$/.exec(path)
  if (request.method !== 'GET' || model === null) throw new Refusal(404, `Unknown request: ${request.method} ${path}`)
  const id = model[1] === undefined ? undefined : decodeURIComponent(model[1])
  sendJson(reply, 200, wire === MESSAGES ? messagesModels(id) : chatModels(id))
}

function countInput (wire: Wire, body: Fields): number {
  return answer(wire.read(body)).usage.input
}

async function converse (reply: ServerResponse, wire: Wire, body: Fields, requestId: string, pace: number): Promise<void> {
  const question = wire.read(body)
  const fault = faultOf(question.model, question.stream)
  const answered = answer(question)
  if (fault.wait !== undefined) await sleep(fault.wait)
  if (!question.stream) return sendJson(reply, 200, wire.whole(question, answered), fault)

  reply.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' })
  const frames = wire.frames(question, answered)
  if (fault.middle !== undefined) frames.length = Math.ceil(frames.length / 2)
  if (fault.middle === 'error') frames.push(wire.errorFrame(new Refusal(500, 'This error was asked for.'), requestId))
  await pipeline(paced(frames, fault.pace ?? pace, fault.middle === 'break'), reply)
}

/** Ends in an error where the connection is to be cut: `pipeline` destroys the reply then. */
async function * paced (frames: string[], pace: number, broken: boolean): AsyncGenerator<string> {
  for (const frame of frames) {
    yield frame
    await sleep(pace)
  }
  if (broken) throw new Error('cut on request')
}

function sendJson (reply: ServerResponse, status: number, value: object, fault: Fault = {}): void {
  const body = Buffer.from(JSON.stringify(value))
  reply.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length })
  if (fault.middle === undefined) reply.end(body)
  else reply.write(body.subarray(0, body.length / 2), () => reply.destroy())
}

/** Any key that begins with `sim-` is good. Chat takes it as a bearer token only, Messages in its own header too. */
function authorize (headers: IncomingHttpHeaders, wire: Wire): void {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1]
  const key = wire === MESSAGES ? headers['x-api-key'] ?? bearer : bearer
  if (typeof key !== 'string' || !key.startsWith('sim-')) throw new Refusal(401, 'Incorrect API key provided: the simulator takes any key that begins with sim-.')
  if (wire === MESSAGES && headers['anthropic-version'] === undefined) throw new Refusal(400, 'anthropic-version: header is required')
}

async function readBody (request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > MAX_BODY) throw new Refusal(413, 'Request exceeds the maximum size')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

function readJson (body: Buffer): Fields {
  try {
    return fields(JSON.parse(body.toString('utf8')))
  } catch {
    throw new Refusal(400, 'The request body is not valid JSON.')
  }
}

function remember (requests: SeenRequest[], seen: SeenRequest): void {
  requests.push(seen)
  let bytes = requests.reduce((sum, { body }) => sum + body.length, 0)
  while (requests.length > KEPT_REQUESTS || bytes > KEPT_BYTES) bytes -= requests.shift()?.body.length ?? bytes
}

function listen (server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
}

if (process.argv[1] === import.meta.filename) {
  const { url } = await startSimulator({ port: 4010 })
  console.log(`The simulator listens at ${url}. Any key that begins with sim- is good.`)
}
