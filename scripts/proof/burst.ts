/**
 * A burst against a budget: 1,000 simultaneous requests where there is money for exactly K, with one gateway, or with
 * several on one Redis.
 *
 *     node scripts/proof/burst.ts [GATEWAYS] [RUNS] [REQUESTS]
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Agent, request } from 'undici'
import { startRedis } from '../../test/redis.ts'
import { startGateway, type Gateway } from './gateway.ts'
import { costOf, startBilling } from './provider.ts'
import { randomFrom } from './random.ts'

const [gateways = 1, runs = 20, requests = 1000] = process.argv.slice(2).map(Number)
/** What the gateway allows for the tokens that a provider puts around a conversation (docs/limits.md). */
const ALLOWANCE = 512

const folder = mkdtempSync(join(tmpdir(), 'llm-gateway-burst-'))
const provider = await startBilling()
const cleaners: Array<() => unknown> = []
const redis = gateways > 1 ? await startRedis({ teardown: (fn) => cleaners.push(fn) }) : undefined
const agent = new Agent({ connections: requests, pipelining: 1 })

let failed = 0
for (let run = 1; run <= runs; run++) await burst(run)
provider.close()
await agent.close()
for (const clean of cleaners) await clean()
rmSync(folder, { recursive: true, force: true })
console.log(failed === 0 ? 'ok' : `FAILED in ${failed} runs`)
process.exitCode = failed === 0 ? 0 : 1

async function burst (seed: number): Promise<void> {
  const random = randomFrom(seed)
  const affordable = 1 + random(200)
  const output = 1 + random(50)
  const body = (id: number, input: number): string => JSON.stringify({
    model: 'gpt-5.4-mini',
    max_completion_tokens: output,
    user: `run${String(seed).padStart(3, '0')}-${String(id).padStart(5, '0')}`,
    metadata: { kind: 'whole', input: String(input).padStart(6, '0'), output: String(output) },
    messages: [{ role: 'user', content: 'x'.repeat(40) }]
  })
  const input = body(0, 0).length + ALLOWANCE
  const cost = costOf({ input, output })
  const limit = affordable * cost
  const token = `vk_burst_${seed}_0123456789ab`
  const keys = { virtual_keys: { [token]: { provider: 'openai', api_key: 'sk-real-0123456789abcdef', budget: { usd: limit / 1e9, per: 'total' } } } }
  const fleet: Gateway[] = await Promise.all(Array.from({ length: gateways }, (_, i) => {
    const own = join(folder, `${seed}-${i}`)
    mkdirSync(own)
    return startGateway(own, keys, {
      OPENAI_BASE_URL: provider.url,
      MAX_REQUESTS_PER_HOUR: 'unlimited',
      REPLICAS: String(gateways),
      ...redis !== undefined && { REDIS_URL: redis.url }
    })
  }))
  const before = provider.calls.size
  const replies = await Promise.all(Array.from({ length: requests }, async (_, i) => {
    const { statusCode, body: reply } = await request(`${fleet[i % gateways]?.url}/v1/chat/completions`, {
      method: 'POST', dispatcher: agent, headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body: body(i, input)
    })
    return { status: statusCode, text: await reply.text() }
  }))
  const upstream = provider.calls.size - before
  const passed = replies.filter(({ status }) => status === 200).length
  const refused = replies.filter(({ status, text }) => status === 429 && text.includes('insufficient_quota')).length
  const spent = upstream * cost
  // What `/usage` calls used is spent and held together: more than was spent is a hold left.
  await wait(300)
  const usage = await request(`${fleet[0]?.url}/usage`, { dispatcher: agent, headers: { authorization: `Bearer ${token}` } })
  const held = heldIn(await usage.body.json(), spent)
  await Promise.all(fleet.map((gateway) => gateway.kill('SIGKILL')))
  // Redis did not answer in time, and a budget is not guessed at: neither let through nor called empty.
  const undecided = replies.filter(({ status, text }) => status === 503 && text.includes('limits_unavailable')).length
  const other = requests - passed - refused - undecided
  const good = upstream === affordable && passed === affordable && other === 0 && held === 0
  if (!good) failed++
  console.log(`seed ${String(seed).padStart(2)}: ${gateways} gateway(s), ${requests} at once, money for ${affordable}: ${upstream} upstream, overspend ${Math.max(0, spent - limit)}, ` +
    `false refusals ${Math.max(0, affordable - passed)}, utilisation ${(spent / limit * 100).toFixed(1)} %, held after it ${held}, 503 limits_unavailable ${undecided}, other replies ${other}`)
}

function heldIn (usage: unknown, spent: number): number {
  const { limits = [] } = usage as { limits?: Array<{ unit: string, used: number }> }
  const money = limits.find(({ unit }) => unit === 'money')
  return money === undefined ? NaN : money.used - spent
}
