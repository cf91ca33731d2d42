/** `npm run bench`: what the gateway costs beside others. docs/benchmarks.md says how it measures. */
import '../runtime.ts'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkTools, commit, machine } from './machine.ts'
import { readOptions, USAGE, type Options } from './options.ts'
import { publish } from './publish.ts'
import { BUSY, number, report } from './report.ts'
import type { Run } from './results.ts'
import { measure } from './rounds.ts'
import { coldStart, promptPauses, reloadPauses } from './scenarios/process.ts'
import type { Scenario, Surroundings } from './scenarios/scenario.ts'
import { flatOut, held, paced, slowReader } from './scenarios/streams.ts'
import { prompts, rate, whole } from './scenarios/whole.ts'
import { smokeFaults } from './smoke.ts'
import { direct } from './targets/direct.ts'
import { nginx } from './targets/nginx.ts'
import { BARE, gateway, type Variant } from './targets/ours.ts'
import { portkey } from './targets/portkey.ts'
import type { Target } from './targets/target.ts'

function scenariosFor ({ smoke, rows, nodeOptions }: Pick<Options, 'smoke' | 'rows' | 'nodeOptions'>): Scenario[] {
  const ours = (variant: Variant = {}): Target => gateway({ ...variant, nodeOptions })
  const all = [direct, nginx, ours(), portkey]
  const [manyKeys, mostKeys] = smoke ? [100, 1000] : [10_000, 100_000]
  return [
    whole('whole', 'Whole replies of 1 KB, 64 connections, saturated', all),
    rate('rate500', 500, all),
    rate('rate3000', 3000, all),
    paced('paced', 1000, all),
    flatOut('flat', '64 streams without a pause', 64, all),
    flatOut('translated', 'The same, Messages from the provider to Chat Completions for the client', 64, [ours(), ours({ name: 'ours, translated', translated: true })]),
    held('held', 2000, [nginx, ours(), portkey]),
    prompts('prompts', 'Whole replies to prompts of 1 MB, 4 connections, saturated', all),
    promptPauses('pauses', [ours({ monitored: true })]),
    slowReader('slow', 100, [nginx, ours(), portkey]),
    coldStart('start', [nginx, ours(), portkey]),
    whole('features', 'As `whole`, with all features and as a bare relay', [ours(), ours({ name: 'ours, bare', env: BARE })]),
    whole('bodies', 'As `whole`, with bodies recorded', [ours(), ours({ name: 'ours, full', env: { LOG_BODIES: 'full' } })]),
    whole('keys', 'As `whole`, with many virtual keys', [ours(), ours({ name: 'ours, 100,000 keys', keys: mostKeys })]),
    whole('rows', `As \`whole\`, with ${rows.toLocaleString('en')} rows in the ledger`, [ours(), ours({ name: 'ours, full ledger', rows })]),
    reloadPauses('reload', [ours({ name: 'ours, 10,000 keys', keys: manyKeys, monitored: true }), ours({ name: 'ours, 100,000 keys', keys: mostKeys, monitored: true })])
  ]
}

/** @returns the provider's port and process, once it listens */
async function startProvider (): Promise<Surroundings['provider']> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'provider.ts')], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const [port] = await Promise.race([once(child.stdout!, 'data'), once(child, 'exit').then(() => { throw new Error('the provider ended') })])
  return { port: Number(port), pid: child.pid! }
}

async function main (options: Options): Promise<number> {
  const { only, rounds, seconds, smoke } = options
  checkTools()
  const provider = await startProvider()
  const scenarios = scenariosFor(options).filter(({ name }) => only.includes(name))
  const run: Run = {
    machine: machine(),
    date: new Date().toISOString().slice(0, 10),
    ...commit(),
    rounds,
    seconds,
    smoke,
    scenarios: scenarios.map(({ name, title, unit, targets }) => ({ name, title, unit, targets: targets.map((target) => target.name) })),
    results: [],
    skipped: []
  }
  for (const scenario of scenarios) {
    console.error(`${scenario.name}: ${scenario.title}`)
    const { results, skipped } = await measure(scenario, rounds, { seconds, smoke, provider }, {
      say: (text) => console.error(text),
      settled ({ target, round, figures, faults, others }) {
        const said = Object.entries(figures).map(([name, value]) => `${name} ${number(value)}`)
        console.error(`  ${round + 1}/${rounds} ${target.padEnd(18)} ${[...said, ...faults].join(', ')}${others > BUSY ? ` (others: ${number(others)} cores)` : ''}`)
      }
    })
    run.results.push(...results)
    run.skipped.push(...skipped)
  }
  console.log(report(run))

  const folder = join(import.meta.dirname, 'results')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${new Date().toISOString().replaceAll(':', '-')}.json`), JSON.stringify(run, null, 2))
  if (options.publish) publish(run)

  const faults = smoke ? smokeFaults(run) : []
  for (const fault of faults) console.error(`FAILED: ${fault}`)
  return faults.length === 0 ? 0 : 1
}

function optionsOrExit (): Options {
  try {
    return readOptions(process.argv.slice(2), scenariosFor({ smoke: false, rows: 0, nodeOptions: '' }).map(({ name }) => name))
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    process.exit(2)
  }
}

process.exit(await main(optionsOrExit()).catch((error: Error) => {
  console.error(`bench: ${error.message}`)
  return 1
}))
