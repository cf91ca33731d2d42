import t from 'tap'
import { Folding } from '../../../plugins/logging/folding.ts'
import { openaiChat as chat } from '../../../providers/dialects/openai-chat/index.ts'
import { formatEvent } from '../../../providers/dialects/sse.ts'
import { capture, exchange, lines, record } from './fixtures.ts'

const whole = {
  id: 'c-1',
  object: 'chat.completion',
  created: 1,
  model: 'large',
  choices: [{
    index: 0,
    message: {
      role: 'assistant',
      content: 'Grüße — 12345678901234567890',
      refusal: null,
      tool_calls: [{ id: 'call-1', type: 'function', function: { name: 'look', arguments: '{"at":"x"}' } }]
    },
    logprobs: null,
    finish_reason: 'tool_calls'
  }],
  usage: { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 }
}

const stream = chat.stream.unfold(whole).map(formatEvent).join('')

t.test('a streamed chat reply is captured as the reply it means', async (t) => {
  const dir = t.testdir()
  const { capture: captured } = capture(dir, { dialect: (id) => id === chat.id ? chat : undefined })
  for (const size of [1, 7, 100_000]) {
    const bytes = Buffer.from(stream)
    const chunks = []
    for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
    record(captured, exchange({ stream: true, clientDialect: chat.id }), '{}', ...chunks)
  }
  await captured.close()
  t.same(lines(dir).map(({ reply, replyCut }) => ({ reply, replyCut })), Array.from({ length: 3 }, () => ({ reply: whole, replyCut: undefined })))
})

t.test('a reply whose text is small beside its framing is folded far beyond the limit', async (t) => {
  const folding = new Folding(chat.stream.fold(), 20_000)
  const delta = (content: string): Buffer => Buffer.from(formatEvent({ data: JSON.stringify({ id: 'c-1', model: 'large', choices: [{ index: 0, delta: { content } }] }) }))
  let bytes = 0
  for (let n = 0; n < 10_000; n++) {
    const event = delta('a')
    bytes += event.length
    folding.push(event)
  }
  t.ok(bytes > 20 * 20_000)
  t.equal(folding.cut, false)
  t.equal(JSON.parse(folding.json()).choices[0].message.content.length, 10_000)
  for (let n = 0; n < 10_000 && !folding.cut; n++) folding.push(delta('b'.repeat(100)))
  t.equal(folding.cut, true)
  t.ok(folding.json().length <= 20_000)
})

t.test('an event larger than the limit is left out, and marks the rest as cut', async (t) => {
  const folding = new Folding(chat.stream.fold(), 1000)
  folding.push(Buffer.from(formatEvent({ data: JSON.stringify({ padding: 'p'.repeat(5000) }) })))
  t.equal(folding.cut, true)
})

t.test('a fold that fails costs only itself', async (t) => {
  const folding = new Folding({
    push () {},
    body () { throw new Error('no body') }
  }, 1000)
  t.equal(folding.json(), 'null')
  t.equal(folding.cut, true)
})
