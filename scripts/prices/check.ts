/**
 * Holds our arithmetic against that of the package the catalogue is frozen from: every model it prices, random usages at
 * random moments. Corrected models differ on purpose and are listed.
 *
 *     npx node scripts/prices/check.ts /tmp/prices [SEED]
 */
import type { Usage } from '../../providers/dialects/events.ts'
import { builtinCatalogue } from '../../plugins/prices/catalogue.ts'
import { PriceList } from '../../plugins/prices/list.ts'
import { matcher } from '../../plugins/prices/match.ts'
import { costOf, promptTokens } from '../../plugins/prices/rates.ts'
import { corrections } from './corrections.ts'
import { taken } from './providers.ts'
import { loadSource, type Match } from './source.ts'

const USAGES_A_MODEL = 8
/** Nano-dollars: we round once to whole ones, and rates finer than a nano-dollar per million tokens are cut to it. */
const ROUNDING = 2

const [folder, seed = '1'] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: check.ts FOLDER [SEED]')
const source = await loadSource(folder)
const prices = new PriceList(builtinCatalogue(), Object.keys(taken).map((name) => ({ name, prices: name })))
const corrected: string[] = []
let usages = 0
let models = 0
let unpriced = 0
let state = Number(seed)
let largest = 0
const differences: string[] = []

for (const [provider, { source: providerId }] of Object.entries(taken)) {
  const entries = corrections[provider] ?? []
  const replaced = matcher(entries.flatMap(({ id, match = [id] }) => match))
  for (const { id, match } of source.providers.find((candidate) => candidate.id === providerId)?.models ?? []) {
    if (replaced(id)) corrected.push(`${provider}/${id}`)
    else for (const name of namesOf(match)) compare(provider, providerId, id, name)
  }
}

console.log(`${models} names of models, ${usages} usages: ${differences.length} differ, the largest difference is ${largest} nano-dollars`)
console.log(`${unpriced} names without a price here; corrected, so not compared: ${corrected.join(', ')}`)
for (const difference of differences.slice(0, 20)) console.log(difference)
process.exitCode = differences.length === 0 && usages >= 2000 ? 0 : 1

function compare (provider: string, providerId: string, id: string, name: string): void {
  const entry = prices.entry(provider, name)
  if (entry?.model.unpriced !== undefined) return void unpriced++
  models++
  for (let count = 0; count < USAGES_A_MODEL; count++) {
    usages++
    const usage = randomUsage()
    const time = Date.UTC(2025, 0, 1) + Math.floor(random() * 3 * 365 * 86_400_000)
    const theirs = source.calcPrice(theirUsage(usage), name, { providerId, timestamp: new Date(time) })
    const found = prices.find(provider, name)
    const ours = found && costOf(found.at(time, promptTokens(usage)), usage)
    const difference = Math.abs((ours ?? NaN) - (theirs?.total_price ?? NaN) * 1e9)
    const noise = ROUNDING + (ours ?? 0) * 1e-13
    if (difference <= noise && theirs?.model.id === found?.model) largest = Math.max(largest, difference)
    else differences.push(`${provider}/${name} (${id}): ours ${found?.model} ${ours}, theirs ${theirs?.model.id} ${theirs?.total_price}, ${JSON.stringify(usage)} at ${new Date(time).toISOString()}`)
  }
}

/** The literal names a rule takes, and one made up for each open one. */
function namesOf (match: Match): string[] {
  if ('or' in match) return match.or.flatMap(namesOf)
  if ('and' in match) return match.and.flatMap(namesOf)
  if ('equals' in match) return [match.equals]
  if ('starts_with' in match) return [match.starts_with, `${match.starts_with}x`]
  if ('ends_with' in match) return [`x${match.ends_with}`]
  if ('contains' in match) return [`x${match.contains}x`]
  return match.regex.includes('(') ? [] : [match.regex.replace(/^\^|\$$/g, '').replaceAll(/\\d\{(\d)\}/g, (_, digits: string) => '20261231'.slice(0, Number(digits))).replaceAll('\\d', '7').replaceAll('\\', '')]
}

/** Prompts on both sides of every tier. */
function randomUsage (): Usage {
  const size = 10 ** (random() * 6)
  const part = (): number => random() < 0.4 ? 0 : Math.floor(random() * size)
  return { input: part(), cacheRead: part(), cacheWrite5m: part(), cacheWrite1h: part(), output: part(), reasoning: part(), audioInput: part(), audioOutput: part() }
}

/** The package counts parts inside of wholes. */
function theirUsage (usage: Usage): Record<string, number> {
  const { cacheRead = 0, cacheWrite5m = 0, cacheWrite1h = 0, output = 0, reasoning = 0, audioInput = 0, audioOutput = 0 } = usage
  return {
    input_tokens: promptTokens(usage),
    cache_read_tokens: cacheRead,
    cache_write_tokens: cacheWrite5m + cacheWrite1h,
    cache_write_1h_tokens: cacheWrite1h,
    input_audio_tokens: audioInput,
    cache_audio_read_tokens: 0,
    output_tokens: output + reasoning + audioOutput,
    output_reasoning_tokens: reasoning,
    output_audio_tokens: audioOutput
  }
}

/** Mulberry32, so that a run can be repeated. */
function random (): number {
  state = (state + 0x6d2b79f5) | 0
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
}
