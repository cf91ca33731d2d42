import t from 'tap'
import { stamp } from '../../../bench/clock.ts'
import { StreamCheck } from '../../../bench/load/check.ts'
import { chatStream } from '../../../bench/replies.ts'

const { before, piece, after } = chatStream(12)
const text = before + piece(stamp(17)) + piece(stamp(23)) + after

function check (text: string, cut = 0): { fault: string | undefined, marks: number[] } {
  const marks: number[] = []
  const check = new StreamCheck((sentAt) => marks.push(sentAt))
  const bytes = Buffer.from(text)
  check.push(bytes.subarray(0, cut))
  check.push(bytes.subarray(cut))
  return { fault: check.fault(200, 2), marks }
}

t.test('a whole stream is whole wherever it is cut', async (t) => {
  for (let cut = 0; cut <= text.length; cut++) t.same(check(text, cut), { fault: undefined, marks: [17, 23] }, `cut at ${cut}`)
})

t.test('what is missing is named', async (t) => {
  t.equal(check(before + piece(stamp(17)) + after).fault, '1 of 2 chunks')
  t.equal(check(text.replace('"completion_tokens":', '"other":')).fault, 'no usage')
  t.equal(check(text.replace('data: [DONE]', '')).fault, 'no [DONE]')
  t.equal(new StreamCheck().fault(502, 2), 'status 502')
})
