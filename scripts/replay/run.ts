/**
 * Runs the vendors' own SDKs, for JavaScript and for Python, through a real gateway process to a provider that replays
 * recorded exchanges, and compares what each SDK reads with what it reads straight from the provider.
 *
 *     node scripts/replay/run.ts FOLDER [--python PATH] [--only NAME] [--list 5]
 *
 * The folder holds an `index.json` that lists the recordings. `--python` names a Python that has the packages `openai`
 * and `anthropic`; without it only JavaScript runs. `--only` runs the rows whose name contains the text. `--list` is
 * how many differences of a kind are shown. Exit code 1 where anything differs that should not; rows in parentheses
 * are only reported.
 */
import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { casesOf, type Case } from './cases.ts'
import { exemption } from './compare.ts'
import { startGateway } from './gateway.ts'
import type { Job, Outcome } from './job.ts'
import { startProvider } from './provider.ts'
import { isOne, readRecordings } from './recordings.ts'
import { Report } from './report.ts'
import { work } from './work.ts'

const { values: options, positionals: [folder] } = parseArgs({
  allowPositionals: true,
  options: { python: { type: 'string' }, only: { type: 'string', default: '' }, list: { type: 'string', default: '5' } }
})
if (folder === undefined) throw new Error('name the folder of the recordings')

const clients = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const languages = [{ language: 'JavaScript', command: process.execPath, file: clients('clients.ts') }]
if (options.python !== undefined) languages.push({ language: 'Python', command: options.python, file: clients('clients.py') })

const recordings = readRecordings(folder, ['openai-chat', 'openai-responses', 'anthropic-messages']).filter(isOne)
const realKey = `sk-real-${randomBytes(24).toString('base64url')}`
const provider = await startProvider(recordings, realKey)
const gateway = await startGateway(provider.url, realKey)
const report = new Report(Number(options.list))

try {
  const cases = casesOf(recordings, { providerUrl: provider.url, gatewayUrl: gateway.url, realKey, virtualKeys: gateway.virtualKeys })
    .filter(({ name }) => name.includes(options.only))
  // Many cases ask the provider straight for the same.
  const jobs = new Map<string, Job>(cases.flatMap(({ straight, through }) => [straight, through]).map((job) => [JSON.stringify(job), job]))
  for (const { language, command, file } of languages) {
    const started = performance.now()
    const outcomes = await work(command, [file], jobs)
    const outcomeOf = (job: Job): Outcome => outcomes.get(JSON.stringify(job)) ?? { error: { message: 'no outcome' } }
    for (const one of cases) judge(language, one, outcomeOf(one.straight), outcomeOf(one.through))
    report.note(`${language}: ${jobs.size} requests in ${((performance.now() - started) / 1000).toFixed(1)} s`)
  }
} finally {
  await gateway.close()
  await provider.close()
}

report.note(`replies cut at ${provider.cuts.all} places, ${provider.cuts.inCharacters} of them inside a character`)
for (const line of gateway.failures) report.note(`the gateway said: ${line}`)
report.print()
process.exitCode = report.failed ? 1 : 0

function judge (language: string, { name, id, compare, refusable }: Case, expected: Outcome, got: Outcome): void {
  if (refusable === true && got.error?.status === 400 && expected.error?.status !== 400) {
    report.count(language, `${name}, refused by name`, id, undefined)
    report.reason(language, `${name}: ${got.error.said}`)
    return
  }
  const exempt = exemption(expected)
  const difference = exempt === undefined ? compare(expected, got) : exempt.fault(got)
  const row = exempt === undefined ? name : `${name}; ${exempt.name}`
  report.count(language, exempt?.reportOnly === true ? `(${row})` : row, id, difference)
}
