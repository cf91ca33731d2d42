import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { REAL_KEY } from '../../helper.ts'
import { check, type Expected } from './check.ts'
import { FIN, HEAD, JSON_TYPE, RST, SSE, framed, world, type Script } from './world.ts'
import type { Speech } from './speech.ts'

t.setTimeout(120_000)

/** Two, three and four bytes a character, joined ones, what line ends look like, and what JSON escapes. */
const TEXT = 'Größe – 日本語 👩‍👩‍👧 \u2028\u2029\u0085 \\n "q" \u0000 é'
const well: Expected = { end: 'whole', text: TEXT, outcome: /^done$/, tokens: { source: /^provider$/, output: 2 } }
const stream = ({ begin, say, finish, done }: Speech): string => begin() + [...TEXT].map((char) => say(char)).join('') + finish() + done
const short = ({ begin, say, finish, done }: Speech): string => begin() + say(TEXT) + finish() + done
const STREAM = [true]
const bad = (code: RegExp, outcome = /^(upstream_error|upstream_broke)$/): Expected => ({ end: 'error', status: 502, text: '', code, outcome })

t.test('text is the same however its bytes are cut (U24, U25, U26, U27)', async (t) => {
  const { all } = await world(t)
  const bytes = (text: string): Buffer[] => [...Buffer.from(text)].map((byte) => Buffer.from([byte]))
  const scripts: Record<string, Script> = {
    'byte by byte': (speech) => [SSE, ...bytes(short(speech)).flatMap((byte, i) => i % 40 === 0 ? [byte, 1] : [byte]), FIN],
    'a chunk for each byte': (speech) => [HEAD('text/event-stream', 'transfer-encoding: chunked'), Buffer.concat(bytes(short(speech)).map((byte) => Buffer.concat([Buffer.from('1\r\n'), byte, Buffer.from('\r\n')]))), '0\r\n\r\n'],
    'TCP byte by byte, framing too': (speech) => bytes(HEAD('text/event-stream', 'transfer-encoding: chunked') + `${Buffer.byteLength(short(speech)).toString(16)}\r\n${short(speech)}\r\n0\r\n\r\n`).flatMap((byte, i) => i % 40 === 0 ? [byte, 1] : [byte]),
    'in one segment': (speech) => [SSE + stream(speech), FIN],
    'in one segment, framed by length': (speech) => [framed(stream(speech), '200 OK', 'content-type: text/event-stream')]
  }
  for (const [name, script] of Object.entries(scripts)) {
    for (const answer of await all(script, name.includes('byte by byte') ? STREAM : [true, false])) await check(t, name, answer, well)
  }
  // At each offset through the characters.
  const size = Buffer.byteLength(TEXT)
  for (let first = 0; first <= size; first += 8) {
    const cuts = Array.from({ length: 8 }, (_, i) => first + i)
    const answers = await Promise.all(cuts.map((cut) => all((speech) => {
      const bytes = Buffer.from(short(speech))
      const at = bytes.indexOf(TEXT.slice(0, 5)) + cut
      return [SSE, bytes.subarray(0, at), 3, bytes.subarray(at), FIN]
    }, STREAM)))
    for (const answer of answers.flat()) {
      await check(t, `cut between ${first} and ${first + 8}`, answer, well)
      t.notMatch(answer.body, /\uFFFD/)
    }
  }
})

t.test('line ends, marks and fields as the standard has them (U28, U29)', async (t) => {
  const { all } = await world(t)
  const forms: Record<string, (text: string, speech: Speech) => Array<string | number | Buffer>> = {
    CRLF: (text) => [text.replaceAll('\n', '\r\n')],
    CR: (text) => [text.replaceAll('\n', '\r')],
    'CR and LF apart': (text) => text.replaceAll('\n', '\r\n').split(/(?<=\r)/).flatMap((part, i) => i % 9 === 0 ? [part, 1] : [part]),
    'CR, each in its own segment': (text) => text.replaceAll('\n', '\r').split(/(?<=\r)/).flatMap((part, i) => i % 9 === 0 ? [part, 1] : [part]),
    'LF and CRLF': (text) => [text.replace(/\n$/, '').split('\n').map((line, i) => line + ['\n', '\r\n'][i % 2]).join('')],
    'a mark before all': (text) => [`\uFEFF${text}`],
    'a mark, cut': (text) => [Buffer.from([0xef]), 3, Buffer.from([0xbb, 0xbf]), 3, text],
    'no space behind the colon': (text) => [text.replaceAll(/^(data|event): /gm, '$1:')],
    'data on two lines': (text) => [text.replaceAll(/^data: \{/gm, 'data: {\ndata: ')],
    'ids, retries, unknown fields, comments': (text) => [text.replaceAll(/^data: /gm, ': word\nid: 7\nretry: 10\nnonsense: x\nlone\ndata: ')],
    'fields behind the data': (text) => [text.split('\n').map((line) => line.startsWith('data: ') ? `${line}\nid: 7\n:` : line).join('\n')],
    'comments between': (text) => [text.replaceAll('\n\n', '\n\n: ping\n\n:\n\n')],
    'many blank lines': (text) => [`\n\n\n${text.replaceAll('\n\n', '\n\n\n\n\n')}`],
    'events without data': (text) => [text.replaceAll('\n\n', '\n\nevent: nothing\n\n')]
  }
  for (const [name, form] of Object.entries(forms)) {
    for (const answer of await all((speech) => [SSE, ...form(short(speech), speech), FIN], [true, false])) {
      await check(t, name, answer, well)
      t.notMatch(answer.body, /\uFFFD/)
    }
  }
})

t.test('what comes behind the last word is not heard, in the same bytes either (U32)', async (t) => {
  const { all } = await world(t)
  for (const late of [(speech: Speech) => speech.say('more') + speech.finish() + speech.done, ({ errorEvent }: Speech) => errorEvent('late'), () => 'data: more\n\n']) {
    for (const answer of await all((speech) => [SSE + short(speech) + late(speech), FIN], [true, false])) await check(t, String(late), answer, well)
  }
})

t.test('bytes that are no text, and events that are no JSON, do no harm (U30, U31)', async (t) => {
  const { all, gateway } = await world(t)
  const junks = ['data: not json', 'data: {"a":', 'data: {not json}', 'data: 7', 'data: null', 'data: []', 'data:', 'event: odd\ndata: <html>', 'data: "text"']
  for (const junk of [...junks, 'data: {}'].map((line) => `${line}\n\n`)) {
    for (const answer of await all(({ begin, say, finish, done }) => [SSE, begin(), junk, say(TEXT), junk, finish() + junk + done, FIN], [true, false])) await check(t, JSON.stringify(junk), answer, well)
  }
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf0, 0x9f], [0x80, 0x80]]) {
    const answers = await all(({ begin, say, finish, done }) => {
      const event = Buffer.from(say('aXb'))
      const at = event.indexOf('aXb') + 1
      return [SSE, begin(), event.subarray(0, at), Buffer.from(bytes), event.subarray(at + 1), finish() + done, FIN]
    }, [true, false])
    for (const answer of answers) {
      t.match(answer.row, { outcome: 'done' })
      t.match(answer.heard.text, /^a\uFFFD{1,3}b$/, `${bytes}: ${answer.client.id} on ${answer.provider.id}`)
    }
  }
  t.ok(gateway.lines().length > 0, 'each line of the log is JSON')
})

t.test('a stream that has said its last word ends at once, whatever else is missing (U32)', async (t) => {
  const { all } = await world(t)
  const last = ({ begin, say, finish, done, id }: Speech): string => begin() + say(TEXT) + finish() + (id === 'openai-responses' ? done : '')
  for (const [name, ...ends] of [['an end', FIN], ['a reset', 20, RST], ['an open connection'], ['half an event', 'data: {"a', FIN]] as const) {
    for (const { heard, row, client, provider, took, ...answer } of await all((speech) => [HEAD('text/event-stream'), last(speech), ...ends], STREAM)) {
      t.match({ text: heard.text, finished: heard.finish !== undefined, error: heard.error, outcome: row.outcome }, { text: TEXT, finished: true, error: undefined, outcome: 'done' }, `${name}: ${client.id} on ${provider.id}`)
      t.ok(took < 5000, `${name}: ${took} ms`)
      t.ok((await answer.freed() ?? Infinity) < 1500, `${name}: let go`)
    }
  }
  // It said so, and keeps the connection open.
  for (const answer of await all((speech) => [HEAD('text/event-stream', 'transfer-encoding: chunked'), `${Buffer.byteLength(short(speech)).toString(16)}\r\n${short(speech)}\r\n`], STREAM)) {
    await check(t, 'open for ever', answer, well)
    t.ok(answer.took < 2000)
    t.ok((await answer.freed() ?? Infinity) < 1500)
  }
})

t.test('what is not one clear reply (U20, U22, U23, U51, U53)', async (t) => {
  const { all, leaks } = await world(t)
  const cases: Array<[name: string, raw: (speech: Speech, stream: boolean) => Array<string | Buffer | typeof FIN>, code: RegExp]> = [
    ['two lengths', ({ whole }) => [`HTTP/1.1 200 OK\r\ncontent-type: ${JSON_TYPE}\r\ncontent-length: 10\r\ncontent-length: 20\r\n\r\n`, whole('x')], /^upstream_/],
    ['a list of lengths', ({ whole }) => [HEAD(JSON_TYPE, 'content-length: 10, 20'), whole('x')], /^upstream_/],
    ['a length below nothing', ({ whole }) => [HEAD(JSON_TYPE, 'content-length: -1'), whole('x')], /^upstream_/],
    ['a length that is no number', ({ whole }) => [HEAD(JSON_TYPE, 'content-length: 1e3'), whole('x')], /^upstream_/],
    ['a bad chunk size', () => [HEAD(JSON_TYPE, 'transfer-encoding: chunked'), 'zz\r\n{}\r\n0\r\n\r\n'], /^upstream_/],
    ['an overflowing chunk size', () => [HEAD(JSON_TYPE, 'transfer-encoding: chunked'), 'ffffffffffffffffff\r\n{}\r\n0\r\n\r\n'], /^upstream_/],
    ['a bad status line', () => ['HTTP/1.1 2000 OK\r\n\r\n'], /^upstream_/],
    ['no status', () => ['HTTP/1.1 OK\r\n\r\n'], /^upstream_/],
    ['HTTP/9', () => ['HTTP/9.9 200 OK\r\ncontent-length: 0\r\n\r\n'], /^upstream_/],
    ['an SSH banner', () => ['SSH-2.0-OpenSSH_9.2\r\n'], /^upstream_/],
    ['an HTTP/2 preface', () => ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'], /^upstream_/],
    ['a TLS alert', () => [Buffer.from([0x15, 3, 1, 0, 2, 2, 70])], /^upstream_/],
    ['headers of 200 KB', () => [HEAD(JSON_TYPE, `x: ${'y'.repeat(200_000)}`)], /^upstream_/],
    ['10,000 headers', ({ whole }) => [HEAD(JSON_TYPE, ...Array.from({ length: 10_000 }, (_, i) => `x-${i}: ${'y'.repeat(20)}`)), whole('x')], /^upstream_/],
    ['a header without a colon', () => [HEAD(JSON_TYPE, 'nonsense')], /^upstream_/],
    ['a NUL in a header', () => [HEAD(JSON_TYPE, 'x: a\0b')], /^upstream_/],
    ['1,500 encodings', () => [HEAD(JSON_TYPE, `content-encoding: ${Array(1500).fill('gzip').join(', ')}`, 'content-length: 1'), 'x'], /^upstream_bad_reply$/],
    ['two encodings', ({ whole }) => [framed(gzipSync(gzipSync(whole('x'))), '200 OK', 'content-encoding: gzip, gzip')], /^upstream_bad_reply$/],
    ['two headers of encodings', ({ whole }) => [framed(gzipSync(gzipSync(whole('x'))), '200 OK', 'content-encoding: gzip', 'content-encoding: gzip')], /^upstream_bad_reply$/],
    ['an unknown encoding', ({ whole }) => [framed(whole('x'), '200 OK', 'content-encoding: lzma')], /^upstream_bad_reply$/],
    ['an encoding by the name of a property', ({ whole }) => [framed(whole('x'), '200 OK', 'content-encoding: constructor')], /^upstream_bad_reply$/],
    ['corrupt gzip', ({ whole }) => [framed(Buffer.concat([gzipSync(whole('x')).subarray(0, 30), Buffer.alloc(40, 'y')]), '200 OK', 'content-encoding: gzip')], /^upstream_bad_reply$/],
    ['gzip cut short, cleanly framed', ({ whole }) => [framed(gzipSync(whole('x')).subarray(0, -12), '200 OK', 'content-encoding: gzip')], /^upstream_bad_reply$/],
    ['gzip that is none', ({ whole }) => [framed(whole('x'), '200 OK', 'content-encoding: gzip')], /^upstream_bad_reply$/],
    ['corrupt br', () => [framed(Buffer.alloc(50, 0xff), '200 OK', 'content-encoding: br')], /^upstream_bad_reply$/],
    ['gzip with a wrong sum', ({ whole }) => { const bytes = gzipSync(whole('x')); bytes[bytes.length - 6]! ^= 1; return [framed(bytes, '200 OK', 'content-encoding: gzip')] }, /^upstream_bad_reply$/],
    ['corrupt gzip of a stream', (speech) => [framed(Buffer.concat([gzipSync(stream(speech)).subarray(0, 12), Buffer.alloc(40, 0xff)]), '200 OK', 'content-type: text/event-stream', 'content-encoding: gzip')], /^upstream_/]
  ]
  for (const [name, raw, code] of cases) {
    // Whole and streamed by turns: for each of 10,000 headers the library makes an error, and all at once wait for each other.
    for (const stream of [false, true]) {
      for (const answer of await all((speech) => raw(speech, false), [stream])) {
        await check(t, name, answer, bad(code))
        t.ok(answer.took < 2500, `${name} ${answer.took}`)
      }
    }
  }
  // Chunked wins over a length, or the reply is refused: never half of it.
  for (const answer of await all(({ whole }) => [HEAD(JSON_TYPE, 'content-length: 20', 'transfer-encoding: chunked'), `${Buffer.byteLength(whole(TEXT)).toString(16)}\r\n${whole(TEXT)}\r\n0\r\n\r\n`, FIN])) {
    t.ok(answer.status === 502 || answer.heard.text === TEXT, `${answer.status} ${answer.body}`)
  }
  for (const answer of await all(({ whole }) => [HEAD(JSON_TYPE, 'connection: close', `content-length: ${Buffer.byteLength(whole(TEXT))}`), `${whole(TEXT)}{"more":1}garbage`, FIN])) {
    if (answer.status === 502) await check(t, 'more than the length', answer, bad(/^upstream_/))
    else await check(t, 'more than the length', answer, well)
    t.notMatch(answer.body, /garbage/)
  }
  t.same(leaks(), [])
})

t.test('encodings nobody asked for are taken off (U50)', async (t) => {
  const { all, gateway } = await world(t)
  const encodings = { gzip: gzipSync, 'x-gzip': gzipSync, GZIP: gzipSync, br: brotliCompressSync, deflate: deflateSync, zstd: zstdCompressSync, identity: (text: string) => Buffer.from(text), Identity: (text: string) => Buffer.from(text), '': (text: string) => Buffer.from(text) }
  for (const [encoding, pack] of Object.entries(encodings)) {
    for (const answer of await all(({ whole }) => [framed(pack(whole(TEXT)), '200 OK', `content-encoding: ${encoding}`)])) {
      await check(t, `JSON in ${encoding}`, answer, well)
      t.equal(answer.headers['content-encoding'], undefined)
    }
    for (const answer of await all((speech) => [framed(pack(stream(speech)), '200 OK', 'content-type: text/event-stream', `content-encoding: ${encoding}`)])) await check(t, `a stream in ${encoding}`, answer, well)
  }
  for (const answer of await all(({ whole }) => [framed(deflateRawSync(whole(TEXT)), '200 OK', 'content-encoding: deflate')])) {
    t.ok(answer.status === 502 || answer.heard.text === TEXT, 'raw deflate')
  }
  for (const answer of await all(({ errorBody }) => [framed(gzipSync(errorBody(`no ${REAL_KEY}`)), '400 No', 'content-encoding: gzip')])) {
    await check(t, 'an error in gzip', answer, { end: 'error', status: 400, message: /^no \[redacted\]$/, outcome: /^refused$/ })
  }
  t.ok(gateway.lines().length > 0)
})

t.test('a stream has an end, however deeply its JSON is nested (U57)', async (t) => {
  const { all } = await world(t)
  const deep = '['.repeat(20_000) + ']'.repeat(20_000)
  const events: Record<Speech['id'], string[]> = {
    'openai-chat': [`{"choices":[{"index":0,"delta":{"odd":[${deep}]}}]}`, `{"choices":[{"index":0,"delta":{"reasoning_details":[{"x":${deep}}]}}]}`, `{"choices":[{"index":0,"delta":{},"logprobs":{"content":[{"x":${deep}}]}}]}`],
    'openai-responses': [`{"type":"response.output_item.done","output_index":1,"item":{"id":"w","type":"web_search_call","action":${deep}}}`],
    'anthropic-messages': [`{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"x","name":"f","input":{"x":${deep}}}}`, `{"type":"content_block_delta","index":0,"delta":{"type":"citations_delta","citation":{"x":${deep}}}}`]
  }
  for (let at = 0; at < 3; at++) {
    for (const answer of await all(({ id, begin, say, finish, done }) => [SSE, begin(null) + say('one') + `data: ${events[id][at] ?? '{}'}\n\n` + finish(null) + done, FIN], STREAM)) {
      const { client, provider, heard, row, cut } = answer
      const found = { cut, text: heard.text, ended: heard.done || heard.error !== undefined, row: /^(done|upstream_error|incomplete)$/.test(row.outcome) }
      // What is written anew may have to end with an error.
      const text = client === provider ? 'one' : /^(one)?$/
      t.match(found, { cut: false, text, ended: true, row: true }, `${at}: ${client.id} on ${provider.id}`, { found: JSON.stringify({ heard, row }) })
      if (client === provider) t.match(row, { outcome: 'done', usage_source: 'estimated', output: Number })
    }
  }
})

t.test('older and odder HTTP is understood (U57, U58, U59, U60, U66)', async (t) => {
  const { all, leaks } = await world(t)
  const nested = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
  const scripts: Record<string, Script> = {
    'HTTP/1.0': ({ whole }) => [`HTTP/1.0 200 OK\r\ncontent-type: ${JSON_TYPE}\r\n\r\n${whole(TEXT)}`, FIN],
    'HTTP/1.0 with a length': ({ whole }) => [`HTTP/1.0 200 OK\r\ncontent-type: ${JSON_TYPE}\r\ncontent-length: ${Buffer.byteLength(whole(TEXT))}\r\n\r\n${whole(TEXT)}`],
    'HTTP/1.0, a stream': (speech) => ['HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n', stream(speech), FIN],
    'ended by the connection': ({ whole }) => [`HTTP/1.1 200 OK\r\ncontent-type: ${JSON_TYPE}\r\n\r\n${whole(TEXT)}`, FIN],
    'a stream ended by the connection': (speech) => ['HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n', stream(speech), FIN],
    'without a reason': ({ whole }) => [framed(whole(TEXT), '200')],
    '102 and 103 first': ({ whole }) => ['HTTP/1.1 102 Processing\r\n\r\n', 5, 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n', 5, framed(whole(TEXT))],
    '100 first': ({ whole }) => ['HTTP/1.1 100 Continue\r\n\r\n', 5, framed(whole(TEXT))],
    '100 twice and 103, with headers, in one segment with the reply': ({ whole }) => [Buffer.concat([Buffer.from('HTTP/1.1 100 Continue\r\ndate: 100\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n\r\nHTTP/1.1 100\r\n\r\n'), framed(whole(TEXT))])],
    '100 byte by byte, then a stream': (speech) => [...[...'HTTP/1.1 100 Continue\r\nx: y\r\n\r\n'].flatMap((byte) => [byte, 1]), SSE + stream(speech), FIN],
    '103, then a stream': (speech) => ['HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n', SSE + stream(speech), FIN],
    'trailers with the key, extensions': ({ whole }) => [HEAD(JSON_TYPE, 'transfer-encoding: chunked', 'trailer: x-key'), `${Buffer.byteLength(whole(TEXT)).toString(16)};key=${REAL_KEY};x="y"\r\n${whole(TEXT)}\r\n0;last\r\nx-key: ${REAL_KEY}\r\nset-cookie: a=1\r\n\r\n`],
    'trailers behind a stream': (speech) => [HEAD('text/event-stream', 'transfer-encoding: chunked'), `${Buffer.byteLength(stream(speech)).toString(16)};x\r\n${stream(speech)}\r\n0\r\nx-key: ${REAL_KEY}\r\n\r\n`],
    'blank lines first': ({ whole }) => [framed(`\n\n\r\n   \n${whole(TEXT)}\n\n`)],
    'blank lines, one by one': ({ whole }) => [HEAD(JSON_TYPE, 'connection: close'), ...Array.from({ length: 5 }, () => ['\n', 5]).flat(), whole(TEXT), FIN],
    'a mark before JSON': ({ whole }) => [framed(`\uFEFF${whole(TEXT)}`)],
    'a field named __proto__': ({ whole }) => [framed(whole(TEXT).replace(/\}$/, ',"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}').replace('{"', '{"__proto__":{"polluted":1},"'))],
    'a stream with both': ({ begin, say, finish, done }) => [SSE, begin(), 'data: {"type":"odd","__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}\n\n', say(TEXT) + finish() + done, FIN],
    'JSON said to be text': ({ whole }) => [framed(whole(TEXT), '200 OK', 'content-type: text/plain')],
    'JSON without a type': ({ whole }) => [`HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(whole(TEXT))}\r\n\r\n${whole(TEXT)}`],
    'JSON of a type of its own': ({ whole }) => [framed(whole(TEXT), '200 OK', 'content-type: application/vnd.x+json; charset=UTF-8')],
    'a stream of type TEXT/Event-Stream': (speech) => [HEAD('TEXT/Event-Stream;charset=UTF-8', 'connection: close'), stream(speech), FIN]
  }
  for (const [name, script] of Object.entries(scripts)) {
    for (const answer of await all(script)) await check(t, name, answer, well)
    t.equal(({} as Record<string, unknown>)['polluted'], undefined)
  }
  // What is nested deeper than can be written again is refused, where it cannot pass as it is.
  for (const [name, script] of Object.entries<Script>({
    'nested deep': ({ whole }) => [framed(whole(TEXT).replace(/\}$/, `,"deep":${nested}}`))],
    'a stream of what is nested deep': ({ begin, say, finish, done }) => [SSE, begin(), `data: {"type":"odd","deep":${nested}}\n\n`, say(TEXT) + finish() + done, FIN]
  })) {
    for (const answer of await all(script)) await check(t, name, answer, answer.status === 502 ? bad(/^upstream_bad_reply$/) : well)
  }
  t.same(leaks(), [])
})

t.test('JSON to a stream, a stream to a whole request (U64, U65)', async (t) => {
  const { all } = await world(t)
  for (const answer of await all(({ whole }) => [framed(whole(TEXT))], STREAM)) await check(t, 'JSON', answer, well)
  for (const answer of await all((speech) => [SSE, stream(speech), FIN], [false])) await check(t, 'a stream', answer, well)
})
