import type { Duplex } from 'node:stream'
import type { Dispatcher } from 'undici'
import { Interim } from './interim.ts'
import { Client, Pool, type buildConnector } from './undici.ts'

export interface PoolOptions {
  /** Open streams each hold one, so this is the most streams one provider can have at once. */
  connections: number
  /** Longest wait for a connection, in ms; 0: none. */
  connectTimeout: number
  /** Set where a proxy is in between. */
  connect?: buildConnector.connector
}

/** What a call learns of the connection it goes out on. */
export interface Passenger {
  connection: Connection | undefined
}

/** Dispatch options that name the call, since a pool hands its clients the options and not the handler as it was. */
export type CallOptions = Dispatcher.DispatchOptions & { call: Passenger }

/** How a pool opens its connections. */
interface ConnectionOptions { connect: buildConnector.connector }

interface Line {
  socket?: Duplex
  /** Its bytes stay where they are until it goes on. */
  held: boolean
  /** Looks at what comes before a reply. */
  readonly interim: Interim
}

/** Puts a socket on the line. */
function take (line: Line, socket: Duplex): void {
  Object.assign(line, { socket, held: false })
  const read = socket.read.bind(socket)
  socket.read = (size) => {
    if (line.held && line.socket === socket && size !== 0) return null
    const bytes = read(size) as Buffer | null
    if (bytes !== null) line.interim.pass(bytes)
    return bytes
  }
}

/** One connection of a pool, which knows whether it has carried a request yet, and all of it. */
export class Connection extends Client {
  #fresh = false
  readonly #line: Line

  constructor (origin: string | URL, { connect, ...options }: ConnectionOptions) {
    const line: Line = { held: false, interim: new Interim() }
    super(origin, {
      ...options,
      connect: (to, callback) => connect(to, (...result) => {
        const [, socket] = result
        // Absent, whatever its type says, where there is an error.
        if (socket) take(line, socket)
        callback(...result)
      })
    })
    this.#line = line
    this.on('connect', () => { this.#fresh = true })
  }

  override dispatch (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    (options as CallOptions).call.connection = this
    return super.dispatch(options, handler)
  }

  /**
   * The reply is there. One that came before its request was sent leaves the rest of that in the way of the next: the upload
   * ends with the connection.
   * @returns whether the request was sent
   */
  alight (): boolean {
    const { socket } = this.#line
    this.goOn()
    const sent = socket?.writableLength === 0
    if (!sent) socket?.destroy()
    return sent
  }

  /** Nothing more is read. (Not by pausing the library's parser: where the connection ends meanwhile, that throws where nobody catches.) */
  hold (): void {
    this.#line.held = true
  }

  goOn (): void {
    const line = this.#line
    if (!line.held) return
    line.held = false
    // Not from within what is being read.
    process.nextTick(() => { if (!line.held) line.socket?.emit('readable') })
  }

  /** Takes the next request. @returns whether it had carried one before, and so may have gone stale meanwhile */
  board (): boolean {
    const reused = !this.#fresh
    this.#fresh = false
    this.#line.interim.begin()
    return reused
  }
}

export function openPool (origin: string, options: PoolOptions): Pool {
  return new Pool(origin, {
    ...options,
    pipelining: 1,
    // The timers of a reply are the call's own: the library's are coarse, and run at other moments than we promise.
    headersTimeout: 0,
    bodyTimeout: 0,
    factory: (url, options) => new Connection(url, options as ConnectionOptions)
  })
}
