import { Type, type Static } from 'typebox'
import type { Totals } from '../../plugins/ledger/reports/index.ts'
import { formatDollars } from '../../plugins/money.ts'

const Count = (description: string) => Type.Integer({ minimum: 0, description })

/** Sums as they are told. Tokens are in buckets that do not overlap. */
export const TotalsSchema = Type.Object({
  calls: Count('Requests that went out, each one row of the ledger.'),
  requests: Count('The same as limits on requests count them: a batch is as many as it holds.'),
  tokens: Count('All tokens of all buckets.'),
  input: Count('Prompt tokens that no cache had.'),
  cache_read: Count('Prompt tokens read from a cache.'),
  cache_write_5m: Count('Prompt tokens written to a cache, for five minutes or as long as it likes.'),
  cache_write_1h: Count('Prompt tokens written to a cache for an hour.'),
  output: Count('Generated tokens other than reasoning.'),
  reasoning: Count('Generated tokens of reasoning.'),
  audio_input: Count('Prompt tokens of audio.'),
  audio_output: Count('Generated tokens of audio.'),
  held_tokens: Count('Tokens charged at the hold, where what was used will never be known.'),
  cost_nano: Count('What it cost, in billionths of a dollar: exact.'),
  cost_usd: Type.String({ description: 'The same in dollars: exact, so a text.' }),
  unpriced: Count('How many of the calls used tokens whose price is not known: they are not in the cost.')
})

export type TotalsReply = Static<typeof TotalsSchema>

export function tellTotals ({ calls, requests, usage, heldTokens, cost, unpriced }: Totals): TotalsReply {
  const { input, cacheRead, cacheWrite5m, cacheWrite1h, output, reasoning, audioInput, audioOutput } = usage
  return {
    calls,
    requests,
    tokens: input + cacheRead + cacheWrite5m + cacheWrite1h + output + reasoning + audioInput + audioOutput + heldTokens,
    input,
    cache_read: cacheRead,
    cache_write_5m: cacheWrite5m,
    cache_write_1h: cacheWrite1h,
    output,
    reasoning,
    audio_input: audioInput,
    audio_output: audioOutput,
    held_tokens: heldTokens,
    cost_nano: cost,
    cost_usd: formatDollars(cost),
    unpriced
  }
}

/** All of some sums together. */
export function together (rows: Totals[]): Totals {
  const sum: Totals = {
    calls: 0,
    requests: 0,
    usage: { input: 0, cacheRead: 0, cacheWrite5m: 0, cacheWrite1h: 0, output: 0, reasoning: 0, audioInput: 0, audioOutput: 0 },
    heldTokens: 0,
    cost: 0,
    unpriced: 0
  }
  for (const { usage, ...row } of rows) {
    for (const name of ['calls', 'requests', 'heldTokens', 'cost', 'unpriced'] as const) sum[name] += row[name]
    for (const bucket of Object.keys(sum.usage) as Array<keyof typeof usage>) sum.usage[bucket] += usage[bucket]
  }
  return sum
}
