import { parseArgs } from 'node:util'

export interface Options {
  /** Names of scenarios. */
  only: string[]
  rounds: number
  seconds: number
  smoke: boolean
  publish: boolean
  /** Options of Node for our own process. */
  nodeOptions: string
  /** In the ledger of the scenario `rows`. */
  rows: number
}

export const USAGE = `npm run bench -- [options]

  --only a,b     these scenarios (default: all)
  --rounds N     how often each target has its turn (default: 3)
  --seconds N    how long each measurement takes (default: 5)
  --rows N       rows in the ledger of the scenario \`rows\` (default: 1000000, which are 300 MB)
  --smoke        everything once, small and short: only whether it works
  --publish      put the results into docs/ and the README; with all scenarios only
  --node="..."   options of Node for the gateway: "--cpu-prof --cpu-prof-dir=DIR" for a profile of every process`

/** @throws {Error} of one line */
export function readOptions (args: string[], scenarios: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      rows: { type: 'string' },
      smoke: { type: 'boolean', default: false },
      publish: { type: 'boolean', default: false },
      node: { type: 'string', default: '' }
    }
  })
  const { smoke, publish, node: nodeOptions } = values
  const only = values.only?.split(',') ?? scenarios
  const unknown = only.find((name) => !scenarios.includes(name))
  if (unknown !== undefined) throw new Error(`no scenario "${unknown}"; there are ${scenarios.join(', ')}`)
  if (smoke && publish) throw new Error('what --smoke measures is not for publishing')
  if (publish && values.only !== undefined) throw new Error('--publish needs all scenarios: without some, the README would have gaps')
  return {
    only,
    smoke,
    publish,
    nodeOptions,
    rounds: count('rounds', values.rounds, smoke ? 1 : 3),
    seconds: count('seconds', values.seconds, smoke ? 1 : 5),
    rows: count('rows', values.rows, smoke ? 1000 : 1_000_000)
  }
}

function count (name: string, text: string | undefined, preset: number): number {
  if (text === undefined) return preset
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new Error(`--${name} must be a whole number from 1, and is ${text}`)
  return Number(text)
}
