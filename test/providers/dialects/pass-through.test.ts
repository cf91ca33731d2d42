import t from 'tap'
import { anthropicMessages } from '../../../providers/dialects/anthropic-messages/index.ts'
import type { Dialect } from '../../../providers/dialects/dialect.ts'
import { openaiChat } from '../../../providers/dialects/openai-chat/index.ts'
import { openaiResponses } from '../../../providers/dialects/openai-responses/index.ts'
import { PassThrough } from '../../../providers/dialects/pass-through.ts'
import type { PassThroughOptions } from '../../../providers/dialects/pass-through.ts'

function open (options: Partial<PassThroughOptions> = {}, dialect: Dialect = openaiChat): PassThrough {
  return new PassThrough(dialect, { withholdUsage: false, choices: 1, redact: (text) => text.replaceAll('sk-real', '[key]'), ...options })
}

function chunk (content: string, finish: string | null = null, index = 0): string {
  return `data: {"id":"c","model":"m1","choices":[{"index":${index},"delta":{"content":${JSON.stringify(content)}},"finish_reason":${JSON.stringify(finish)}}],"usage":null}\n\n`
}
const usage = 'data: {"id":"c","choices":[],"usage": {\n "prompt_tokens":3,"completion_tokens":2}}\n\n'.replace('\n "', '"')
const DONE = 'data: [DONE]\n\n'

function run (pass: PassThrough, ...pieces: string[]): string {
  return pieces.map((piece) => pass.push(Buffer.from(piece))?.toString() ?? '').join('')
}

t.test('bytes pass as they are, and are looked at', async (t) => {
  const pass = open()
  const sent = ': ping\n\n' + chunk('a "usage":{ "finish_reason":"x" "error": [DONE]') + chunk('', 'stop') + usage + DONE
  t.equal(run(pass, sent), sent)
  t.match(pass, { model: 'm1', finish: 'stop', usage: { input: 3, output: 2 }, error: undefined, done: true, ended: true })
  t.same(pass.end(), { truncated: false })
})

t.test('frames that lie side by side are passed on without a copy', async (t) => {
  const bytes = Buffer.from(chunk('a') + chunk('b'))
  t.equal(open().push(bytes)?.buffer, bytes.buffer)
  t.ok(open().push(bytes)?.equals(bytes))
})

t.test('a frame is held until it is whole', async (t) => {
  const pass = open()
  t.equal(run(pass, chunk('a').slice(0, -1)), '')
  t.equal(run(pass, '\n' + chunk('b').slice(0, 20)), chunk('a'))
  t.same(pass.end(), { truncated: true }, 'half a frame is not sent')
  t.same(pass.end(), { truncated: true }, 'the same answer again')
})

t.test('usage that only the gateway asked for is withheld', async (t) => {
  const pass = open({ withholdUsage: true })
  t.equal(run(pass, chunk('a', 'stop') + usage + DONE), chunk('a', 'stop') + DONE)
  t.same(pass.usage, { input: 3, output: 2 })
})

t.test('an error is redacted and the last to pass', async (t) => {
  const pass = open()
  const error = 'data: {"error":{"message":"bad key sk-real","code":401}}\n\n'
  t.equal(run(pass, chunk('a') + error.slice(0, 30), error.slice(30) + chunk('b') + DONE), chunk('a') + error.replace('sk-real', '[key]'))
  t.match(pass, { done: true, ended: true, error: { message: 'bad key [key]', status: 401 } })
  const messages = open({}, anthropicMessages)
  const event = 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"sk-real"}}\n\n'
  t.equal(run(messages, event), event.replace('sk-real', '[key]'))
  t.match(messages.error, { status: 529, code: 'overloaded_error' })
})

t.test('an error that is told twice passes twice', async (t) => {
  const event = (body: { type: string } & Record<string, unknown>): string => `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`
  const error = { code: 'rate_limit_exceeded', message: 'Slow down, sk-real' }
  const created = event({ type: 'response.created', response: { id: 'resp_1', model: 'm1' } })
  const told = event({ type: 'error', ...error })
  const failed = event({ type: 'response.failed', response: { id: 'resp_1', model: 'm1', error, usage: { input_tokens: 3, output_tokens: 2 } } })
  const pass = open({}, openaiResponses)
  t.equal(run(pass, created, told), (created + told).replace('sk-real', '[key]'))
  t.match(pass, { done: false, ended: true, error: { status: 429, message: 'Slow down, [key]' } })
  t.equal(run(pass, failed, created), failed.replace('sk-real', '[key]'), 'and nothing behind')
  t.match(pass, { done: true, usage: { input: 3, output: 2 } })
  t.same(pass.end(), { truncated: false })
})

t.test('the gateway\'s own error names the reply that failed', async (t) => {
  const pass = open({}, openaiResponses)
  run(pass, 'data: {"type":"response.created","response":{"id":"resp_1","model":"m1"}}\n\n')
  const [, data] = pass.fail({ status: 502, code: 'upstream_broke', message: 'Gone.' }).toString().split('\ndata: ')
  t.match(JSON.parse(data ?? ''), { type: 'response.failed', response: { id: 'resp_1', model: 'm1', error: { code: 'upstream_broke', message: 'Gone.' } } })
})

t.test('a frame is looked at as large as its dialect\'s are', async (t) => {
  const pass = open({}, openaiResponses)
  const output = [{ type: 'image_generation_call', result: 'x'.repeat(1_000_000) }]
  const sent = `data: ${JSON.stringify({ type: 'response.completed', response: { id: 'resp_1', model: 'm1', output, usage: { input_tokens: 3, output_tokens: 2 } } })}\n\n`
  t.equal(run(pass, sent.slice(0, 500_000), sent.slice(500_000)), sent)
  t.match(pass, { ended: true, usage: { input: 3, output: 2 } })
})

t.test('whether a stream came to its end', async (t) => {
  const ends = (options: Partial<PassThroughOptions>, ...pieces: string[]): [boolean, string] => {
    const pass = open(options)
    const out = run(pass, ...pieces)
    const { truncated, bytes = '' } = pass.end()
    return [!truncated, out + bytes.toString()]
  }
  t.same(ends({}, chunk('a')), [false, chunk('a')])
  t.same(ends({}), [false, ''])
  t.same(ends({}, chunk('a', 'stop')), [true, chunk('a', 'stop')], 'a finish, no terminator')
  t.same(ends({}, chunk('a') + DONE), [true, chunk('a') + DONE], 'a terminator, no finish')
  t.same(ends({ choices: 2 }, chunk('a', 'stop'), chunk('b', 'stop')), [false, chunk('a', 'stop') + chunk('b', 'stop')], 'one of two')
  t.same(ends({ choices: 2 }, chunk('a', 'stop'), chunk('b', 'stop', 1)), [true, chunk('a', 'stop') + chunk('b', 'stop', 1)])
  t.same(ends({}, chunk('a') + 'data: [DONE]'), [true, chunk('a') + 'data: [DONE]'], 'without its blank line')
  for (const alone of [DONE, 'data: [DONE]', `: hello\n\n${DONE}`]) t.match(ends({}, alone), [false], 'alone it ends nothing')
  t.same(ends({}, chunk('a').trim()), [false, chunk('a')], 'a last frame without its blank line, and then cut')
})

t.test('behind the last word another one passes, and nothing else', async (t) => {
  const completed = `data: ${JSON.stringify({ type: 'response.completed', response: { id: 'resp_1', model: 'm1', output: [] } })}\n\n`
  t.equal(run(open({}, openaiResponses), completed + DONE), completed + DONE, 'some servers end in two dialects\' words')
  t.equal(run(open({}, openaiResponses), completed + completed + 'event: x\n\n' + 'data: {"type":"error","message":"late"}\n\n' + DONE), completed + DONE)
  t.equal(run(open(), chunk('a', 'stop') + DONE + chunk('b')), chunk('a', 'stop') + DONE)
  const begun = completed.replace('response.completed', 'response.created')
  const cut = open({}, openaiResponses)
  t.equal(run(cut, begun + DONE), begun, 'it ends no response that is not complete')
  t.match([cut.done, cut.ended, cut.end().truncated], [false, false, true])
  const failed = 'data: {"error":{"message":"no"}}\n\n'
  t.equal(run(open(), failed + DONE), failed, 'behind an error nothing at all')
})

t.test('a giant frame passes in pieces, and an error behind it starts afresh', async (t) => {
  const pass = open()
  const giant = 'data: ' + 'x'.repeat(200_000)
  t.equal(run(pass, giant.slice(0, 50_000), giant.slice(50_000)), giant)
  t.same(pass.end(), { truncated: true, bytes: Buffer.from('\n\n') })
  const whole = open()
  t.equal(run(whole, giant, '\n\n' + DONE), giant + '\n\n' + DONE)
  t.same(whole.end(), { truncated: false })
})

t.test('what is not JSON is left out, wherever it stands', async (t) => {
  const junk = 'data: <html>\n\ndata: 7\n\ndata: {"a":\n\nevent: x\ndata: {oops}\n\ndata:\n\n'
  const rest = chunk('a') + 'id: 7\n\n: x\n\n' + chunk('b', 'stop') + DONE
  t.equal(run(open(), junk + chunk('a') + junk + 'id: 7\n\nevent: x\n\n: x\n\n' + chunk('b', 'stop') + junk + DONE), rest)
})
