import type { Usage } from './events.ts'
import { report, totalOf, type UsageReport } from './usage.ts'

/** Usage as most providers tell it: of the numbers, some are meant to be inside others. */
export interface NestedUsage {
  input: number | undefined
  output: number | undefined
  total: number | undefined
  /** Inside the input. */
  cacheRead?: number | undefined
  cacheWrite?: number | undefined
  audioInput?: number | undefined
  /** What is left of the input then, where that is told as well. */
  uncached?: number | undefined
  /** Inside the output. */
  reasoning?: number | undefined
  audioOutput?: number | undefined
  /** Whether there are servers of the dialect that tell cached tokens beside the input and leave them out of the total. */
  loose?: boolean
}

type Part = 'cacheRead' | 'cacheWrite' | 'audioInput' | 'reasoning' | 'audioOutput'

/** What servers are known to count beside what others count it inside of; likeliest first. */
const BESIDE: ReadonlyArray<readonly Part[]> = [['reasoning'], ['audioInput'], ['cacheRead', 'cacheWrite'], ['cacheRead'], ['cacheWrite']]

/**
 * Takes nested numbers apart into buckets that do not overlap. Where a server counts otherwise, its numbers show it:
 *
 * - The total is larger by just one of the parts: that one stands beside.
 * - The total is larger by what no number tells: reasoning that stays hidden, and is paid for.
 * - In loose dialects, more was read from a cache than there is input: it stands beside, whatever the total says. So do
 *   writes that find no room behind the reads: there a token is both read and written, and charged as both.
 *
 * Otherwise a part is never more than the whole.
 */
export function takeApart (told: NestedUsage): UsageReport {
  const { input, output, total, reasoning } = told
  if (input === undefined && output === undefined) return {}
  const usage: Usage = {}
  // Where one of the two is not told, the rest is that one.
  const rest = input === undefined || output === undefined ? 0 : Math.max(0, (total ?? 0) - input - output)
  const beside = rest === 0 ? undefined : BESIDE.find((names) => names.reduce((sum, name) => sum + (told[name] ?? 0), 0) === rest)
  /** @returns what is left of the number that the part is inside of */
  const take = (name: Part, bucket: keyof Usage, left: number): number => {
    const part = told[name]
    if (part === undefined) return left
    const cached = name === 'cacheRead' || name === 'cacheWrite'
    const stands = beside?.includes(name) === true || (told.loose === true && cached && part > left)
    usage[bucket] = stands ? part : Math.min(part, left)
    return stands ? left : left - usage[bucket]
  }

  if (input !== undefined) usage.input = take('audioInput', 'audioInput', take('cacheWrite', 'cacheWrite5m', take('cacheRead', 'cacheRead', input)))
  if (output !== undefined) usage.output = take('audioOutput', 'audioOutput', take('reasoning', 'reasoning', output))
  const counted = usage.reasoning
  if (rest > 0 && beside === undefined) usage.reasoning = (counted ?? 0) + rest
  return report(usage,
    ['total_tokens', total, totalOf(usage)],
    ['uncached input', told.uncached, usage.input],
    ['cache reads', told.cacheRead, usage.cacheRead],
    ['cache writes', told.cacheWrite, usage.cacheWrite5m],
    ['audio input', told.audioInput, usage.audioInput],
    ['reasoning', reasoning, counted],
    ['audio output', told.audioOutput, usage.audioOutput])
}
