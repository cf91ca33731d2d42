/** `llm-gateway rerate --since TIME`: reckons again what requests cost, with the prices in force now. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runCommand, WrongUsage } from '../command.ts'
import { readSettings } from '../config/index.ts'
import { InUse, openDatabase, type Opened } from '../database/open.ts'
import { parseMoment } from '../moment.ts'
import { formatDollars } from '../money.ts'
import { readPrices } from '../prices/read.ts'
import { rerate, type Rerated } from './rerate.ts'

const USAGE = 'usage: llm-gateway rerate --since TIME [--until TIME] [--dry-run]'

await runCommand('rerate', async (args) => {
  const { values: { since, until, 'dry-run': dryRun = false } } = parseArgs({
    args,
    options: { since: { type: 'string' }, until: { type: 'string' }, 'dry-run': { type: 'boolean' } }
  })
  if (since === undefined) throw new WrongUsage(USAGE)
  const [from, to] = [momentOf('--since', since), until === undefined ? Number.MAX_SAFE_INTEGER : momentOf('--until', until)]
  const { dataDir, pricesFile } = readSettings(process.env)
  const { prices } = await readPrices(process.env, pricesFile)
  if (!existsSync(join(dataDir, 'gateway.db'))) throw new Error(`DATA_DIR ${JSON.stringify(dataDir)} has no ledger`)
  // The lock that a running gateway holds is what ends this: its sums would not know of ours. Rows that go on to a common
  // database are sent again by the gateway when it starts, since their cost was written.
  const opened = open(dataDir)
  try {
    tell(rerate(opened.db, prices, { since: from, until: to, dryRun }), prices.version, dryRun)
  } finally {
    opened.close()
  }
})

function open (dir: string): Opened {
  try {
    return openDatabase(dir)
  } catch (error) {
    // Another folder, as a second gateway may take, would have nothing to re-rate.
    if (error instanceof InUse) throw new Error(`${error.finding}: stop that one, then run rerate again`)
    throw error
  }
}

function momentOf (option: string, text: string): number {
  const time = parseMoment(text)
  if (time === undefined) throw new WrongUsage(`${option} must be a date, which begins in UTC, or a date and time with its zone, such as 2027-01-31T23:59:59Z`)
  return time
}

function tell ({ rows, changed, priced, unknown, before, after }: Rerated, version: string, dryRun: boolean): void {
  const difference = after - before
  console.log([
    `${rows} requests with usage, by prices ${version}${dryRun ? ' (a dry run: nothing is changed)' : ''}`,
    `${changed} ${dryRun ? 'would change' : 'changed'}, ${priced} of which had no price before`,
    ...unknown === 0 ? [] : [`${unknown} have no known price now, and keep what they have`],
    `$${formatDollars(before)} before, $${formatDollars(after)} after: ${difference < 0 ? '-' : '+'}$${formatDollars(Math.abs(difference))}`
  ].join('\n'))
}
