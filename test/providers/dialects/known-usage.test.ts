import t from 'tap'
import { countedUsage, toldUsage } from '../../../providers/dialects/known-usage.ts'
import { estimateText, estimateTokens, promptOf } from '../../../providers/dialects/estimate.ts'

const counts = { input: 100, output: 20, reasoning: 0 }

t.test('what the provider told is all there is', async (t) => {
  const usage = { input: 9, output: 3 }
  t.same(toldUsage({ usage, finish: 'stop' }, true), { usage, source: 'provider' })
  t.same(toldUsage({ usage, finish: 'stop' }, false), { usage, source: 'provider' }, 'cut behind its last report')
  t.same(toldUsage({ usage, finish: undefined }, false), { usage, source: 'partial' }, 'and it went no further')
  t.same(toldUsage({ usage: { input: 9 }, finish: undefined }, true), { usage: { input: 9 }, source: 'provider' }, 'a reply without output')
  t.same(toldUsage({ usage: { input: 0, output: 0 }, finish: undefined }, false), { usage: { input: 0, output: 0 }, source: 'partial' }, 'zero is told')
  t.equal(toldUsage({ usage, finish: undefined, behind: true }, false), undefined)
  t.equal(toldUsage({ usage, finish: 'stop', behind: true }, true), undefined, 'a number from the start is not the last word')
  t.equal(toldUsage({ usage: { output: 3 }, finish: undefined }, false), undefined)
  t.equal(toldUsage({ usage: undefined, finish: 'stop' }, true), undefined)
})

t.test('what it did not tell is counted', async (t) => {
  t.same(countedUsage({ usage: undefined, finish: undefined }, counts), { usage: { input: 100, output: 20 }, source: 'estimated' })
  t.same(countedUsage({ usage: { input: 9, cacheRead: 4, output: 1 }, finish: undefined }, counts), { usage: { input: 9, cacheRead: 4, output: 20 }, source: 'estimated' }, 'the prompt stays as told')
  t.same(countedUsage({ usage: { input: 0, output: 1 }, finish: undefined }, { ...counts, reasoning: 5 }), { usage: { input: 0, output: 20, reasoning: 5 }, source: 'estimated' }, 'zero is not missing')
  t.same(countedUsage({ usage: { input: 9, output: 1 }, finish: undefined }, { input: 0, output: 0, reasoning: 0 }), { usage: { input: 9, output: 1 }, source: 'partial' }, 'nothing was written yet')
  t.same(countedUsage({ usage: { input: 9, output: 10, reasoning: 50 }, finish: undefined }, counts), { usage: { input: 9, output: 10, reasoning: 50 }, source: 'partial' }, 'more was told than is to be seen')
  t.same(countedUsage({ usage: { output: 50 }, finish: undefined }, counts), { usage: { input: 100, output: 50 }, source: 'estimated' })
})

t.test('estimates', async (t) => {
  t.equal(estimateText(''), 0)
  t.equal(estimateText('Hello, world'), 3)
  t.equal(estimateText('你好，世界！'), 4)
  t.equal(estimateText('data: yes'), 3, 'what a model writes is no file')
  const long = 'x'.repeat(4_000_000)
  t.equal(estimateText(long), 1_000_000)
  const body = {
    model: 'm',
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'What?' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } }] },
      { role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AAAA' } }, { type: 'thinking', thinking: 'Hm', signature: 'AAAA' }] }
    ],
    tools: [{ type: 'function', function: { name: 'f', strict: true, parameters: { type: 'object', properties: { n: { type: 'number' } } } } }]
  }
  const { text, tokens } = promptOf(body)
  t.equal(text, 'Be brief.\nWhat?\nHm\ntype\nfunction\nfunction\nname\nf\nparameters\ntype\nobject\nproperties\nn\ntype\nnumber')
  t.equal(tokens, 4 + 3 * 4 + 2 * 1500)
  t.ok(estimateTokens(body) > 3000)
  t.same(promptOf({}), { text: '', tokens: 4 })
})
