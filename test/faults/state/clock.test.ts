import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { until } from '../../helper.ts'
import { onSignal, start } from '../../process.ts'
import { chat, dialects, keysFile, messages, send, startSpeaker, type Spoken } from '../speak.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const HOUR = 3_600_000
/** A wall clock that is so many ms off as a file says, from the next signal on. */
const clock = (file: string, off = 0): string => onSignal(
  `off = Number(readFileSync(${JSON.stringify(file)}, 'utf8')); console.error('it is', Date.now())`,
  `import { readFileSync } from 'node:fs'
   let off = ${off}
   const { Date: Real } = globalThis
   globalThis.Date = class Date extends Real {
     constructor (...args) { super(...args.length === 0 ? [Real.now() + off] : args) }
     static now () { return Real.now() + off }
   }`)

t.test('a wall clock that jumps an hour ahead, back, and by a day: windows stand, no latency is negative, nobody is locked out (S25)', async (t) => {
  const provider = await startSpeaker(t)
  const file = join(t.testdir(), 'off')
  const keys = keysFile({ max_requests_per_hour: 12 })
  const gateway = await start(t, provider.url, {}, keys, { node: ['--import', clock(file)] })
  const set = async (off: number): Promise<void> => {
    writeFileSync(file, String(off))
    gateway.child.kill('SIGPWR')
    const now = Date.now() + off
    await until(() => Math.abs(Number(gateway.output().match(/it is \d+/g)?.at(-1)?.slice(6)) - now) < 60_000)
  }
  const used: Record<string, number> = {}
  const ask = async (spoken: Spoken, stream: boolean): Promise<number> => {
    const reply = await send(gateway.url, spoken, { stream })
    const text = await reply.text()
    if (reply.status === 200) {
      used[spoken.key] = (used[spoken.key] ?? 0) + 1
      t.ok(stream ? text.startsWith(spoken.first + spoken.more + spoken.last) : text === spoken.whole)
    }
    return reply.status
  }
  for (const off of [0, HOUR, -HOUR, 24 * HOUR, 0]) {
    // What is under way meanwhile ends as it would.
    const open = await send(gateway.url, chat, { model: 'talks', stream: true })
    used[chat.key] = (used[chat.key] ?? 0) + 1
    await set(off)
    provider.done()
    t.match(await open.text(), /\[DONE\]/)
    for (const spoken of [chat, messages]) t.equal(await ask(spoken, off !== 0), 200, `${spoken.name} at ${off / HOUR} h: no lock-out`)
  }
  while (await ask(chat, false) === 200);
  while (await ask(messages, true) === 200);
  t.same(Object.values(used), [12, 12], 'no free window')
  for (const off of [HOUR, -HOUR]) {
    await set(off)
    for (const spoken of dialects) {
      const reply = await send(gateway.url, spoken)
      t.equal(reply.status, 429, 'nor later')
      const after = Number(reply.headers.get('retry-after'))
      t.ok(after > 3000 && after <= 3600, `the window ends in ${after} s`)
      await reply.arrayBuffer()
    }
  }
  await until(() => gateway.output().match(/"outcome":"done"/g)?.length === 24)
  for (const [, ms] of gateway.output().matchAll(/"(?:ms|firstByteMs)":(-?[\d.]+)/g)) t.ok(Number(ms) >= 0 && Number(ms) < 60_000, `${ms} ms`)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.ended, 0)
  const db = new DatabaseSync(join(gateway.folder, 'data', 'gateway.db'))
  t.teardown(() => db.close())
  for (const row of db.prepare('SELECT started_at, first_byte_at, ended_at FROM requests').all()) {
    const [begun, first, ended] = [Number(row['started_at']), Number(row['first_byte_at']), Number(row['ended_at'])]
    t.ok(begun <= first && first <= ended && ended - begun < 60_000, `${begun} ${first} ${ended}`)
  }
})

t.test('a wall clock that is set back an hour, and a start after it: what was used of the hour is used (S25)', async (t) => {
  const provider = await startSpeaker(t)
  const keys = keysFile({ max_requests_per_hour: 3 })
  const first = await start(t, provider.url, {}, keys)
  for (let i = 0; i < 2; i++) t.equal((await send(first.url, chat)).status, 200)
  first.child.kill('SIGTERM')
  await first.ended
  const again = await start(t, provider.url, { DATA_DIR: join(first.folder, 'data') }, keys, { node: ['--import', clock('', -HOUR)] })
  t.equal((await send(again.url, chat)).status, 200)
  const refused = await send(again.url, chat)
  t.equal(refused.status, 429)
  t.ok(Number(refused.headers.get('retry-after')) <= 3600, 'no longer than an hour')
})
