import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { LogFiles } from '../../../plugins/logging/files.ts'
import type { Losses } from '../../../plugins/logging/losses.ts'
import { LineWriter } from '../../../plugins/logging/writer.ts'

/** Files with room for one line each, and what was written to them. */
function files (onWrite: (written: string[]) => void = () => {}): { written: string[], files: LogFiles } {
  const written: string[] = []
  const files = {
    room: async (bytes: number) => bytes,
    async write (lines: Buffer) {
      written.push(lines.toString())
      onWrite(written)
    },
    async close () {}
  }
  return { written, files: files as unknown as LogFiles }
}

const losses = { works () {}, add () {}, failed () {} } as unknown as Losses

async function settle (): Promise<void> {
  for (let turn = 0; turn < 100; turn++) await setImmediate()
}

t.test('all that waits is written at once, in as many files as it takes; what comes meanwhile waits for others', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { written, files: few } = files((written) => { if (written.length <= 5) writer.push(Buffer.from(`late ${written.length}\n`)) })
  const writer = new LineWriter(few, losses)
  for (let n = 0; n < 20; n++) writer.push(Buffer.from(`${n}\n`))
  mock.timers.tick(100)
  await settle()
  t.same(written, Array.from({ length: 20 }, (_, n) => `${n}\n`))
  mock.timers.tick(100)
  await settle()
  t.same(written.slice(20), [1, 2, 3, 4, 5].map((n) => `late ${n}\n`))
  t.equal(writer.bytes, 0)
})

for (const fault of [undefined, new Error('no space')]) {
  t.test(`closing while a write is under way that ${fault === undefined ? 'goes well' : 'fails'} writes what came meanwhile, once`, async (t) => {
    mock.timers.enable({ apis: ['setTimeout'] })
    t.teardown(() => mock.timers.reset())
    const { promise: held, resolve: end } = Promise.withResolvers<void>()
    const tried: string[] = []
    let lost = 0
    const writer = new LineWriter({
      room: async () => 1000,
      async write (lines: Buffer) {
        tried.push(lines.toString())
        if (tried.length > 1) return
        await held
        if (fault !== undefined) throw fault
      },
      async close () {}
    } as unknown as LogFiles, { ...losses, failed: (_: unknown, count: number) => { lost += count } } as unknown as Losses)
    writer.push(Buffer.from('a\n'))
    mock.timers.tick(100)
    await settle()
    writer.push(Buffer.from('b\n'))
    writer.push(Buffer.from('c\n'))
    const closed = writer.close(10_000)
    await settle()
    t.same(tried, ['a\n'], 'one at a time')
    end()
    await closed
    t.same(tried, ['a\n', 'b\nc\n'])
    t.equal(lost, fault === undefined ? 0 : 1)
    mock.timers.tick(10_000)
    await settle()
    t.equal(tried.length, 2)
    t.equal(writer.bytes, 0)
  })
}
