import type { FastifyBaseLogger } from 'fastify'
import t, { type Test } from 'tap'
import { FileFault } from '../../../plugins/file/fault.ts'
import { keepInForce } from '../../../plugins/file/in-force.ts'

/** Contents are texts; what begins with `bad` cannot be loaded, what begins with `gone` not even be read. */
function build (t: Test) {
  const said: unknown[] = []
  const loaded: string[] = []
  const doubts: boolean[] = []
  const state = { now: 'first' }
  const log = { info: (...words: unknown[]) => said.push(words), error: (...words: unknown[]) => said.push(words) } as unknown as FastifyBaseLogger
  const kept = keepInForce({
    first: 'first',
    interval: 3_600_000,
    log,
    facts: { file: 'f' },
    words: { refused: 'refused', again: 'again' },
    async read (doubted) {
      doubts.push(doubted)
      if (state.now.startsWith('gone')) throw new FileFault(state.now)
      return state.now === '' ? undefined : { id: state.now, content: state.now }
    },
    loaded: (content) => content,
    load (content) {
      if (content.startsWith('bug')) throw new TypeError(content)
      if (content.startsWith('bad')) throw new FileFault(content)
      loaded.push(content)
    }
  })
  t.teardown(kept.stop)
  const see = async (...contents: string[]): Promise<void> => {
    for (const content of contents) {
      state.now = content
      await kept.look()
    }
  }
  return { kept, see, said, loaded, doubts }
}

t.test('what is new is loaded once', async (t) => {
  const { see, said, loaded } = build(t)
  await see('first', 'second', 'second', '', 'first')
  t.strictSame(loaded, ['second', 'first'])
  t.strictSame(said, [])
})

t.test('what is bad is told of once, when it was seen twice in a row', async (t) => {
  const { kept, see, said, loaded, doubts } = build(t)
  await see('bad 1', 'bad 2', 'gone', 'bad 1')
  t.strictSame(said, [], 'never the same twice')
  t.equal(kept.healthy, true)
  t.strictSame(doubts, [false, true, true, true])
  await see('bad 1', 'bad 1', 'bad 1')
  t.strictSame(said, [[{ file: 'f' }, 'refused: bad 1']])
  t.equal(kept.healthy, false)
  await see('gone', 'bad 1', 'gone')
  t.equal(said.length, 1, 'what was told of came between')
  await see('gone')
  t.strictSame(said.pop(), [{ file: 'f' }, 'refused: gone'])
  t.strictSame(loaded, [])
})

t.test('the one in force that is back is told of where another was; a good one tells of itself', async (t) => {
  const { kept, see, said, loaded } = build(t)
  await see('bad', 'first')
  t.strictSame(said, [])
  await see('bad', 'bad', 'first')
  t.strictSame(said, [[{ file: 'f' }, 'refused: bad'], [{ file: 'f' }, 'again']])
  t.equal(kept.healthy, true)
  await see('bad', 'bad', 'second')
  t.equal(said.length, 3)
  t.equal(kept.healthy, true)
  t.strictSame(loaded, ['second'])
})

t.test('a fault of our own ends no looking', async (t) => {
  const { kept, see, said, loaded } = build(t)
  await see('bug')
  t.match(said, [[{ err: { message: 'bug' } }, 'refused']])
  t.equal(kept.healthy, false)
  await see('second')
  t.equal(kept.healthy, true)
  t.strictSame(loaded, ['second'])
})
