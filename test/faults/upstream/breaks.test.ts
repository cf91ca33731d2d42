import t from 'tap'
import { check, type Expected } from './check.ts'
import { FIN, HEAD, JSON_TYPE, RST, SSE, framed, world, type Answer, type Script } from './world.ts'

t.setTimeout(120_000)

type Case = [name: string, script: Script, streams: boolean[], expected: Expected | ((answer: Answer) => Expected)]

const BOTH = [false, true]
const WHOLE = [false]
const STREAM = [true]
const chunked = HEAD('text/event-stream', 'transfer-encoding: chunked')
const piece = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const refused = (outcome = /^upstream_broke$/): Expected => ({ end: 'error', status: 502, text: '', code: outcome.test('upstream_broke') ? /^upstream_broke$/ : /^upstream_/, outcome })
const broken = (text: string): Expected => ({ end: 'event', text, code: /^upstream_broke$/, outcome: /^(upstream_broke|incomplete)$/ })

const before: Case[] = [
  ['a reset before headers', () => [RST], BOTH, refused()],
  ['an end before headers', () => [FIN], BOTH, refused()],
  ['a reset inside the headers', () => ['HTTP/1.1 200 OK\r\ncontent-ty', 20, RST], BOTH, refused()],
  ['an end inside the headers', () => ['HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n', FIN], BOTH, refused()],
  ['headers of a stream, then a reset', () => [chunked, 20, RST], BOTH, refused()],
  ['headers of a stream, then an end', () => [chunked, 20, FIN], BOTH, refused()],
  ['headers of JSON, then a reset', () => [HEAD(JSON_TYPE, 'content-length: 500'), 20, RST], BOTH, refused()],
  ['headers of JSON, then an end', () => [HEAD(JSON_TYPE, 'content-length: 500'), 20, FIN], BOTH, refused()]
]
const during: Case[] = [
  ['a reset after a token', ({ begin, say }) => [chunked, piece(begin()), piece(say('one')), 30, RST], STREAM, broken('one')],
  ['a reset after three', ({ begin, say }) => [chunked, piece(begin()), ...['a ', 'b ', 'c'].map((text) => piece(say(text))), 30, RST], STREAM, broken('a b c')],
  ['an end without a final chunk', ({ begin, say }) => [chunked, piece(begin() + say('one')), 30, FIN], STREAM, broken('one')],
  ['a clean end without a finish', ({ begin, say }) => [SSE, begin() + say('one'), 30, FIN], STREAM, { ...broken('one'), outcome: /^incomplete$/ }],
  ['the same, chunked', ({ begin, say }) => [chunked, piece(begin() + say('one')), '0\r\n\r\n'], STREAM, { ...broken('one'), outcome: /^incomplete$/ }],
  ['an end inside an event', ({ begin, say }) => [SSE, begin() + say('one') + say('two').slice(0, 20), 30, FIN], STREAM, broken('one')],
  ['an end inside a line of data', ({ begin, say }) => [SSE, begin() + say('one') + say('two').slice(0, -9), 30, FIN], STREAM, broken('one')],
  ['an end before the blank line', ({ begin, say }) => [SSE, begin() + say('one') + say('two').slice(0, -2), 30, FIN], STREAM, broken('onetwo')],
  ['an end between CR and LF', ({ begin, say }) => [SSE, (begin() + say('one')).replaceAll('\n', '\r\n').slice(0, -1), 30, FIN], STREAM, broken('one')],
  ['an empty stream', () => [SSE, FIN], BOTH, refused(/^(upstream_error|incomplete)$/)],
  ['a terminator alone', () => [SSE, 'data: [DONE]\n\n', FIN], BOTH, refused(/^incomplete$/)],
  ['a stream of comments', () => [SSE, ': hello\n\n', 20, FIN], WHOLE, refused(/^(upstream_error|incomplete)$/)],
  ['a whole stream cut off', ({ begin, say }) => [SSE, begin() + say('one'.repeat(12)), FIN], WHOLE, { ...refused(/^(upstream_broke|incomplete)$/), tokens: { source: /^(estimated|partial)$/, output: 9 } }],
  ['a whole stream cut off by a reset', ({ begin, say }) => [SSE, begin() + say('one'.repeat(12)), 20, RST], WHOLE, { ...refused(/^(upstream_broke|incomplete)$/), tokens: { source: /^(estimated|partial)$/, output: 9 } }],
  ['a whole stream with an error in it', ({ begin, say, errorEvent }) => [SSE, begin() + say('one') + errorEvent('no'), FIN], WHOLE, { ...refused(/^upstream_error$/), code: /^upstream_error$/, tokens: { source: /^(estimated|partial)$/, output: 1 } }],
  ['JSON cut by a reset', ({ whole }) => [HEAD(JSON_TYPE, 'content-length: 5000'), whole('hello'), 20, RST], BOTH, refused()],
  ['JSON cut by an end', ({ whole }) => [HEAD(JSON_TYPE, 'content-length: 5000'), whole('hello'), 20, FIN], BOTH, refused()],
  ['JSON without its last chunk', ({ whole }) => [HEAD(JSON_TYPE, 'transfer-encoding: chunked'), piece(whole('hello')), 20, FIN], BOTH, refused()],
  ['JSON cut, cleanly framed', ({ whole }) => [framed(whole('hello').slice(0, -7))], BOTH, refused(/^upstream_error$/)],
  ['half of JSON, ended by the connection', ({ whole }) => [HEAD(JSON_TYPE, 'connection: close'), whole('hello').slice(0, 50), FIN], BOTH, refused(/^upstream_error$/)]
]

for (const [title, cases] of [
  ['what breaks off before the first token is a 502, and is not asked again (U8, U9, U10)', before],
  ['what breaks off later ends with an error, and nobody finishes it (U11, U12, U18, U19, U33, U34, U35)', during]
] as const) {
  t.test(title, async (t) => {
    const { all, leaks } = await world(t)
    for (const [name, script, streams, expected] of cases) {
      for (const answer of await all(script, streams)) await check(t, name, answer, typeof expected === 'function' ? expected(answer) : expected)
    }
    t.same(leaks(), [])
  })
}
