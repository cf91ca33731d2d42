import t from 'tap'
import { Interim } from '../../../plugins/upstream/interim.ts'

/** What comes of bytes that arrive in pieces of a size. */
function passed (text: string, size: number): string {
  const interim = new Interim()
  interim.begin()
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += size) interim.pass(bytes.subarray(at, at + size))
  return bytes.toString()
}

t.test('a 100 is a 102, however it is cut, and everything else as it was', async (t) => {
  const reply = 'HTTP/1.1 200 OK\r\ncontent-length: 24\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n'
  for (const [before, after] of [
    ['', ''],
    ['HTTP/1.1 100 Continue\r\n\r\n', 'HTTP/1.1 102 Continue\r\n\r\n'],
    ['\r\nHTTP/1.1 100\r\nx: 1\r\ny:\r\n\r\nHTTP/1.1 100 Go\r\n\r\n', '\r\nHTTP/1.1 102\r\nx: 1\r\ny:\r\n\r\nHTTP/1.1 102 Go\r\n\r\n'],
    ['HTTP/1.1 103 Early Hints\r\nlink: 100\r\n\r\nHTTP/1.1 110 Other\r\n\r\nHTTP/1.1 100 \r\n\r\n', 'HTTP/1.1 103 Early Hints\r\nlink: 100\r\n\r\nHTTP/1.1 110 Other\r\n\r\nHTTP/1.1 102 \r\n\r\n']
  ] as const) {
    for (let size = 1; size < 40; size++) t.equal(passed(before + reply, size), after + reply, `${size}`)
  }
})
