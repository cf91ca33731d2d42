import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { startProvider } from '../../helper.ts'
import { onSignal, start } from '../../process.ts'
import { ask, dialects, keysFile, send, spokenAt, startSpeaker } from '../speak.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const ADMIN_KEY = 'admin-key-0123456789'

t.test('an event loop blocked for a second: liveness answers within two, what runs goes on, and the metric shows it (R5)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, { ADMIN_KEY }, keysFile(), { node: ['--import', onSignal('const end = performance.now() + 1000; while (performance.now() < end);')] })
  const metrics = async (): Promise<string> => await (await fetch(`${gateway.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text()
  const lag = async (): Promise<number> => Number(/^nodejs_eventloop_lag_max_seconds (\S+)$/m.exec(await metrics())?.[1])
  await lag()
  const streams = await Promise.all(dialects.map((spoken) => send(gateway.url, spoken, { model: 'talks', stream: true })))
  gateway.child.kill('SIGPWR')
  await wait(20)
  const asked = performance.now()
  const health = fetch(`${gateway.url}/health`)
  const others = dialects.map((spoken) => send(gateway.url, spoken))
  t.equal((await health).status, 200)
  const took = performance.now() - asked
  t.ok(took > 500, `it was blocked: ${took} ms`)
  t.ok(took < 2000, `${took} ms`)
  for (const other of others) t.equal((await other).status, 200, 'one pause refuses nobody')
  t.ok(await lag() > 0.8)
  provider.done()
  for (const [i, { first, more, last }] of dialects.entries()) {
    const text = (await streams[i]!.text()).replaceAll(': still there\n\n', '')
    t.ok(text.startsWith(first + more + last), 'whole')
  }
})

t.test('500 streams at once: all whole, none mixed, and what the gateway adds to a first byte is little (R6)', async (t) => {
  const sent = new Map<string, number>()
  const open = new Set<() => void>()
  const provider = await startProvider(t, ({ url, body }, reply) => {
    const { first, more, last } = spokenAt(url)
    const { user } = JSON.parse(body) as { user: string }
    const named = (text: string): string => text.replaceAll(/"(abc|a|b)"/g, `"$1 of ${user}"`)
    reply.writeHead(200, { 'content-type': 'text/event-stream' }).write(named(first))
    sent.set(user, performance.now())
    // They end when all have begun.
    open.add(async () => {
      for (const piece of named(more + last).match(/[^]{1,300}/g) ?? []) {
        reply.write(piece)
        await wait(5)
      }
      reply.end()
    })
    if (open.size === 500) for (const end of open) end()
  })
  const gateway = await start(t, provider.url, { MAX_REQUESTS_PER_HOUR: 'unlimited' }, keysFile())
  const added: number[] = []
  const whole = await Promise.all(Array.from({ length: 500 }, async (_, i) => {
    const spoken = dialects[i % 3]!
    const user = `stream ${i}`
    // As they would come: not all in the same turn of this process, which is provider and clients at once.
    await wait(i * 4)
    const reply = await fetch(gateway.url + spoken.path, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${spoken.key}` }, body: JSON.stringify({ ...ask(spoken), stream: true, user }) })
    const reader = reply.body!.getReader()
    let text = Buffer.from((await reader.read()).value ?? []).toString()
    added.push(performance.now() - (sent.get(user) ?? 0))
    for (let part = await reader.read(); !part.done; part = await reader.read()) text += Buffer.from(part.value).toString()
    const { first, more, last } = spoken
    return text.startsWith((first + more + last).replaceAll(/"(abc|a|b)"/g, `"$1 of ${user}"`))
  }))
  t.equal(open.size, 500)
  t.equal(whole.filter((is) => is).length, 500)
  added.sort((a, b) => a - b)
  t.comment(`first byte: median ${added[250]!.toFixed(1)} ms, 99 % ${added[495]!.toFixed(1)} ms`)
  // Of the median: on a machine that is busy with something else the slowest say nothing of the gateway.
  t.ok(added[250]! < 50, `${added[250]} ms`)
})
