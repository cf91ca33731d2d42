import t from 'tap'
import { Framing } from '../../../bench/load/framing.ts'

/** What a reply is read as, given in two pieces. */
function read (text: string, cut: number): { status: number, body: string, whole: boolean, keepAlive: boolean } {
  let status = 0
  let body = ''
  const framing = new Framing({ onHead (code) { status = code }, onBody (bytes) { body += bytes.toString('latin1') } })
  const bytes = Buffer.from(text, 'latin1')
  const early = framing.push(bytes.subarray(0, cut))
  const whole = framing.push(bytes.subarray(cut))
  return { status, body, whole: whole && !early, keepAlive: framing.keepAlive }
}

const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nb;x=y\r\n, \r\nworld\r\n\r\n0\r\n\r\n'
const sized = 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello'

t.test('replies are the same wherever they are cut', async (t) => {
  for (let cut = 0; cut < chunked.length; cut++) {
    t.same(read(chunked, cut), { status: 200, body: 'hello, \r\nworld\r\n', whole: true, keepAlive: true }, `cut at ${cut}`)
  }
  for (let cut = 0; cut < sized.length; cut++) {
    t.same(read(sized, cut), { status: 401, body: 'hello', whole: true, keepAlive: false }, `cut at ${cut}`)
  }
})

t.test('without a length, the connection is the end', async (t) => {
  const text = 'HTTP/1.1 200 OK\r\n\r\nhello'
  t.match(read(text, 22), { status: 200, body: 'hello', whole: false })
})

t.test('what is no HTTP is an error', async (t) => {
  t.throws(() => read('SSH-2.0-x\r\n\r\n', 0), /no HTTP: SSH/)
  t.throws(() => read('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n', 0), /no size of a chunk: xyz/)
})
