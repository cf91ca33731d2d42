import t from 'tap'
import { until } from '../../helper.ts'
import { start, type Running } from '../../process.ts'
import { dialects, keysFile, send, startSpeaker } from '../speak.ts'

// Processes start in their own time where the machine is busy.
t.setTimeout(120_000)

const ADMIN_KEY = 'admin-key-0123456789'
const ANSWERED = /"method":"POST".*"outcome":"done".*"msg":"request"/g
const env = { ADMIN_KEY, MAX_REQUESTS_PER_HOUR: 'unlimited' }

async function dropped ({ url }: Running): Promise<number> {
  const text = await (await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text()
  return Number(/^llm_gateway_log_lines_dropped_total (\d+)$/m.exec(text)?.[1])
}

/** @returns ms that each took, in order of length */
async function load ({ url }: Running, count: number): Promise<number[]> {
  const took: number[] = []
  let left = count
  await Promise.all(Array.from({ length: 10 }, async (_, i) => {
    while (left-- > 0) {
      const spoken = dialects[i % 3]!
      const begun = performance.now()
      const reply = await send(url, spoken, { stream: i % 2 === 0 })
      const text = await reply.text()
      took.push(performance.now() - begun)
      if (reply.status !== 200 || (i % 2 === 0 ? !text.startsWith(spoken.first + spoken.more + spoken.last) : text !== spoken.whole)) throw new Error(text)
    }
  }))
  return took.sort((a, b) => a - b)
}

t.test('standard output and standard error are closed: every call is answered, what is lost is counted, and SIGTERM ends it (S26)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, env, keysFile())
  gateway.child.stdout?.destroy()
  gateway.child.stderr?.destroy()
  await load(gateway, 100)
  while (await dropped(gateway) < 50) await load(gateway, 10)
  await load(gateway, 100)
  t.equal(provider.requests.length >= 200, true)
  t.equal(gateway.child.exitCode, null)
  gateway.child.kill('SIGTERM')
  t.equal(await gateway.ended, 0)
})

t.test('standard output that nobody reads: no call waits for it, and what was kept comes when it is read again (S26)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, env, keysFile())
  await load(gateway, 100)
  gateway.child.stdout?.pause()
  // Far more than a pipe holds.
  const took = await load(gateway, 1500)
  const before = gateway.output().length
  t.ok(took[1499]! < 5000, `the longest took ${took[1499]} ms`)
  t.ok(took[750]! < 500, `half took less than ${took[750]} ms`)
  t.equal((await fetch(`${gateway.url}/health`)).status, 200)
  t.equal(await dropped(gateway), 0)
  t.ok((gateway.output().match(ANSWERED)?.length ?? 0) < 1600, 'not all of it was read')
  gateway.child.stdout?.resume()
  await until(() => gateway.output().length > before && gateway.output().match(ANSWERED)?.length === 1600)
  for (const line of gateway.output().trimEnd().split('\n')) JSON.parse(line)
})

t.test('nobody reads it when it is to end: it ends all the same (S26)', async (t) => {
  const provider = await startSpeaker(t)
  const gateway = await start(t, provider.url, env, keysFile())
  gateway.child.stdout?.pause()
  await load(gateway, 600)
  gateway.child.kill('SIGTERM')
  const code = await new Promise((resolve) => gateway.child.once('exit', resolve))
  t.equal(code, 0)
  gateway.child.stdout?.resume()
})
