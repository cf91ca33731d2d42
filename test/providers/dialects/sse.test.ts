import t from 'tap'
import { FrameSplitter, SseReader, formatEvent, parseFrame } from '../../../providers/dialects/sse.ts'

const stream = [
  '\uFEFFevent: greeting\ndata: {"text":"héllo 🦜"}\n\n',
  ': a comment\n\n',
  'data: two\r\ndata:lines\r\n\r\n',
  'id: 7\rdata: cr only\r\r',
  'retry: 5\nunknown: x\ndata\n\n',
  '\ndata: [DONE]\n\n'
].join('')

const events = [
  { event: 'greeting', data: '{"text":"héllo 🦜"}' },
  { data: 'two\nlines' },
  { data: 'cr only' },
  { data: '' },
  { data: '[DONE]' }
]

function read (pieces: Buffer[]): unknown[] {
  const reader = new SseReader(1024)
  return pieces.flatMap((piece) => reader.push(piece))
}

t.test('any split of the bytes gives the same events', async (t) => {
  const bytes = Buffer.from(stream)
  t.same(read([bytes]), events, 'in one piece')
  t.same(read([...bytes].map((byte) => Buffer.from([byte]))), events, 'byte by byte')
  for (let at = 1; at < bytes.length; at++) {
    const got = read([bytes.subarray(0, at), bytes.subarray(at)])
    if (JSON.stringify(got) !== JSON.stringify(events)) t.same(got, events, `cut at ${at}`)
  }
})

t.test('frames joined are the stream, whatever the split', async (t) => {
  const bytes = Buffer.from(stream)
  for (let size = 1; size < 20; size++) {
    const splitter = new FrameSplitter(1024)
    const out: Buffer[] = []
    for (let at = 0; at < bytes.length; at += size) splitter.push(bytes.subarray(at, at + size), (frame) => out.push(Buffer.from(frame)))
    out.push(splitter.end().rest)
    if (!Buffer.concat(out).equals(bytes)) t.fail(`pieces of ${size} bytes`)
  }
  t.pass('same bytes')
})

t.test('a frame over the limit goes on in pieces, and the next one is whole again', async (t) => {
  const splitter = new FrameSplitter(100)
  const got: Array<[number, boolean]> = []
  const push = (text: string): void => splitter.push(Buffer.from(text), (frame, whole) => got.push([frame.length, whole]))
  push('data: ')
  for (let i = 0; i < 10; i++) push('x'.repeat(50))
  t.ok(got.every(([, whole]) => !whole))
  t.ok(splitter.end().giant, 'its pieces are out already')
  push('\n\ndata: y\n\n')
  t.same(got.at(-1), [9, true])
  t.equal(got.reduce((sum, [length]) => sum + length, 0), 6 + 500 + 2 + 9)
})

t.test('an unfinished frame is no event', async (t) => {
  t.same(read([Buffer.from('data: cut off')]), [])
  t.same(read([Buffer.from('data: cut off\n')]), [])
})

t.test('what is written reads back', async (t) => {
  for (const event of [{ data: '{"a":1}' }, { event: 'ping', data: '{}' }]) t.same(parseFrame(Buffer.from(formatEvent(event))), event)
})

t.test('invalid UTF-8 is replaced, not fatal', async (t) => {
  t.same(read([Buffer.concat([Buffer.from('data: a'), Buffer.from([0xff, 0xc3]), Buffer.from('b\n\n')])]), [{ data: 'a\uFFFD\uFFFDb' }])
})
