import { Agent, request as httpRequest } from 'node:http'
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net'
import { createServer as createTlsServer, setDefaultCACertificates } from 'node:tls'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { mock } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, startGateway, until, type Teardown } from '../helper.ts'
import { Authority } from '../plugins/tls/certificates.ts'

t.setTimeout(120_000)

const CHAT = '/v1/chat/completions'
const usage = { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 }
const framed = (body: string, status = '200 OK'): string => `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`
const WHOLE = framed(JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'a' }, finish_reason: 'stop' }], usage }))
const MESSAGE = framed(JSON.stringify({ id: 'm1', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text: 'a' }], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 7, output_tokens: 5 } }))
const STREAM = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
const chunked = (text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`
const event = (fields: object): string => `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', ...fields })}\n\n`
const BEGINNING = chunked(event({ choices: [{ index: 0, delta: { content: 'a' }, finish_reason: null }] }))
const LAST_WORD = chunked(`${event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}${event({ choices: [], usage })}data: [DONE]\n\n`)
const NO_MORE = '0\r\n\r\n'

/** Up to here a body is captured whole. */
const LOGGED = 1024 * 1024
/** More than a connection holds by itself, so that the rest of it is in the gateway until the provider reads. */
const LONG = 12_000_000
/** Each place of it is like no other. */
const words = Array.from({ length: LONG / 5 }, (_, i) => i.toString(36)).join(' ')
const bodyOf = (length: number, fields: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ model: 'm', max_tokens: 9, ...fields, messages: [{ role: 'user', content: words.slice(0, length) }] }))
const long = bodyOf(LONG)
/** Goes out as it came, as nothing is left to be asked for. */
const longStream = bodyOf(LONG, { stream: true, stream_options: { include_usage: true } })

const PATIENT = 'vk_patient_0123456789'
const EAGER = 'vk_eager_0123456789'
const TWO = 'vk_two_0123456789'
const TWO_MODELS = 'vk_models_0123456789'

/** A body on its way to the provider, which stops behind the head until the test reads on. */
class Upload {
  readonly socket: Socket
  readonly #length: number
  readonly #pieces: Buffer[] = []
  #size = 0
  #slow = false
  #end = (): void => {}
  readonly #over = new Promise<void>((resolve) => { this.#end = resolve })

  constructor (socket: Socket, length: number) {
    this.socket = socket
    this.#length = length
    socket.once('close', () => this.#end())
  }

  get whole (): boolean {
    return this.#size === this.#length
  }

  get body (): Buffer {
    return Buffer.concat(this.#pieces)
  }

  take (piece: Buffer): void {
    this.#pieces.push(piece)
    this.#size += piece.length
    if (this.whole) return this.#end()
    if (!this.#slow) return
    this.socket.pause()
    setImmediate(() => this.socket.resume())
  }

  /** To its end, or the connection's. */
  async read (): Promise<this> {
    this.socket.resume()
    await this.#over
    return this
  }

  async readSlowly (): Promise<this> {
    this.#slow = true
    return await this.read()
  }
}

type Play = (upload: Upload) => unknown

/** A provider on a socket of its own making, which plays each request as the test says from its head on. */
class Provider {
  readonly uploads: Upload[] = []
  play: Play = () => {}
  readonly #sockets = new Set<Socket>()

  /** @param secure set for TLS */
  async listen (t: Teardown, secure?: { cert: string, key: string }): Promise<string> {
    const receive = (socket: Socket): void => this.#receive(socket)
    const server = secure === undefined ? createTcpServer(receive) : createTlsServer(secure, receive)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.teardown(() => {
      this.hangUp()
      server.close()
    })
    return `${secure === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  get last (): Upload {
    return this.uploads.at(-1)!
  }

  hangUp (): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#sockets.clear()
  }

  #receive (socket: Socket): void {
    this.#sockets.add(socket)
    let upload: Upload | undefined
    let head = ''
    socket.on('error', () => {})
    socket.on('data', (piece: Buffer) => {
      if (upload?.whole === false) return upload.take(piece)
      head += piece.toString('latin1')
      const end = head.indexOf('\r\n\r\n') + 4
      if (end < 4) return
      upload = new Upload(socket, Number(/content-length: (\d+)/i.exec(head)?.[1]))
      const first = Buffer.from(head.slice(end), 'latin1')
      head = ''
      socket.pause()
      upload.take(first)
      this.uploads.push(upload)
      this.play(upload)
    })
  }
}

/** How much of what was sent has come, and where it is something else. */
function came ({ body }: Upload, sent: Buffer): string {
  if (body.equals(sent)) return 'whole'
  return body.equals(sent.subarray(0, body.length)) ? 'part' : `something else, of ${body.length} bytes from byte ${body.findIndex((byte, i) => byte !== sent[i])} on`
}

/**
 * What is freed is written over first, and stays where it is: whoever still reads that memory is found out by what they read.
 * @returns how large what was freed since is
 */
function poison (t: Teardown): () => number[] {
  const { transfer } = ArrayBuffer.prototype
  const kept: ArrayBuffer[] = []
  mock.method(ArrayBuffer.prototype, 'transfer', function (this: ArrayBuffer, length?: number) {
    if (length !== 0) return transfer.call(this, length)
    const memory = transfer.call(this)
    new Uint8Array(memory).fill(0x21)
    kept.push(memory)
    if (this.byteLength !== 0) throw new Error('it was not freed')
    return new ArrayBuffer(0)
  })
  t.teardown(() => mock.restoreAll())
  return () => kept.splice(0).map(({ byteLength }) => byteLength)
}

interface Reply { status: number, text: string, reused: boolean }

interface Stage {
  provider: Provider
  /** Sends over the one connection of the client's. */
  ask (body: Buffer, key?: string): { reply: Promise<Reply>, leave: () => void }
  /** How many connections clients have. */
  clients (): number
  /** Begins anew: a connection that has carried much holds more by itself. */
  disconnect (): Promise<void>
  /**
   * The sizes of what was freed of a request, once it is over and nothing is left to be captured.
   * @param upTo waits until so many were
   */
  freed (body: Buffer, upTo?: number): Promise<number[]>
  /** Every exchange that was captured, beside what was sent. */
  captured (): Promise<Array<{ line: string, sent: Buffer }>>
}

async function stage (t: Test, bodies: string, secure?: { cert: string, key: string }): Promise<Stage> {
  const provider = new Provider()
  const url = await provider.listen(t, secure)
  const one = { provider: 'openai', api_key: REAL_KEY }
  const other = { provider: 'openai', api_key: 'sk-other-0123456789-abcdefghij' }
  const gateway = await startGateway(t, url, {
    env: { LOG_BODIES: bodies },
    keys: {
      [PATIENT]: { ...one, on_disconnect: 'drain' },
      [EAGER]: { ...one, retry: 'always' },
      [TWO]: { targets: [one, other], retry: 'always' },
      [TWO_MODELS]: { targets: [one, { ...other, model: 'm2' }], retry: 'always' }
    }
  })
  const sizes = poison(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  let clients = 0
  gateway.app.server.on('connection', (socket) => {
    clients++
    socket.once('close', () => { clients-- })
  })
  const asked: Buffer[] = []
  return {
    provider,
    ask (body, key = CHAT_KEY) {
      const id = `asked-${asked.push(body) - 1}`
      const request = httpRequest(gateway.url + CHAT, { agent, method: 'POST', headers: { 'content-type': 'application/json', 'content-length': body.length, authorization: `Bearer ${key}`, 'x-request-id': id } })
      const reply = new Promise<Reply>((resolve, reject) => {
        request.on('error', reject).on('response', (response) => {
          let text = ''
          response.setEncoding('utf8').on('data', (piece: string) => { text += piece })
          response.on('error', reject).on('end', () => resolve({ status: response.statusCode ?? 0, text, reused: request.reusedSocket }))
        })
      })
      request.end(body)
      return { reply, leave: () => request.destroy() }
    },
    clients: () => clients,
    async disconnect () {
      provider.hangUp()
      await until(() => gateway.app.upstream.stats().every(({ connected }) => connected === 0))
    },
    async freed (body, upTo = 0) {
      await until(() => gateway.app.exchanges.open === 0)
      // A line is made in the first moment behind the end of its exchange.
      await nextTurn()
      const seen: number[] = []
      // Pieces in which the body came are freed as well.
      await until(() => seen.push(...sizes().filter((size) => size >= body.length)) >= upTo)
      return seen
    },
    async captured () {
      const logs = join(gateway.folder, 'logs')
      let lines: string[] = []
      await until(() => {
        lines = readdirSync(logs).flatMap((name) => readFileSync(join(logs, name), 'utf8').split('\n').slice(0, -1))
        return lines.length === asked.length
      })
      return lines.map((line) => ({ line, sent: asked[Number(/"asked-(\d+)"/.exec(line)?.[1])]! }))
    }
  }
}

/** Reads all, and answers then. */
const answer = (reply: string): Play => async (upload) => { (await upload.read()).socket.write(reply) }

const scenarios: Record<string, (t: Test, stage: Stage) => Promise<void>> = {
  async 'one after the other on one connection' (t, { provider, ask, freed }) {
    provider.play = answer(WHOLE)
    for (const [i, length] of [20_000, 300_000, 3_000_000, 900_000].entries()) {
      const sent = bodyOf(length)
      t.match(await ask(sent).reply, { status: 200, text: /"content":"a"/, reused: i > 0 })
      t.equal(came(provider.last, sent), 'whole')
      t.same(await freed(sent, 1), [sent.length])
    }
    for (const [key, fields, reply] of [[CHAT_KEY, { stream: true }, STREAM + BEGINNING + LAST_WORD + NO_MORE], [MESSAGES_KEY, {}, MESSAGE]] as const) {
      provider.play = answer(reply)
      const sent = bodyOf(300_000, fields)
      t.match(await ask(sent, key).reply, { status: 200, reused: true })
      t.ok(provider.last.body.includes(`"${words.slice(0, 300_000)}"`), 'another body, with the same prompt')
      t.equal((await freed(sent, 2)).length, 2)
    }
    t.equal(new Set(provider.uploads.map(({ socket }) => socket)).size, 1)
  },

  async 'a provider that reads slowly' (t, { provider, ask, freed }) {
    provider.play = async (upload) => { (await upload.readSlowly()).socket.write(WHOLE) }
    t.match(await ask(long).reply, { status: 200 })
    t.equal(came(provider.last, long), 'whole')
    t.same(await freed(long, 1), [long.length])
  },

  async 'a reply before the body is read' (t, { provider, ask, freed }) {
    provider.play = ({ socket }) => socket.write(WHOLE)
    t.match(await ask(long).reply, { status: 200, text: /"content":"a"/ })
    const unread = await freed(long)
    await provider.last.read()
    t.match(came(provider.last, long), /^(?:part|whole)$/, 'the rest ends with its connection')
    t.ok(provider.last.whole || unread.length === 0, 'freed only if it was sent')
  },

  async 'a stream that begins before the body is read' (t, { provider, ask, freed }) {
    provider.play = async (upload) => {
      upload.socket.write(STREAM + BEGINNING)
      await nextTurn()
      await upload.readSlowly()
      upload.socket.write(LAST_WORD + NO_MORE)
    }
    t.match(await ask(longStream).reply, { status: 200, text: /\[DONE\]/ })
    t.equal(came(provider.last, longStream), 'whole')
    t.same(await freed(longStream, 1), [longStream.length])
  },

  async 'a stream that says all before the body is read' (t, { provider, ask, freed }) {
    provider.play = ({ socket }) => socket.write(STREAM + BEGINNING + LAST_WORD)
    t.match(await ask(longStream).reply, { status: 200, text: /\[DONE\]/ })
    t.same(await freed(longStream), [], 'it is still being sent')
    // The gateway waits a second for a stream's end: that may be over.
    const { socket } = await provider.last.read()
    socket.end(NO_MORE)
    t.match(came(provider.last, longStream), /^(?:part|whole)$/)
    await until(() => socket.destroyed)
    const sent = await freed(longStream)
    t.ok(provider.last.whole || sent.length === 0, 'freed only if it was sent')
  },

  async 'refused unread, and read after all when another has answered' (t, { provider, ask, freed }) {
    let refused: Upload | undefined
    provider.play = (upload) => {
      if (refused !== undefined) return answer(WHOLE)(upload)
      refused = upload
      upload.socket.write('HTTP/1.1 503 No\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{')
    }
    t.match(await ask(long, TWO).reply, { status: 200 })
    t.equal(came(provider.last, long), 'whole')
    t.same(await freed(long), [], 'it is still being sent')
    await refused?.read()
    t.equal(refused && came(refused, long), 'whole')
    refused?.socket.write('}')
  },

  async 'a connection that is reset, and another provider' (t, { provider, ask }) {
    const sent = bodyOf(3_000_000)
    for (const [key, fields] of [[TWO, {}], [TWO_MODELS, { model: 'm2' }]] as const) {
      const before = provider.uploads.length
      provider.play = (upload) => provider.uploads.length === before + 1 ? upload.socket.destroy() : answer(WHOLE)(upload)
      t.match(await ask(sent, key).reply, { status: 200 })
      t.equal(provider.uploads.length, before + 2)
      const [first, second] = provider.uploads.slice(before) as [Upload, Upload]
      t.notOk(first.whole)
      // Who failed before is asked last.
      t.ok([sent, bodyOf(3_000_000, fields)].some((sent) => came(second, sent) === 'whole'))
    }
  },

  async 'a connection that is reset, and the same provider' (t, { provider, ask }) {
    const sent = bodyOf(3_000_000)
    const before = provider.uploads.length
    provider.play = (upload) => provider.uploads.length === before + 1 ? upload.socket.destroy() : answer(WHOLE)(upload)
    t.match(await ask(sent, EAGER).reply, { status: 200 })
    t.equal(came(provider.last, sent), 'whole')
  },

  async 'an idle connection that is reset as it is used again' (t, { provider, ask }) {
    provider.play = answer(WHOLE)
    t.match(await ask(bodyOf(20_000)).reply, { status: 200 })
    const { socket } = provider.last
    const sent = bodyOf(3_000_000)
    provider.play = (upload) => upload.socket === socket ? socket.destroy() : answer(WHOLE)(upload)
    t.match(await ask(sent).reply, { status: 200 })
    t.equal(came(provider.last, sent), 'whole')
    t.not(provider.last.socket, socket)
  },

  async 'a client that leaves' (t, { provider, ask, clients, freed }) {
    for (const key of [CHAT_KEY, PATIENT]) {
      const before = provider.uploads.length
      provider.play = () => {}
      const { reply, leave } = ask(long, key)
      await until(() => provider.uploads.length > before)
      leave()
      await t.rejects(reply)
      await until(() => clients() === 0)
      await provider.last.read()
      if (key === PATIENT) provider.last.socket.write(WHOLE)
      t.match(came(provider.last, long), key === PATIENT ? /^whole$/ : /^(?:part|whole)$/)
      t.same(await freed(long, key === PATIENT ? 1 : 0), key === PATIENT ? [long.length] : [])
    }
  }
}

const certificate = new Authority(t).root('provider')
setDefaultCACertificates([certificate.cert])

// TLS encrypts a copy as soon as it is given a body; without it, the system reads the body itself until all is sent.
for (const [transport, secure, bodies] of [['TLS', certificate, 'full'], ['TLS', certificate, 'metadata'], ['TCP', undefined, 'metadata']] as const) {
  t.test(`a provider gets what the client sent, however soon that is freed: ${transport}, LOG_BODIES=${bodies}`, async (t) => {
    const set = await stage(t, bodies, secure)
    for (const [name, play] of Object.entries(scenarios)) {
      await t.test(name, async (t) => await play(t, set))
      await set.disconnect()
    }
    const captured = await set.captured()
    const whole = captured.filter(({ line, sent }) => sent.length < LOGGED && line.includes(`"request":${sent.toString()}`))
    t.equal(whole.length, bodies === 'full' ? captured.filter(({ sent }) => sent.length < LOGGED).length : 0)
    t.notOk(captured.some(({ line }) => line.includes('!!!!')), 'nothing of what was freed')
  })
}
