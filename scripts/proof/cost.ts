/**
 * What the ledger and limits cost in CPU: gateways that differ in these alone, side by side, each at full load in its turn,
 * round after round.
 *
 *     node scripts/proof/cost.ts [ROUNDS] [SECONDS]
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { REAL_KEY, VIRTUAL_KEY } from '../../bench/keys.ts'
import { measure } from '../../bench/rounds.ts'
import { whole } from '../../bench/scenarios/whole.ts'
import { median } from '../../bench/statistics.ts'
import { freePort, makeFolder, run, type Target } from '../../bench/targets/target.ts'
import { startRedis, withoutRedis } from '../../test/redis.ts'

const [rounds = 5, seconds = 4] = process.argv.slice(2).map(Number)
const SERVER = fileURLToPath(new URL('../../server.ts', import.meta.url))
const PROVIDER = fileURLToPath(new URL('../../bench/provider.ts', import.meta.url))

const UNLIMITED = { max_requests_per_hour: 'unlimited' }
const REQUESTS = { max_requests_per_hour: 1_000_000_000 }
const TOKENS = 1_000_000_000_000
const ALL = {
  requests_per_minute: 1_000_000_000,
  tokens_per_minute: TOKENS,
  tokens_per_day: TOKENS,
  max_parallel_requests: 10_000,
  budget: [{ usd: 900_000, per: 'day' }, { usd: 1_000_000, per: 'total' }],
  groups: ['team']
}

/** No folder can be made there, so there is no ledger. */
const NO_LEDGER = { DATA_DIR: '/dev/null' }

function variant (name: string, limits: object, env: Record<string, string> = {}): Target {
  return {
    name,
    async start (provider) {
      const folder = makeFolder()
      writeFileSync(join(folder, 'keys.json'), JSON.stringify({
        groups: { team: { requests_per_minute: 1_000_000_000 } },
        virtual_keys: { [VIRTUAL_KEY]: { provider: 'openai', api_key: REAL_KEY, ...limits } }
      }), { mode: 0o600 })
      const port = await freePort()
      return await run({
        name,
        command: process.execPath,
        args: [SERVER],
        env: {
          NODE_ENV: 'production',
          KEYS_FILE: join(folder, 'keys.json'),
          GATEWAY_PORT: String(port),
          DATA_DIR: join(folder, 'data'),
          OPENAI_BASE_URL: `http://127.0.0.1:${provider}/v1`,
          LOG_BODIES: 'off',
          LOG_LEVEL: 'silent',
          ...env
        },
        folder,
        port,
        headers: { authorization: `Bearer ${VIRTUAL_KEY}` }
      })
    }
  }
}

const cleaners: Array<() => unknown> = []
const redis = withoutRedis === false ? await startRedis({ teardown: (fn) => cleaners.push(fn) }) : undefined
const targets = [
  variant('(a) neither ledger nor limits', UNLIMITED, NO_LEDGER),
  variant('(b) ledger, no limits', UNLIMITED),
  variant('(c) ledger, a limit on requests', REQUESTS),
  variant('(d) ledger, all limits', { ...UNLIMITED, ...ALL }),
  ...redis === undefined ? [] : [variant('(e) as (d), limits in Redis', { ...UNLIMITED, ...ALL }, { REDIS_URL: redis.url })]
]

const child = spawn(process.execPath, [PROVIDER], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
const [port] = await once(child.stdout!, 'data') as [Buffer]
const scenario = whole('cost', 'Whole replies, 64 connections, saturated', targets)
console.log(`${scenario.title}; ${rounds} rounds of ${seconds} s each, after one that does not count; load of the machine ${loadavg()[0]?.toFixed(1)}`)
const { results, skipped } = await measure(scenario, 1 + rounds, { seconds, smoke: false, provider: { port: Number(port), pid: child.pid! } }, {
  say: console.log,
  settled ({ target, round, figures: { cpu = NaN, rate = NaN }, faults, others }) {
    console.log(`  ${round === 0 ? 'warm-up' : `round ${round}`}  ${target.padEnd(34)} ${cpu.toFixed(1).padStart(7)} µs  ${rate.toFixed(0).padStart(6)}/s  others ${others.toFixed(1)} cores  ${faults.join(', ')}`)
  }
})
child.disconnect()
for (const clean of cleaners) await clean()

/** By round, since what else the machine does in it is the same for all. */
const cpuOf = (target: Target): number[] => results.filter(({ target: name, round }) => name === target.name && round > 0).toSorted((a, b) => a.round - b.round).map(({ figures: { cpu = NaN } }) => cpu)
const [off = []] = targets.map(cpuOf)
console.log(`\n${'CPU of the gateway, medians of the rounds'.padEnd(44)} µs a request   more than (a)   than the one before`)
for (const [i, target] of targets.entries()) {
  const own = cpuOf(target)
  const before = i === 0 ? own : cpuOf(targets[i - 1] ?? target)
  const more = (than: number[]): string => median(own.map((cpu, round) => cpu - (than[round] ?? NaN))).toFixed(1).padStart(15)
  console.log(`${target.name.padEnd(44)} ${median(own).toFixed(1).padStart(12)} ${more(off)} ${more(before).padStart(21)}`)
}
console.log(`load of the machine ${loadavg()[0]?.toFixed(1)}`)
const faults = results.filter((result) => result.faults.length > 0)
for (const { target, reason } of skipped) console.log(`FAILED: ${target}: ${reason}`)
console.log(faults.length === 0 && skipped.length === 0 ? 'ok' : `FAILED: ${faults.length} measurements with faults`)
process.exitCode = faults.length === 0 && skipped.length === 0 ? 0 : 1
