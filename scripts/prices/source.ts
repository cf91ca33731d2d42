/** The package that the catalogue is frozen from, as far as it is read here. It is no dependency: its folder is given. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

export const PACKAGE = '@pydantic/genai-prices'

export type Match = { equals: string } | { starts_with: string } | { ends_with: string } | { contains: string } | { regex: string } | { or: Match[] } | { and: Match[] }

export type SourceRates = Record<string, number | { base: number, tiers: Array<{ start: number, price: number }> }>

export interface SourceModel {
  id: string
  match: Match
  context_window?: number
  prices: SourceRates | Array<{ constraint?: { type: 'start_date', start_date: string } | { type: 'time_of_date', start_time: string, end_time: string }, prices: SourceRates }>
}

export interface SourceProvider {
  id: string
  fallback_model_providers?: string[]
  models: SourceModel[]
}

export interface Source {
  version: string
  /** The holder line of its licence. */
  copyright: string
  providers: SourceProvider[]
  calcPrice (usage: Record<string, number>, model: string, options: { providerId: string, timestamp: Date }): { total_price: number, model: { id: string } } | null
}

/** @param folder where `npm install @pydantic/genai-prices` was run */
export async function loadSource (folder: string): Promise<Source> {
  const home = join(resolve(folder), 'node_modules', PACKAGE)
  const { waitForUpdate, calcPrice } = createRequire(join(home, 'package.json'))(PACKAGE) as { waitForUpdate: () => Promise<SourceProvider[]>, calcPrice: Source['calcPrice'] }
  const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string }
  const copyright = /^Copyright .*$/m.exec(readFileSync(join(home, 'LICENSE'), 'utf8'))?.[0]
  if (copyright === undefined) throw new Error('no copyright line in its licence')
  return { version, copyright, providers: await waitForUpdate(), calcPrice }
}
