import type { Usage } from '../../providers/dialects/events.ts'

/** Tokens by their buckets, which do not overlap, and what those are called in databases, reports and metrics. */
export const BUCKET_NAMES = {
  input: 'input',
  cacheRead: 'cache_read',
  cacheWrite5m: 'cache_write_5m',
  cacheWrite1h: 'cache_write_1h',
  output: 'output',
  reasoning: 'reasoning',
  audioInput: 'audio_input',
  audioOutput: 'audio_output'
} as const satisfies Record<keyof Usage, string>

export type Bucket = keyof typeof BUCKET_NAMES

export const BUCKETS = Object.keys(BUCKET_NAMES) as Bucket[]

/** Their columns, in the same order. */
export const BUCKET_COLUMNS = Object.values(BUCKET_NAMES)

/**
 * What was used of each bucket, in the order of the columns. Written out, since it is on the path of every request: to look the
 * names up takes several times as long.
 */
export function countsOf <T> (usage: Usage, missing: T): Array<number | T> {
  return [
    usage.input ?? missing, usage.cacheRead ?? missing, usage.cacheWrite5m ?? missing, usage.cacheWrite1h ?? missing,
    usage.output ?? missing, usage.reasoning ?? missing, usage.audioInput ?? missing, usage.audioOutput ?? missing
  ]
}

/** All tokens of a row of `requests`, as SQL: a bucket that is not known is `NULL` in it. */
export const ROW_TOKENS = BUCKET_COLUMNS.map((column) => `coalesce(${column}, 0)`).join(' + ')

/** The usage in such a row: what is `NULL` is left out. */
export function usageOf (row: Record<string, unknown>): Usage {
  return Object.fromEntries(BUCKETS.flatMap((bucket) => {
    const count = row[BUCKET_NAMES[bucket]]
    return count === null || count === undefined ? [] : [[bucket, Number(count)]]
  }))
}
