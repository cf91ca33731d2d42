import { connect, type Socket } from 'node:net'
import { CHAT_KEY } from '../../helper.ts'

/** One answer of the gateway, as it came. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: string
  /** Status lines of what came before it, such as `100`. */
  before: number[]
}

/** A client that says bytes, and reads answers. */
export class Wire {
  readonly socket: Socket
  /** Resolves once the gateway has ended or broken the connection. */
  readonly closed: Promise<void>
  over = false
  #pieces: Buffer[] = []

  constructor (url: string) {
    this.socket = connect({ port: Number(new URL(url).port), host: '127.0.0.1', allowHalfOpen: true })
    this.socket.on('error', () => {})
    this.socket.on('data', (data) => { this.#pieces.push(data) })
    this.closed = new Promise<void>((resolve) => {
      this.socket.once('end', resolve)
      this.socket.once('close', () => resolve())
    }).then(() => { this.over = true })
  }

  say (bytes: string | Buffer): this {
    this.socket.write(bytes)
    return this
  }

  /** What has come and is no answer yet. */
  get rest (): string {
    return this.#bytes.toString('latin1')
  }

  /** The next answer. @param head whether it has no body, as one to HEAD */
  async answer ({ head = false } = {}): Promise<Answer> {
    const before: number[] = []
    while (true) {
      const found = this.#take(head)
      if (found !== undefined && found.status >= 200) return { ...found, before }
      if (found !== undefined) before.push(found.status)
      else if (this.over) throw new Error(`no answer, but the end, behind ${JSON.stringify(this.rest)}`)
      else await Promise.race([new Promise((resolve) => this.socket.once('data', resolve)), this.closed])
    }
  }

  leave (): void {
    this.socket.destroy()
  }

  get #bytes (): Buffer {
    const bytes = Buffer.concat(this.#pieces)
    this.#pieces = [bytes]
    return bytes
  }

  #take (bare: boolean): Answer | undefined {
    const text = this.rest
    const end = text.indexOf('\r\n\r\n') + 4
    if (end < 4) return undefined
    const [first = '', ...lines] = text.slice(0, end - 4).split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1])
    if (Number.isNaN(status)) throw new Error(`no status line: ${first}`)
    const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
    const finish = (body: Buffer, length: number): Answer => {
      this.#pieces = [this.#bytes.subarray(end + length)]
      return { status, headers, body: body.toString(), before: [] }
    }
    const rest = this.#bytes.subarray(end)
    if (bare || status < 200 || status === 204) return finish(Buffer.alloc(0), 0)
    if (headers['transfer-encoding'] === 'chunked') {
      const pieces: Buffer[] = []
      for (let at = 0; ;) {
        const line = rest.indexOf('\r\n', at)
        const size = Number.parseInt(rest.toString('latin1', at, line), 16)
        if (line === -1 || rest.length < line + 2 + size + 2) return undefined
        pieces.push(rest.subarray(line + 2, line + 2 + size))
        at = line + 2 + size + 2
        if (size === 0) return finish(Buffer.concat(pieces), at)
      }
    }
    const length = headers['content-length'] === undefined ? undefined : Number(headers['content-length'])
    if (length === undefined ? !this.over : rest.length < length) return undefined
    return finish(rest.subarray(0, length), length ?? rest.length)
  }
}

/** The head of a POST, with what it usually has but where the lines say otherwise: `undefined` leaves one out. */
export function head (path: string, lines: string[] = [], { key = CHAT_KEY, type = 'application/json', host = 'gateway', version = '1.1' }: Partial<Record<'key' | 'type' | 'host' | 'version', string | null>> = {}): string {
  return [
    `POST ${path} HTTP/${version}`,
    ...host === null ? [] : [`Host: ${host}`],
    ...key === null ? [] : [`Authorization: Bearer ${key}`],
    ...type === null ? [] : [`Content-Type: ${type}`],
    ...lines, '', ''
  ].join('\r\n')
}

/** A whole POST. */
export function request (path: string, body: string | Buffer, lines: string[] = [], more: Parameters<typeof head>[2] = {}): Buffer {
  return Buffer.concat([Buffer.from(head(path, [...lines, `Content-Length: ${Buffer.byteLength(body)}`], more), 'latin1'), Buffer.from(body)])
}

/** What bytes on a new connection are answered with. */
export async function ask (url: string, bytes: string | Buffer, how?: { head: boolean }): Promise<{ wire: Wire, answer: Answer }> {
  const wire = new Wire(url).say(bytes)
  return { wire, answer: await wire.answer(how) }
}

/** The status of one more request on the same connection, which it then leaves. */
export async function goesOn (wire: Wire): Promise<number> {
  const { status } = await wire.say('GET /health HTTP/1.1\r\nHost: gateway\r\n\r\n').answer()
  wire.leave()
  return status
}

/** Waits for the end of a connection. @returns what came behind the answers that were taken */
export async function ends (wire: Wire): Promise<string> {
  await wire.closed
  wire.leave()
  return wire.rest
}
