import type { Usage } from './events.ts'
import type { Ending } from './reply.ts'

/**
 * How usage is known.
 *
 * - `provider` the provider told all of it
 * - `partial` the provider told of it what there is, and the reply went no further
 * - `estimated` some of it is counted here
 * - `none` nothing is known
 */
export type UsageSource = 'provider' | 'partial' | 'estimated' | 'none'

export interface KnownUsage {
  usage: Usage | undefined
  source: UsageSource
}

/** What a reply told, however far it came. */
export type Told = Pick<Ending, 'usage' | 'finish' | 'behind'>

/** Tokens that were counted or estimated here. */
export interface Counts {
  input: number
  output: number
  reasoning: number
}

/**
 * Usage where nothing need be counted, else `undefined`.
 *
 * @param whole the reply came to its end
 */
export function toldUsage ({ usage, finish, behind = false }: Told, whole: boolean): KnownUsage | undefined {
  if (usage === undefined || behind) return undefined
  if (whole || (finish !== undefined && usage.output !== undefined)) return { usage, source: 'provider' }
  return usage.input === undefined || usage.output === undefined ? undefined : { usage, source: 'partial' }
}

/** Usage where some must be counted: what was told stays, and of what was written the larger number counts. */
export function countedUsage ({ usage = {} }: Told, { input, output, reasoning }: Counts): KnownUsage {
  const told = (usage.output ?? 0) + (usage.reasoning ?? 0)
  const more = usage.output === undefined || output + reasoning > told
  if (usage.input !== undefined && !more) return { usage, source: 'partial' }
  const counted: Usage = { ...usage, input: usage.input ?? input }
  if (more) {
    counted.output = output
    if (reasoning > 0 || usage.reasoning !== undefined) counted.reasoning = reasoning
  }
  return { usage: counted, source: 'estimated' }
}
