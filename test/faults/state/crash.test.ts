import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { until } from '../../helper.ts'
import { start } from '../../process.ts'
import { chat, dialects, keysFile, messages, send, startSpeaker } from '../speak.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

t.test('kill -9 under load: what was answered is in the ledger, what was open is interrupted and charged at its hold (S1)', async (t) => {
  const provider = await startSpeaker(t)
  const keys = keysFile({ budget: { usd: 1000, per: 'month' }, max_requests_per_hour: 'unlimited' })
  const ids = new Map<string, number>()
  let data: string | undefined
  let open = 0
  for (let round = 0; round < 2; round++) {
    const gateway = await start(t, provider.url, data === undefined ? {} : { DATA_DIR: data }, keys)
    data ??= join(gateway.folder, 'data')
    const streams = await Promise.all(dialects.map((spoken) => send(gateway.url, spoken, { model: model(spoken.name, 'hangs'), stream: true })))
    open += streams.length
    let sent = 0
    const load = Promise.all(Array.from({ length: 12 }, async (_, i) => {
      try {
        while (true) {
          const spoken = dialects[i % 3]!
          const id = `call-${round}-${i}-${sent++}`
          const reply = await send(gateway.url, spoken, { model: model(spoken.name), stream: i % 2 === 0 }, { 'x-request-id': id })
          await reply.text()
          ids.set(id, performance.now())
        }
      } catch {
        // The gateway is gone.
      }
    }))
    await until(() => sent > 100)
    gateway.child.kill('SIGKILL')
    const killed = performance.now()
    await Promise.all([gateway.ended, load, ...streams.map((reply) => reply.text().catch(() => {}))])
    t.ok([...ids.values()].filter((at) => at < killed).length > 50)
  }
  const gateway = await start(t, provider.url, { DATA_DIR: data! }, keys)
  t.match(gateway.output(), /were charged at their hold/)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.ended, 0)
  const db = new DatabaseSync(join(data!, 'gateway.db'))
  t.teardown(() => db.close())
  const rows = db.prepare('SELECT request_id, outcome, cost, hold, sent_model, requested_model FROM requests').all()
  const outcomes = new Map(rows.map(({ request_id: id, outcome }) => [id, outcome]))
  // The row is closed as the last byte goes out: of what was answered in the last moment it may be told as interrupted.
  const missing = [...ids.keys()].filter((id) => !outcomes.has(id))
  t.same(missing, [], `of ${ids.size} answered`)
  const lost = [...ids.keys()].filter((id) => outcomes.get(id) !== 'done')
  t.ok(lost.length <= 24, `${lost.length} of the last moments`)
  const interrupted = rows.filter(({ outcome }) => outcome === 'interrupted')
  t.ok(interrupted.length >= open)
  for (const { cost, hold } of interrupted) t.ok(Number(hold) > 0 && cost === hold)
  t.equal(rows.filter(({ outcome }) => outcome === null).length, 0)
  t.ok(rows.length >= provider.requests.length, 'a row for each that went out')
})

/** One whose price is known: budgets need that. */
function model (dialect: string, does = ''): string {
  return dialect === messages.name ? `claude-haiku-4-5${does}` : `gpt-5.4-mini${does}`
}

t.test('kill -9, then the same hour: what was used is still used, in each dialect (S2)', async (t) => {
  const provider = await startSpeaker(t)
  const keys = keysFile({ max_requests_per_hour: 5, requests_per_minute: 6 })
  const first = await start(t, provider.url, {}, keys)
  for (const spoken of [chat, messages]) {
    for (let i = 0; i < 3; i++) t.equal((await send(first.url, spoken)).status, 200)
    t.equal((await send(first.url, spoken, { model: 'hangs', stream: true })).status, 200)
  }
  first.child.kill('SIGKILL')
  await first.ended
  const again = await start(t, provider.url, { DATA_DIR: join(first.folder, 'data') }, keys)
  for (const spoken of [chat, messages]) {
    t.equal((await send(again.url, spoken)).status, 200)
    const refused = await send(again.url, spoken)
    t.equal(refused.status, 429)
    const after = Number(refused.headers.get('retry-after'))
    t.ok(after > 3000 && after <= 3600, `when that hour ends: ${after} s`)
  }
})
