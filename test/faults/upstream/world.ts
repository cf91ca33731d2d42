/** A gateway between clients and providers of all dialects, where each request meets a provider that does just what it is told. */
import { Agent, request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { REAL_KEY, startGateway, until, type Teardown, type TestGateway } from '../../helper.ts'
import { SPEECHES, type Heard, type Speech } from './speech.ts'

/** The connection ends: politely, or not. */
export const FIN = Symbol('FIN')
export const RST = Symbol('RST')
/** Bytes to send, ms to wait, an end. Without an end the connection stays open. */
export type Step = string | Buffer | number | typeof FIN | typeof RST
/** What the provider does, by its dialect, at the n-th attempt from 0. */
export type Script = (provider: Speech, attempt: number, socket: Socket) => Step[]

export const HEAD = (type: string, ...more: string[]): string => ['HTTP/1.1 200 OK', `content-type: ${type}`, ...more, '', ''].join('\r\n')
/** Ended by the connection's end. */
export const SSE = HEAD('text/event-stream', 'connection: close')
export const JSON_TYPE = 'application/json'
/** A reply that is framed by its length. */
export const framed = (body: string | Buffer, status = '200 OK', ...headers: string[]): Buffer =>
  Buffer.concat([Buffer.from([`HTTP/1.1 ${status}`, ...headers.some((header) => header.startsWith('content-type')) ? [] : [`content-type: ${JSON_TYPE}`], ...headers, `content-length: ${Buffer.byteLength(body)}`, '', ''].join('\r\n')), Buffer.from(body)])

export interface Answer {
  client: Speech
  provider: Speech
  stream: boolean
  status: number
  headers: IncomingHttpHeaders
  body: string
  /** Set where the connection broke inside the reply. */
  cut: boolean
  /** ms until the reply's end. */
  took: number
  heard: Heard
  /** How often the provider was asked. */
  attempts: number
  row: Row
  /** Whether the client's connection took another request. */
  reusable: boolean
  /** ms after the reply's end until the provider's connections of this request were closed; `undefined` where one is open after two seconds. */
  freed (): Promise<number | undefined>
}

export interface Row { outcome: string, status: number, error: string | null, attempts: number, requests: number, input: number | null, output: number | null, usage_source: string, cost: number | null, upstream_dialect: string, provider: string, served_model: string | null }

export interface World {
  gateway: TestGateway
  call (script: Script, of: { client: Speech, provider: Speech, stream?: boolean, key?: string, body?: object }): Promise<Answer>
  /** The same for all nine pairs at once, streamed and whole unless told. */
  all (script: Script, streams?: boolean[], more?: { body?: object }): Promise<Answer[]>
  /** What of all that was logged or answered must not have been. */
  leaks (): string[]
}

export interface Options { env?: Record<string, string>, keys?: Record<string, Record<string, unknown>>, fields?: Record<string, unknown> }

export const keyOf = ({ id }: Speech): string => `vk_${id}_0123456789`

export async function world (t: Teardown, { env = {}, keys = {}, fields = {} }: Options = {}): Promise<World> {
  const scripts = new Map<string, { script: Script, sockets: Array<{ socket: Socket, closedAt: number | undefined }>, attempts: number }>()
  const open = new Set<Socket>()
  const server = createServer((socket) => {
    open.add(socket)
    const ticket = { socket, closedAt: undefined as number | undefined }
    socket.on('error', () => {})
    socket.on('close', () => {
      open.delete(socket)
      ticket.closedAt = performance.now()
    })
    let text = ''
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (end === -1 || text.length < end + 4 + length) return
      const scripted = scripts.get(JSON.parse(text.slice(end + 4, end + 4 + length)).model)
      const [, path] = /^POST (\S+)/.exec(text) ?? []
      const speech = SPEECHES.find((speech) => speech.path === path)
      text = ''
      if (scripted === undefined || speech === undefined) throw new Error(`nobody expects ${path}`)
      if (!scripted.sockets.some((known) => known.socket === socket)) scripted.sockets.push(ticket)
      play(socket, scripted.script(speech, scripted.attempts++, socket)).catch(() => {})
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const gateway = await startGateway(t, url, {
    env: { PROVIDERS: 'openai,anthropic,simulator', SIMULATOR_BASE_URL: url, ...env },
    keys: { ...Object.fromEntries(SPEECHES.map((speech) => [keyOf(speech), { provider: 'simulator', api_key: REAL_KEY, upstream_dialects: [speech.id], ...fields }])), ...keys }
  })
  const answers: Answer[] = []
  let calls = 0

  const call: World['call'] = async (script, { client, provider, stream = false, key = keyOf(provider), body = {} }) => {
    const id = `call-${process.pid}-${++calls}`
    const scripted = { script, sockets: [], attempts: 0 } as { script: Script, sockets: Array<{ socket: Socket, closedAt: number | undefined }>, attempts: number }
    scripts.set(id, scripted)
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    const begun = performance.now()
    const reply = await send(agent, 'POST', gateway.url + client.path, { 'content-type': JSON_TYPE, authorization: `Bearer ${key}`, 'x-request-id': id }, JSON.stringify({ ...client.ask(id, stream), ...body }))
    const endedAt = performance.now()
    const again = await send(agent, 'GET', `${gateway.url}/health`)
    agent.destroy()
    await until(() => rowsOf(gateway, id).some(({ outcome }) => outcome !== null))
    const rows = rowsOf(gateway, id)
    if (rows.length !== 1) throw new Error(`${rows.length} rows for one request`)
    const streamed = /^text\/event-stream/.test(String(reply.headers['content-type']))
    const answer: Answer = {
      ...reply,
      client,
      provider,
      stream,
      took: endedAt - begun,
      heard: reply.cut ? { text: '', done: false, more: false } : streamed ? client.hear(reply.body) : client.read(reply.body),
      attempts: scripted.attempts,
      row: rows[0]!,
      reusable: again.status === 200 && again.reused,
      async freed () {
        await until(() => performance.now() > endedAt + 2000 || scripted.sockets.every(({ closedAt }) => closedAt !== undefined))
        const times = scripted.sockets.map(({ closedAt }) => closedAt)
        return times.includes(undefined) ? undefined : Math.max(0, ...times.map((at = 0) => at - endedAt))
      }
    }
    answers.push(answer)
    return answer
  }
  return {
    gateway,
    call,
    all: (script, streams = [false, true], more = {}) => Promise.all(SPEECHES.flatMap((client) => SPEECHES.flatMap((provider) => streams.map((stream) => call(script, { client, provider, stream, ...more }))))),
    leaks () {
      const inside = new RegExp(`${REAL_KEY}|vk_[a-z-]+_0123456789|${Buffer.from(REAL_KEY).toString('base64').slice(0, -4)}`)
      const told = new RegExp(`${inside.source}|127\\.0\\.0\\.1|ECONN|UND_ERR|HPE_|EPIPE|Z_[A-Z]+_ERROR|<html|node_modules|node:|\\bat \\/|nginx`)
      return [
        ...answers.filter(({ body, headers }) => told.test(body) || told.test(JSON.stringify(headers))).map(({ client, provider, body, headers }) => `${client.id} on ${provider.id}: ${JSON.stringify(headers)} ${body.slice(0, 500)}`),
        ...gateway.lines().map((line) => JSON.stringify(line)).filter((line) => inside.test(line))
      ]
    }
  }
}

async function play (socket: Socket, steps: Step[]): Promise<void> {
  for (const step of steps) {
    if (socket.destroyed) return
    if (step === FIN) socket.end()
    else if (step === RST) socket.resetAndDestroy()
    else if (typeof step === 'number') await new Promise((resolve) => setTimeout(resolve, step))
    else if (typeof step !== 'symbol') await new Promise<void>((resolve, reject) => socket.write(step, (error) => error ? reject(error) : resolve()))
  }
}

type Reply = Pick<Answer, 'status' | 'headers' | 'body' | 'cut'> & { reused: boolean }

function send (agent: Agent, method: string, url: string, headers: Record<string, string> = {}, body?: string): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { agent, method, headers: { ...headers, ...body !== undefined && { 'content-length': Buffer.byteLength(body) } } }, (response) => {
      const chunks: Buffer[] = []
      const end = (cut: boolean) => () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString(), cut, reused: request.reusedSocket })
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('end', end(false))
      response.on('error', end(true))
    })
    request.on('error', reject)
    request.end(body)
  })
}

export function rowsOf ({ app }: TestGateway, id: string): Row[] {
  app.database!.flush()
  return [...app.database!.iterate('SELECT * FROM requests WHERE request_id = ? ORDER BY seq', id)].map((row) => ({ ...row })) as unknown as Row[]
}
