/**
 * Has client libraries that are no dependencies of the project talk through a gateway, each in its own dialect, to the
 * simulator in every dialect:
 *
 *     npm install --prefix FOLDER ai @ai-sdk/openai @ai-sdk/anthropic @ai-sdk/deepseek @ai-sdk/openai-compatible zod \
 *       openai @anthropic-ai/sdk @langchain/core @langchain/openai @langchain/anthropic @openai/agents
 *     npx node scripts/clients/run.mjs FOLDER
 *
 * Each says a text, whole and streamed, calls a tool and goes on with its result, and is refused: by an unknown key,
 * by a used-up quota. Prints a row a client, a column a provider's dialect.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import Fastify from 'fastify'
import { gateway } from '../../app.ts'
import { startSimulator } from '../../providers/simulator/server.ts'
import { agents } from './agents.mjs'
import { langchain } from './langchain.mjs'
import { vendors } from './vendors.mjs'
import { vercel } from './vercel.mjs'

const DIALECTS = ['openai-chat', 'openai-responses', 'anthropic-messages']
const CHECKS = ['text', 'stream', 'tools', 'unknown key', 'quota']

const [folder = ''] = process.argv.slice(2)
const require = createRequire(join(resolve(folder), 'package.json'))
/** A package of the folder's. */
const load = (name) => import(pathToFileURL(require.resolve(name)).href)

const simulator = await startSimulator({ pace: 0 })
const home = mkdtempSync(join(tmpdir(), 'llm-gateway-clients-'))
const key = (dialect, limit) => ({ provider: 'simulator', api_key: 'sim-key', upstream_dialects: [dialect], max_requests_per_hour: limit })
const keys = DIALECTS.flatMap((dialect) => [[`vk_${dialect}_0123456789`, key(dialect, 'unlimited')], [`vk_${dialect}_used_up`, key(dialect, 0)]])
writeFileSync(join(home, 'keys.json'), JSON.stringify({ virtual_keys: Object.fromEntries(keys) }), { mode: 0o600 })
const app = Fastify()
await app.register(gateway, {
  env: { KEYS_FILE: join(home, 'keys.json'), LOG_DIR: join(home, 'logs'), DATA_DIR: join(home, 'data'), PROVIDERS: 'simulator', SIMULATOR_BASE_URL: simulator.url }
})
const url = await app.listen({ host: '127.0.0.1', port: 0 })

let faults = 0
for (const { name, open } of [...await vendors(load), ...await vercel(load), ...await langchain(load), ...await agents(load)]) {
  const cells = []
  for (const dialect of DIALECTS) cells.push(await judge(open, dialect))
  console.log(`| ${name} | ${cells.join(' | ')} |`)
}
await app.close()
await simulator.close()
rmSync(home, { recursive: true, force: true })
process.exit(faults === 0 ? 0 : 1)

/** What of a client works with a provider that speaks the dialect. */
async function judge (open, dialect) {
  const failed = []
  for (const check of CHECKS) {
    const virtualKey = check === 'unknown key' ? 'vk_nobody' : check === 'quota' ? `vk_${dialect}_used_up` : `vk_${dialect}_0123456789`
    const client = open(url, virtualKey)
    try {
      if (check === 'text') expect(await client.text('Who are you?'), /I am sim-small/)
      else if (check === 'stream') expect(await client.stream('Größe 🐘'), /You said: “Größe 🐘”/)
      else if (check === 'tools') expect(await client.tools('What is the weather?'), /The tool get_weather says: “.*sun in city/)
      else expect(String(await client.text('Hello').then(() => 'no error', statusOf)), check === 'quota' ? /^429$/ : /^401$/)
    } catch (error) {
      faults++
      failed.push(`${check}: ${String(error?.message ?? error).slice(0, 160)}`)
    }
  }
  return failed.length === 0 ? 'all' : failed.join('; ')
}

/** The status that a client's error tells, wherever it keeps it. */
function statusOf (error) {
  return error?.status ?? error?.statusCode ?? error?.lastError?.statusCode ?? error?.cause?.status ?? error?.message
}

function expect (text, pattern) {
  if (!pattern.test(text)) throw new Error(`got ${JSON.stringify(text)}`)
}
