/**
 * The gateway under nonsense: bytes of clients, of providers and of keys.json, spoilt by chance, against a real process.
 *
 *     node scripts/proof/fuzz.ts [MINUTES] [SEED] [CASE]
 *
 * A case is the same for the same seed and number; with CASE only that one runs, with what was sent and answered.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { plain, send, spoiltRequest, type Heard, type Script } from './fuzz/client.ts'
import { KEYS, memoryOf, probe, quotesKey, REAL_KEY, settings, virtualKeys } from './fuzz/gateway.ts'
import { judgeFault, putKeys, spoiltKeys } from './fuzz/keys.ts'
import { pick, type Random } from './fuzz/mutate.ts'
import { faultOf, readReplies } from './fuzz/replies.ts'
import { conversation, conversationPaths, requests } from './fuzz/requests.ts'
import { startRawProvider } from './fuzz/upstream.ts'
import { startGateway } from './gateway.ts'
import { randomFrom } from './random.ts'

const [minutes = 10, seed = 1, only] = process.argv.slice(2).map(Number)
const BATCH = 600
const WORKERS = 16
/** Files of keys that are judged for each that the gateway gets. */
const JUDGED = 200
/** ms that a client waits for an answer; a provider is given 1.5 s, twice. */
const PATIENCE = 15_000
/** ms that the gateway may be at work before it answers `/health`, and KB that the process may have. */
const SLOW = 500
const MOST_MEMORY = 700_000

const seedOf = (number: number): number => (Math.imul(seed, 1_000_003) + Math.imul(number, 7919)) >>> 0
const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-fuzz-'))
const provider = await startRawProvider({ seedOf: (number) => seedOf(number) ^ 0x5f5f5f5f, realKey: REAL_KEY })
const finds: string[] = []
/** What the gateway said of itself that it never should. */
const confessions: string[] = []
const gateway = await startGateway(folder, KEYS, settings(provider.url, folder), (text) => {
  if (quotesKey(text)) confessions.push('a real key on the standard output')
  if (confessions.length < 20) confessions.push(...text.split('\n').filter((line) => /internal_error|uncaught|unhandled|"level":60|"err":.*"stack"/i.test(line)).map((line) => `the log: ${line.slice(0, 700)}`))
})
const health = probe(gateway.url, gateway.pid)
const counts = { client: 0, upstream: 0, judged: 0, keys: 0 }
const statuses = new Map<string, number>()
const memory: number[] = []

function find (text: string, script?: Script, heard?: Heard): void {
  finds.push(text)
  console.log(`FOUND ${text}`)
  if (script === undefined) return
  console.log(`  sent ${JSON.stringify(Buffer.concat(script.pieces).toString('latin1').slice(0, 900))}, then ${script.then}`)
  console.log(`  got  ${JSON.stringify(heard?.bytes.toString('latin1').slice(0, 900))}`)
}

async function runCase (number: number): Promise<void> {
  const random = randomFrom(seedOf(number))
  const fromClient = random(2) === 0
  const key = pick(random, virtualKeys)
  const id = `fuzz-${seed}-${number}`
  counts[fromClient ? 'client' : 'upstream']++
  const script = fromClient ? spoiltRequest(random, key, id) : plain(conversation(random, `spoil-${number}- call the weather tool`), key, id)
  if (!fromClient && random(10) === 0) script.then = 'leave'
  const heard = await send(gateway.url, script, fromClient ? 700 : PATIENCE, isWhole, fromClient ? 50 : 0)
  judge(number, script, heard, !fromClient, key)
}

function isWhole (bytes: Buffer): boolean {
  try {
    return readReplies(bytes, false).some(({ status }) => status >= 200)
  } catch {
    return true
  }
}

/** @param one whether there must be a reply, and one only */
function judge (number: number, script: Script, heard: Heard, one: boolean, key: string): void {
  const wrong = (text: string): void => find(`case ${number}: ${text}`, script, heard)
  if (quotesKey(heard.bytes.toString('latin1'))) wrong('a real key in what the client got')
  const gone = script.then === 'leave'
  try {
    const replies = readReplies(heard.bytes, heard.ended && !heard.broken && !gone)
    if (one && !gone && replies.length !== 1) wrong(`${replies.length} replies`)
    for (const reply of replies) {
      const name = `${one ? 'upstream' : 'client'} ${reply.status}`
      statuses.set(name, (statuses.get(name) ?? 0) + 1)
      const fault = faultOf(script.path, reply, !heard.broken && one && isTranslated(key, script.path))
      if (fault !== undefined) wrong(fault)
    }
  } catch (error) {
    wrong(error instanceof Error ? error.message : String(error))
  }
}

/** Whether the key's provider does not speak the route's dialect, so that every event is the gateway's own. */
function isTranslated (key: string, path: string): boolean {
  const { name } = KEYS.virtual_keys[key as keyof typeof KEYS.virtual_keys]
  const spoken: Partial<Record<typeof name, string[]>> = { chat: ['/v1/messages'], budget: ['/v1/messages'], messages: ['/v1/chat/completions', '/v1/responses'], responses: ['/v1/messages', '/v1/chat/completions'] }
  return spoken[name]?.includes(path) === true
}

/** Right requests are answered rightly, whatever came before. */
async function checkWell (): Promise<void> {
  for (const path of conversationPaths) {
    for (const key of virtualKeys) {
      for (const stream of [false, true]) {
        // A model that has a price.
        const body = { ...requests[path]?.[0]?.('Hello'), model: 'gpt-5.4-mini', stream }
        const script = plain({ path, body }, key, 'fuzz-well')
        const heard = await send(gateway.url, script, PATIENCE, isWhole)
        const where = `after case ${next - 1}: a right request to ${path} with ${key}`
        try {
          const [reply] = readReplies(heard.bytes, true)
          const fault = reply === undefined ? 'no reply' : reply.status !== 200 ? `status ${reply.status}: ${reply.body.slice(0, 300)}` : faultOf(path, reply, true)
          if (fault !== undefined) find(`${where}: ${fault}`, script, heard)
        } catch (error) {
          find(`${where}: ${String(error)}`, script, heard)
        }
      }
    }
  }
}

async function checkKeys (random: Random): Promise<void> {
  for (let i = 0; i < JUDGED; i++) {
    const content = spoiltKeys(random)
    counts.judged++
    const fault = judgeFault(content)
    if (fault === undefined) continue
    const file = join(tmpdir(), `llm-gateway-fuzz-keys-${next}-${i}.json`)
    writeFileSync(file, content)
    find(`keys before case ${next}, number ${i} (${file}): ${fault}`)
  }
  counts.keys++
  const file = join(folder, 'keys.json')
  putKeys(file, spoiltKeys(random), random(2) === 0)
  await wait(1300)
  const script = plain({ path: '/v1/chat/completions', body: requests['/v1/chat/completions']?.[0]?.('Hello') ?? {} }, virtualKeys[0] ?? '', 'fuzz-keys')
  judge(next, script, await send(gateway.url, script, PATIENCE, isWhole), true, virtualKeys[0] ?? '')
  putKeys(file, Buffer.from(JSON.stringify(KEYS)), false)
  const deadline = Date.now() + 10_000
  while (Date.now() < deadline) {
    const heard = await send(gateway.url, script, PATIENCE, isWhole)
    if (heard.bytes.includes(' 200 ')) return await wait(1100)
    await wait(200)
  }
  find(`keys before case ${next}: the right file was not taken up again`)
}

let next = 0
const began = Date.now()
console.log(`seed ${seed}, ${minutes} minutes, gateway ${gateway.pid}`)
if (only !== undefined) {
  next = only + 1
  await runCase(only)
} else {
  while (Date.now() - began < minutes * 60_000 && finds.length < 50) {
    const end = next + BATCH
    const before = finds.length
    await Promise.all(Array.from({ length: WORKERS }, async () => { while (next < end) await runCase(next++) }))
    // Within a moment of its last word.
    if (finds.length > before) await wait(3000)
    if (gateway.ended() !== undefined) {
      find(`the process ended (${gateway.ended()}) in cases ${end - BATCH} to ${end - 1}:\n${gateway.output().slice(-3000)}`)
      break
    }
    await checkWell()
    await checkKeys(randomFrom(seedOf(next) ^ 0x0f0f0f0f))
    memory.push(memoryOf(gateway.pid))
    for (const text of [...health.failed.splice(0), ...confessions.splice(0)]) find(text)
  }
}
await health.stop()
if (gateway.ended() === undefined) await gateway.kill('SIGTERM')
provider.close()

for (const text of confessions) find(text)
for (const name of readdirSync(join(folder, 'logs'))) if (quotesKey(readFileSync(join(folder, 'logs', name), 'latin1'))) find(`a real key in the log file ${name}`)
const db = new DatabaseSync(join(folder, 'data', 'gateway.db'), { readOnly: true })
const { rows, open } = db.prepare('SELECT count(*) AS rows, count(*) FILTER (WHERE outcome IS NULL) AS open FROM requests').get() as { rows: number, open: number }
db.close()
if (open > 0) find(`${open} rows are open`)
const slowest = health.answers.toSorted((a, b) => b.busy - a.busy)
for (const { took, busy, at } of slowest.slice(0, 5)) if (busy > SLOW) find(`/health took ${Math.round(took)} ms, of which the gateway was at work for ${Math.round(busy)} (${at})`)
const most = Math.max(0, ...memory)
if (most > MOST_MEMORY) find(`the process had ${Math.round(most / 1024)} MB`)

const spread = (list: number[]): string => {
  const sorted = list.toSorted((a, b) => a - b)
  return `median ${Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0)} ms, p99 ${Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0)} ms, most ${Math.round(sorted.at(-1) ?? 0)} ms`
}
console.log(`seed ${seed}: ${Math.round((Date.now() - began) / 1000)} s, ${next} cases: ${counts.client} of clients, ${counts.upstream} of the provider (which was asked ${provider.calls()} times); ${counts.judged} files of keys judged, ${counts.keys} put in place`)
console.log(`replies: ${[...statuses].sort(([a], [b]) => a.localeCompare(b)).map(([name, count]) => `${name}: ${count}`).join(', ')}`)
console.log(`/health: ${spread(health.answers.map(({ took }) => took))}; the gateway at work meanwhile: ${spread(health.answers.map(({ busy }) => busy))}`)
console.log(`memory: ${memory.filter((_, i) => i % Math.max(1, Math.floor(memory.length / 12)) === 0).map((kb) => Math.round(kb / 1024)).join(' ')}, at most ${Math.round(most / 1024)} MB; rows ${rows}, open ${open}`)
console.log(finds.length === 0 ? 'ok' : `FAILED: ${finds.length} finds`)
if (only === undefined || finds.length === 0) rmSync(folder, { recursive: true, force: true })
process.exit(finds.length === 0 ? 0 : 1)
