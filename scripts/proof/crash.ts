/**
 * The ledger against the provider's own books: mixed calls (whole, streamed, cancelled at random points, faults of the
 * provider's) while the gateway is killed with `kill -9` again and again.
 *
 *     node scripts/proof/crash.ts [CALLS] [KILLS] [SEED]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as wait } from 'node:timers/promises'
import { startGateway, type Gateway } from './gateway.ts'
import { costOf, startBilling } from './provider.ts'
import { randomFrom } from './random.ts'

const [calls = 10_000, kills = 20, seed = 1] = process.argv.slice(2).map(Number)
const random = randomFrom(seed)
const KINDS = ['whole', 'whole', 'stream', 'stream', 'cancel', 'fault', 'refuse', 'break']
const WORKERS = 48
const KEYS = {
  virtual_keys: {
    vk_plain_0123456789ab: { provider: 'openai', api_key: 'sk-real-0123456789abcdef', name: 'plain' },
    vk_budget_0123456789ab: { provider: 'openai', api_key: 'sk-real-0123456789abcdef', name: 'budget', budget: { usd: 100_000, per: 'total' } },
    vk_drain_0123456789ab: { provider: 'openai', api_key: 'sk-real-0123456789abcdef', name: 'drain', on_disconnect: 'drain' }
  }
}

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-proof-'))
const provider = await startBilling()
const env = { OPENAI_BASE_URL: provider.url, MAX_REQUESTS_PER_HOUR: 'unlimited', DATA_DIR: join(folder, 'data') }
let gateway: Gateway | undefined = await startGateway(folder, KEYS, env)
/** Calls whose reply reached its client whole. */
const answered = new Set<string>()
let count = 0

async function call (): Promise<void> {
  const kind = KINDS[random(KINDS.length)] ?? 'whole'
  const [key = ''] = Object.keys(KEYS.virtual_keys).slice(random(3))
  const id = `call-${++count}`
  const leaving = new AbortController()
  const stream = kind === 'stream' || kind === 'cancel' || kind === 'break'
  const at = gateway
  if (at === undefined) return void await wait(20)
  if (kind === 'cancel') setTimeout(() => leaving.abort(), random(60))
  try {
    const reply = await fetch(`${at.url}/v1/chat/completions`, {
      method: 'POST',
      signal: leaving.signal,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, 'x-request-id': id },
      body: JSON.stringify({ model: 'gpt-5.4-mini', stream, max_completion_tokens: 200, user: id, metadata: { kind, input: String(1 + random(40)), output: String(1 + random(120)) }, messages: [{ role: 'user', content: 'Count the calls.' }] })
    })
    const text = await reply.text()
    if (reply.status === 200 && kind !== 'break' && (!stream || text.includes('[DONE]'))) answered.add(id)
  } catch {
    await wait(1)
  }
}

async function work (): Promise<void> {
  while (provider.calls.size < calls) await call()
}

async function slaughter (): Promise<void> {
  for (let i = 0; i < kills; i++) {
    const due = Math.round(calls / kills * (i + random(1000) / 1000))
    while (provider.calls.size < due) await wait(5)
    const dying = gateway
    gateway = undefined
    await dying?.kill('SIGKILL')
    gateway = await startGateway(folder, KEYS, env)
  }
}

const started = performance.now()
await Promise.all([slaughter(), ...Array.from({ length: WORKERS }, work)])
await wait(1500)
await gateway?.kill('SIGTERM')

const db = new DatabaseSync(join(folder, 'data', 'gateway.db'), { readOnly: true })
interface Row { request_id: string, key_name: string, outcome: string | null, cost: number | null, hold: number, usage_source: string | null, requests: number }
const rows = db.prepare('SELECT request_id, key_name, outcome, cost, hold, usage_source, requests FROM requests').all() as unknown as Row[]
const byId = Map.groupBy(rows, (row) => row.request_id)
const seen = [...provider.calls.values()]

const doubled = [...byId.values()].filter((group) => group.length > 1).length
const missing = seen.filter(({ id }) => !byId.has(id)).length
const unsent = rows.filter(({ request_id: id }) => !provider.calls.has(id))
const open = rows.filter(({ outcome }) => outcome === null).length
const done = rows.filter(({ outcome }) => outcome === 'done')
const billed = (id: string): number => costOf(provider.calls.get(id) ?? { input: 0, output: 0 })
const doneCost = done.reduce((sum, { cost }) => sum + (cost ?? 0), 0)
const doneBill = done.reduce((sum, { request_id: id }) => sum + billed(id), 0)
const lost = [...answered].filter((id) => byId.get(id)?.[0]?.outcome !== 'done')
const sums = db.prepare("SELECT sum(calls) AS calls, sum(cost) AS cost FROM sums WHERE owner NOT LIKE 'group:%'").get() as { calls: number, cost: number }
const rowsCost = rows.reduce((sum, { cost }) => sum + (cost ?? 0), 0)

console.log(`seed ${seed}: ${seen.length} calls reached the provider, ${kills} kills, ${Math.round((performance.now() - started) / 1000)} s`)
console.log(`rows ${rows.length}; calls without a row ${missing}; rows twice ${doubled}; rows whose call never went out ${unsent.length} (${[...new Set(unsent.map(({ outcome }) => outcome))].join(', ')}); rows still open ${open}`)
console.log(`finished calls: ${done.length} rows cost ${doneCost} nano-dollars, the provider bills ${doneBill}: difference ${doneCost - doneBill}`)
console.log(`answered whole to the client and not done in the ledger: ${lost.length} (killed before the row was closed; ${lost.filter((id) => byId.get(id)?.[0]?.outcome === 'interrupted').length} of them interrupted)`)
console.log(`sums: ${sums.calls} calls, ${sums.cost} nano-dollars; rows ${rows.length}, ${rowsCost}`)
for (const [name, group] of Map.groupBy(rows.filter(({ outcome }) => outcome !== 'done'), ({ key_name: key, outcome }) => `${key} ${outcome}`)) {
  const cost = group.reduce((sum, row) => sum + (row.cost ?? 0), 0)
  const bill = group.reduce((sum, { request_id: id }) => sum + billed(id), 0)
  console.log(`  ${name.padEnd(24)} ${String(group.length).padStart(5)} rows, cost ${cost}, generated at the provider ${bill}, ${[...Map.groupBy(group, ({ usage_source: source }) => source)].map(([source, { length }]) => `${source} ${length}`).join(', ')}`)
}
const interrupted = rows.filter(({ outcome, key_name: key }) => outcome === 'interrupted' && key === 'budget')
const below = interrupted.filter(({ request_id: id, cost }) => (cost ?? 0) < billed(id)).length
console.log(`interrupted rows of the key with a budget: ${interrupted.length}, charged below what the provider generated: ${below}`)
db.close()
provider.close()
rmSync(folder, { recursive: true, force: true })
const failed = missing + doubled + open + below + Number(doneCost !== doneBill) + Number(sums.calls !== rows.length) + Number(sums.cost !== rowsCost)
console.log(failed === 0 ? 'ok' : 'FAILED')
process.exitCode = failed === 0 ? 0 : 1
