import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { TokenizerThread } from '../../../plugins/tokens/tokenizer-thread.ts'

const program = (code: string): URL => new URL(`data:text/javascript,${encodeURIComponent(`import { parentPort } from 'node:worker_threads'\n${code}`)}`)
const slow = program('parentPort.on("message", ({ text }) => setTimeout(() => parentPort.postMessage({ tokens: text.length }), Number(text)))')

t.test('a thread is there while it is needed', async (t) => {
  const thread = new TokenizerThread({ timeout: 20_000, idle: 50 })
  t.teardown(() => thread.close())
  t.equal(thread.running, false, 'not before')
  t.equal(await thread.count('o200k_base', 'hello world'), 2)
  t.equal(thread.running, true)
  t.same(await Promise.all(['a b c', '', 'x <|endoftext|> y'].map((text) => thread.count('o200k_base', text))), [3, 0, 9], 'a marker is text')
  t.equal(await thread.count('cl100k_base', 'hello world'), 2)
  while (thread.running) await sleep(10)
  t.equal(await thread.count('cl100k_base', 'hello'), 1, 'and again after it has ended')
})

t.test('a question that takes too long is not answered, and later ones are', async (t) => {
  const thread = new TokenizerThread({ timeout: 500, entry: slow })
  t.teardown(() => thread.close())
  while (await thread.count('o200k_base', '1') === undefined);
  const started = performance.now()
  t.same(await Promise.all([thread.count('o200k_base', '60000'), thread.count('o200k_base', '10')]), [undefined, undefined])
  t.ok(performance.now() - started < 5000)
  let again
  do again = await thread.count('o200k_base', '1')
  while (again === undefined)
  t.equal(again, 1, 'by a new thread')
})

t.test('only so many wait', async (t) => {
  const thread = new TokenizerThread({ timeout: 10_000, waiting: 3, entry: slow })
  t.teardown(() => thread.close())
  t.same(await Promise.all(Array.from({ length: 5 }, () => thread.count('o200k_base', '1'))), [1, 1, 1, undefined, undefined])
})

t.test('a thread that fails, or has no tokenizer, costs an answer and nothing else', async (t) => {
  for (const code of ['throw new Error("no")', 'parentPort.on("message", () => process.exit(1))', 'parentPort.on("message", () => parentPort.postMessage({ missing: true }))', 'parentPort.on("message", () => parentPort.postMessage({}))']) {
    const thread = new TokenizerThread({ timeout: 10_000, entry: program(code) })
    t.same(await Promise.all([thread.count('o200k_base', 'a'), thread.count('o200k_base', 'b')]), [undefined, undefined], code)
    t.equal(await thread.count('o200k_base', 'c'), undefined)
    await thread.close()
  }
})

t.test('closing answers what waits', async (t) => {
  const thread = new TokenizerThread({ entry: slow })
  const waiting = Promise.all([thread.count('o200k_base', '5000'), thread.count('o200k_base', '5000')])
  await thread.close()
  t.same(await waiting, [undefined, undefined])
  t.equal(await thread.count('o200k_base', '1'), undefined)
  t.equal(thread.running, false)
})
