/**
 * One gateway for many minutes, as busy as the machine holds it, with all that can go wrong mixed in: what its memory,
 * its descriptors and its books come to.
 *
 *     node scripts/proof/soak.ts [MINUTES] [WORKERS] [SEED]
 */
import { mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, request, type Dispatcher } from 'undici'
import { KINDS, startFaulty, type Kind } from './faulty.ts'
import { startGateway } from './gateway.ts'
import { randomFrom } from './random.ts'

const [minutes = 20, workers = 32, seed = 1] = process.argv.slice(2).map(Number)
const random = randomFrom(seed)
const MOST_CALLS = 20_000_000
/** How often the provider saw each call. */
const seen = new Uint8Array(MOST_CALLS)
const KEYS = {
  virtual_keys: {
    vk_plain_0123456789ab: { provider: 'openai', api_key: 'sk-real-0123456789abcdef', name: 'plain' },
    vk_budget_0123456789ab: { provider: 'openai', api_key: 'sk-real-0123456789abcdef', name: 'budget', budget: { usd: 100_000, per: 'total' }, tokens_per_minute: 100_000_000 },
    vk_drain_0123456789ab: { provider: 'openai', api_key: 'sk-real-0123456789abcdef', name: 'drain', on_disconnect: 'drain' },
    vk_two_0123456789ab: { targets: [{ provider: 'openai', api_key: 'sk-real-0123456789abcdef' }, { provider: 'openai', api_key: 'sk-other-0123456789abcdef' }], name: 'two targets' },
    vk_short_0123456789ab: { provider: 'openai', api_key: 'sk-real-0123456789abcdef', name: 'limited', max_requests_per_hour: 500, max_parallel_requests: 4 }
  }
}
const names = Object.keys(KEYS.virtual_keys)

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-proof-'))
const provider = await startFaulty((id) => { const at = Number(id); seen[at] = (seen[at] ?? 0) + 1 })
const gateway = await startGateway(folder, KEYS, {
  OPENAI_BASE_URL: provider.url,
  MAX_REQUESTS_PER_HOUR: 'unlimited',
  DATA_DIR: join(folder, 'data'),
  LOG_BODIES: 'metadata',
  REQUEST_TIMEOUT: '3s'
})
const { port } = new URL(gateway.url)
const agent = new Agent({ connections: workers * 2, pipelining: 1 })
const answers = new Map<string, number>()
let count = 0
const ending = new AbortController()

const bodyOf = (kind: Kind, id: number): string => JSON.stringify({
  model: 'gpt-5.4-mini', stream: !['whole', 'short', 'cut'].includes(kind) && kind !== 'fault', max_completion_tokens: 100, user: String(id), metadata: { kind }, messages: [{ role: 'user', content: 'Count the calls.' }]
})
const tell = (what: string): void => void answers.set(what, (answers.get(what) ?? 0) + 1)

/** Two of three calls are well; the others meet each fault alike. Hangs cost seconds, so they are fewer. */
function kindOf (): Kind {
  if (random(3) > 0) return random(2) === 0 ? 'whole' : 'stream'
  const kind = KINDS[random(KINDS.length)] ?? 'whole'
  return (kind === 'hang' || kind === 'silent') && random(10) > 0 ? 'whole' : kind
}

async function call (): Promise<void> {
  const id = ++count
  const kind = kindOf()
  const options: Omit<Dispatcher.RequestOptions, 'path' | 'origin'> = {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${names[random(names.length)]}`, 'x-request-id': `soak-${id}` },
    body: bodyOf(kind, id)
  }
  const leaves = random(12) === 0
  try {
    const { statusCode, body } = await request(`${gateway.url}/v1/chat/completions`, { ...options, dispatcher: agent, ...leaves && { signal: AbortSignal.timeout(1 + random(40)) } })
    if (random(200) === 0) await wait(200)
    await body.dump({ limit: Infinity })
    tell(`${statusCode}`)
  } catch (error) {
    tell(leaves ? 'left' : `broken (${kind})`)
    if (!leaves) await wait(1)
    void error
  }
}

/** Clients that are no good: each is refused, or loses its connection. */
const RUDE: ReadonlyArray<(id: number) => string> = [
  () => 'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n',
  () => '\x16\x03\x01\x02\x00\x01\x00\x01',
  () => `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${names[0]}\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n{"half":`,
  () => `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${names[0]}\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n{"a":`,
  () => 'POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: nobody\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}',
  () => 'GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n',
  () => 'POST /v1/chat',
  (id) => `POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-request-id: soak-${id}\r\nAuthorization: Bearer ${names[0]}\r\nContent-Type: application/json\r\nContent-Length: ${bodyOf('stream', id).length}\r\n\r\n${bodyOf('stream', id)}`
]

/** Says something and goes, at once or after a while, politely or not. */
function rude (): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(Number(port), '127.0.0.1', () => {
      socket.write((RUDE[random(RUDE.length)] ?? String)(++count))
      setTimeout(() => { if (random(2) === 0) socket.resetAndDestroy(); else socket.end() }, random(100))
      setTimeout(() => socket.destroy(), 500)
    })
    socket.on('error', () => {})
    socket.on('data', () => {})
    socket.on('close', () => { tell('rude'); resolve() })
  })
}

async function work (): Promise<void> {
  while (!ending.signal.aborted && count < MOST_CALLS - 1000) await (random(25) === 0 ? rude() : call())
}

/** Reads whatever it is sent as slowly as it can. */
async function slow (): Promise<void> {
  while (!ending.signal.aborted) {
    const { body } = await request(`${gateway.url}/v1/chat/completions`, { method: 'POST', dispatcher: agent, headers: { 'content-type': 'application/json', authorization: `Bearer ${names[0]}`, 'x-request-id': `soak-${count + 1}` }, body: bodyOf('giant', ++count) })
    for await (const chunk of body) await wait(chunk.length > 30_000 ? 50 : 5)
    tell('slow')
  }
}

/** keys.json is replaced, now and then by something that is no JSON. */
async function reload (): Promise<void> {
  for (let round = 0; !ending.signal.aborted; round++) {
    await wait(7000)
    const next = join(folder, 'next.json')
    writeFileSync(next, round % 4 === 3 ? '{"virtual_keys": {' : JSON.stringify(KEYS), { mode: 0o600 })
    renameSync(next, join(folder, 'keys.json'))
  }
}

interface Look { minute: number, rss: number, descriptors: number, health: number }
const looks: Look[] = []
async function look (began: number): Promise<void> {
  const asked = performance.now()
  const { statusCode, body } = await request(`${gateway.url}/health`)
  await body.dump()
  if (statusCode !== 200) throw new Error(`/health says ${statusCode}`)
  looks.push({
    minute: (asked - began) / 60_000,
    rss: Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${gateway.pid}/status`, 'utf8'))?.[1]) / 1024,
    descriptors: readdirSync(`/proc/${gateway.pid}/fd`).length,
    health: performance.now() - asked
  })
}

/** MB an hour, by least squares over the second half. */
function slope (): number {
  const points = looks.slice(Math.floor(looks.length / 2))
  const mean = (of: (look: Look) => number): number => points.reduce((sum, one) => sum + of(one), 0) / points.length
  const [x, y] = [mean(({ minute }) => minute), mean(({ rss }) => rss)]
  const [up, down] = points.reduce(([a, b], { minute, rss }) => [a + (minute - x) * (rss - y), b + (minute - x) ** 2], [0, 0])
  return up / down * 60
}

const began = performance.now()
const working = Promise.all([...Array.from({ length: workers }, work), slow(), slow(), reload()])
await look(began)
const idle = looks[0]?.descriptors ?? 0
while (performance.now() - began < minutes * 60_000) {
  await wait(5000)
  await look(began)
  const last = looks.at(-1)
  if (last !== undefined && looks.length % 12 === 0) console.log(`${last.minute.toFixed(1)} min: ${count} calls, ${last.rss.toFixed(0)} MB, ${last.descriptors} descriptors, /health in ${Math.max(...looks.slice(-12).map(({ health }) => health)).toFixed(0)} ms at most`)
}
ending.abort()
await working
await agent.close()
// Whoever was asked and hangs has three seconds, and kept connections have four.
await wait(10_000)
await look(began)
const after = looks.at(-1)
const exit = await gateway.kill('SIGTERM')

const db = new DatabaseSync(join(folder, 'data', 'gateway.db'), { readOnly: true })
const rows = new Uint8Array(count + 1)
let [open, doubled, unsent, more, total] = [0, 0, 0, 0, 0]
for (const row of db.prepare("SELECT request_id, outcome, attempts FROM requests WHERE request_id LIKE 'soak-%'").iterate() as Iterable<{ request_id: string, outcome: string | null, attempts: number }>) {
  const id = Number(row.request_id.slice('soak-'.length))
  total++
  if (row.outcome === null) open++
  if ((rows[id] = (rows[id] ?? 0) + 1) > 1) doubled++
  if (seen[id] === 0) unsent++
  if ((seen[id] ?? 0) > row.attempts) more++
}
let [calls, asked, missing] = [0, 0, 0]
for (let id = 1; id <= count; id++) {
  if (seen[id] === 0) continue
  calls++
  asked += seen[id] ?? 0
  if (rows[id] !== 1) missing++
}
const outcomes = db.prepare('SELECT outcome, count(*) AS count FROM requests GROUP BY outcome ORDER BY 2 DESC').all() as Array<{ outcome: string, count: number }>
db.close()
provider.close()
rmSync(folder, { recursive: true, force: true })

const seconds = minutes * 60
console.log(`\nseed ${seed}: ${minutes} minutes, ${workers} workers, ${count} calls (${Math.round(count / seconds)}/s); the gateway ended with ${exit}`)
console.log(`answers: ${[...answers].sort(([, a], [, b]) => b - a).map(([what, times]) => `${what} ${times}`).join(', ')}`)
console.log(`outcomes: ${outcomes.map(({ outcome, count }) => `${outcome} ${count}`).join(', ')}`)
console.log(`the provider saw ${calls} calls, ${asked} requests with retries; rows ${total}; calls without their row ${missing}, rows doubled ${doubled}, open ${open}; asked for more often than the row says ${more}; rows that never came to the provider ${unsent}`)
console.log(`memory: ${looks[0]?.rss.toFixed(0)} MB at first, ${Math.max(...looks.map(({ rss }) => rss)).toFixed(0)} at most, ${after?.rss.toFixed(0)} at the end; ${slope().toFixed(1)} MB an hour over the second half`)
console.log(`descriptors: ${idle} at first, ${Math.max(...looks.map(({ descriptors }) => descriptors))} at most, ${after?.descriptors} at the end; /health in ${Math.max(...looks.map(({ health }) => health)).toFixed(0)} ms at most`)
const failed = missing + doubled + open + more + Number(exit !== 0) + Number((after?.descriptors ?? Infinity) > idle + 50)
console.log(failed === 0 ? 'ok' : 'FAILED')
process.exitCode = failed === 0 ? 0 : 1
