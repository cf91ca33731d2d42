/**
 * The provider that all targets are pointed at: as cheap as Node allows, so that the gateway is what is measured. It
 * speaks just enough HTTP for the clients at hand, and refuses whoever comes without the real key. A request says in its
 * first message what it wants: `bench:whole`, or `bench:stream:CHUNKS:MILLISECONDS:BYTES`, where 0 milliseconds is
 * without any pause. Prints its port.
 */
import { createServer, type Socket } from 'node:net'
import { now, stamp } from './clock.ts'
import { REAL_KEY } from './keys.ts'
import { chatStream, messagesStream, WHOLE_CHAT, WHOLE_MESSAGE, type StreamText } from './replies.ts'

/** The command is looked for in so much of a body's beginning. */
const SEARCHED = 4096
const WISH = /bench:(whole|stream:(\d+):(\d+):(\d+))/

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n'
const UNAUTHORIZED = 'HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\ncontent-length: 44\r\n\r\n{"error":{"message":"not the provider key"}}'
const whole = (json: string): Buffer => Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${json.length}\r\n\r\n${json}`)
const CHAT = whole(WHOLE_CHAT)
const MESSAGE = whole(WHOLE_MESSAGE)
/** Pieces of one stream before the others have their turn. */
const TURN = 32

const server = createServer({ noDelay: true }, serve)
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  if (typeof address === 'object') console.log(address?.port)
})
process.on('disconnect', () => process.exit())

function serve (socket: Socket): void {
  let waiting: Buffer = Buffer.alloc(0)
  let head = ''
  let missing = 0
  socket.on('error', () => {})
  socket.on('data', (piece: Buffer) => {
    if (head === '') {
      waiting = waiting.length === 0 ? piece : Buffer.concat([waiting, piece])
      const end = waiting.indexOf('\r\n\r\n')
      if (end === -1) return
      head = waiting.toString('latin1', 0, end)
      waiting = waiting.subarray(end + 4)
      missing = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0) - waiting.length
    } else {
      missing -= piece.length
      if (waiting.length < SEARCHED) waiting = Buffer.concat([waiting, piece])
    }
    if (missing > 0) return
    const [asked, body] = [head, waiting]
    waiting = Buffer.alloc(0)
    head = ''
    answer(socket, asked, body)
  })
}

function answer (socket: Socket, head: string, body: Buffer): void {
  if (!head.includes(REAL_KEY)) return void socket.write(UNAUTHORIZED)
  const messages = head.startsWith('POST /v1/messages')
  const [, kind, chunks = 0, pause = 0, bytes = 0] = WISH.exec(body.toString('latin1', 0, SEARCHED)) ?? []
  if (kind === undefined || kind === 'whole') return void socket.write(messages ? MESSAGE : CHAT)
  const text = messages ? messagesStream(Number(bytes)) : chatStream(Number(bytes))
  socket.write(HEAD + framed(text.before))
  if (Number(pause) === 0) pour(socket, text, Number(chunks))
  else drip(socket, text, Number(chunks), Number(pause))
}

/** As fast as the reader takes it, and still piece by piece. */
function pour (socket: Socket, text: StreamText, chunks: number): void {
  const piece = Buffer.from(framed(text.piece(stamp(now()))), 'latin1')
  let left = chunks
  const go = (): void => {
    for (let turn = Math.min(TURN, left); turn > 0; turn--) {
      left--
      if (!socket.write(piece)) return void socket.once('drain', go)
    }
    if (left > 0) return void (socket.destroyed || setImmediate(go))
    socket.write(framed(text.after) + '0\r\n\r\n')
  }
  go()
}

/** A piece every so many milliseconds. One that comes late does not make the others late. */
function drip (socket: Socket, text: StreamText, chunks: number, pause: number): void {
  const start = performance.now()
  let sent = 0
  let timer: NodeJS.Timeout | undefined
  const go = (): void => {
    socket.write(framed(text.piece(stamp(now()))), 'latin1')
    if (++sent === chunks) {
      socket.write(framed(text.after) + '0\r\n\r\n')
      socket.off('close', stop)
    } else {
      timer = setTimeout(go, Math.max(1, start + sent * pause - performance.now()))
    }
  }
  const stop = (): void => clearTimeout(timer)
  socket.once('close', stop)
  go()
}

/** As one chunk of HTTP. */
function framed (text: string): string {
  return text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`
}
