import t from 'tap'
import { check, type Expected } from './check.ts'
import { FIN, HEAD, JSON_TYPE, SSE, world, type Script } from './world.ts'
import type { Speech } from './speech.ts'

t.setTimeout(120_000)

const chunked = HEAD('text/event-stream', 'transfer-encoding: chunked')
const piece = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const slowly = (text: string, ms: number): Array<string | number> => [...text].flatMap((byte) => [byte, ms])
/** Longer than a busy machine takes for a hundred first tokens at once. */
const TIMEOUT = 2000
const late = (end: 'error' | 'event', text = ''): Expected => ({ end, status: end === 'error' ? 504 : 200, text, code: /^upstream_timeout$/, outcome: /^timeout$/ })

t.test('silence is given up in time, not before, and the provider is let go (U6, U7, U13, U14)', async (t) => {
  const { all, leaks } = await world(t, { env: { REQUEST_TIMEOUT: `${TIMEOUT}ms` } })
  const cases: Array<[name: string, script: Script, streams: boolean[], expected: Expected]> = [
    ['no headers', () => [], [false, true], late('error')],
    ['headers byte by byte', () => slowly(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(300)}`, 100), [false, true], late('error')],
    ['an early hint, then nothing', () => ['HTTP/1.1 103 Early Hints\r\n\r\n', 300, 'HTTP/1.1 103 Early Hints\r\n\r\n', 200, 'HTTP/1.1 103 Early Hints\r\n\r\n'], [false, true], late('error')],
    ['headers of a stream, then nothing', () => [chunked], [true], late('error')],
    ['headers of JSON, then nothing', () => [HEAD(JSON_TYPE, 'content-length: 100')], [false, true], late('error')],
    ['half of JSON', ({ whole }) => [HEAD(JSON_TYPE, 'content-length: 5000'), whole('x')], [false, true], late('error')],
    ['a token, then nothing', ({ begin, say }) => [chunked, piece(begin() + say('one'))], [true], late('event', 'one')],
    ['half an event', ({ begin, say }) => [chunked, piece(begin() + say('one') + say('two').slice(0, 30))], [true], late('event', 'one')],
    ['a stream nobody asked for, then nothing', ({ begin, say }) => [SSE, begin() + say('one')], [false], late('error')]
  ]
  await Promise.all(cases.map(async ([name, script, streams, expected]) => {
    for (const answer of await all(script, streams)) {
      await check(t, name, answer, expected)
      t.ok(answer.took >= TIMEOUT - 5, `${name}: not before, ${answer.took}`)
      t.ok(answer.took < TIMEOUT + 5000, `${name}: in time, ${answer.took}`)
      t.ok((await answer.freed() ?? Infinity) < 1000, `${name}: let go`)
      t.match(answer.row.usage_source, /^(estimated|partial)$/, `${name}: the provider may have worked`)
    }
  }))
  t.same(leaks(), [])
})

t.test('what talks is not cut, however long it takes (U15, U16)', async (t) => {
  const { all } = await world(t, { env: { REQUEST_TIMEOUT: '1s' } })
  const parts = (speech: Speech): string[] => [speech.begin(), ...[...'abcdefgh'].map((text) => speech.say(text)), speech.finish() + speech.done]
  const cases: Array<[name: string, script: Script, streams: boolean[]]> = [
    ['tokens', (speech) => [SSE, ...parts(speech).flatMap((part) => [part, 150]), FIN], [true]],
    ['a stream nobody asked for', (speech) => [SSE, ...parts(speech).flatMap((part) => [part, 150]), FIN], [false]],
    ['heartbeats before the first token', (speech) => [SSE, ...Array.from({ length: 8 }, () => [': heartbeat\n\n', 150]).flat(), parts(speech).join(''), FIN], [true]],
    ['pings before the first token', (speech) => [SSE, ...Array.from({ length: 8 }, () => ['event: ping\ndata: {"type": "ping"}\n\n', 150]).flat(), parts(speech).join(''), FIN], [true]],
    ['heartbeats between tokens', (speech) => [SSE, ...parts(speech).flatMap((part) => [part, 100, ': wait\n\n', 100, ': wait\n\n']), FIN], [true]],
    ['half events', (speech) => [SSE, ...parts(speech).flatMap((part) => [part.slice(0, 40), 100, part.slice(40), 50]), FIN], [true]],
    ['blanks before JSON', ({ whole }) => [HEAD(JSON_TYPE, 'connection: close'), ...Array.from({ length: 8 }, () => ['\n', 150]).flat(), whole('abcdefgh'), FIN], [false, true]],
    ['JSON in pieces', ({ whole }) => [HEAD(JSON_TYPE, 'connection: close'), ...(whole('abcdefgh').match(/.{1,40}/g) ?? []).flatMap((part) => [part, 250]), FIN], [false]]
  ]
  await Promise.all(cases.map(async ([name, script, streams]) => {
    for (const answer of await all(script, streams)) {
      await check(t, name, answer, { end: 'whole', text: 'abcdefgh', outcome: /^done$/ })
      t.ok(answer.took > 1000, `${name}: longer than the timeout, ${answer.took}`)
      if (name.startsWith('heartbeats before') && answer.client === answer.provider) t.match(answer.body, /^(: heartbeat\n\n){8}/)
    }
  }))
})

t.test('signs of life for ever are cut (U17)', async (t) => {
  const { all } = await world(t, { env: { NO_TOKEN_TIMEOUT: '2s' } })
  const forever = (word: string) => Array.from({ length: 100 }, () => [word, 100]).flat()
  const cases: Array<[name: string, script: Script, text: string]> = [
    ['comments', () => [SSE, ...forever(': still here\n\n')], ''],
    ['pings', () => [SSE, ...forever('event: ping\ndata: {"type": "ping"}\n\n')], ''],
    ['keepalives', () => [SSE, ...forever('event: keepalive\ndata: {"type":"keepalive","sequence_number":12}\n\n')], ''],
    ['events that hold nothing', () => [SSE, ...forever('data: {}\n\n')], ''],
    ['pieces that are empty', ({ begin, say }) => [SSE, begin(), ...forever(say(''))], ''],
    ['pieces that are empty, behind a token', ({ begin, say }) => [SSE, begin() + say('one'), ...forever(say('').replaceAll(':""', ': ""'))], 'one'],
    ['chunks that hold nothing', ({ id, begin, say }) => [SSE, begin() + say('one'), ...forever(id === 'openai-chat' ? 'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[]}}]}\n\ndata: {"choices":[]}\n\n' : ': x\n\n')], 'one'],
    ['blank lines', () => [SSE, ...forever('\n\n')], ''],
    ['comments behind a token', ({ begin, say }) => [SSE, begin() + say('one'), ...forever(': still here\n\n')], 'one']
  ]
  await Promise.all(cases.map(async ([name, script, text]) => {
    for (const answer of await all(script, [true])) {
      const { status } = answer
      await check(t, name, answer, late(status === 504 ? 'error' : 'event', text))
      t.ok(answer.took >= 1995 && answer.took < 7000, `${name}: ${answer.took}`)
      t.ok((await answer.freed() ?? Infinity) < 1000, `${name}: let go`)
    }
  }))
})
