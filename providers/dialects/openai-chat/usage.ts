import type { Usage } from '../events.ts'
import { countOf, isObject, objectOf } from '../json.ts'
import { takeApart } from '../nested-usage.ts'
import type { UsageReport } from '../usage.ts'

/** Usage as the many servers of this dialect tell it, under the names that they have for its parts. */
export function readUsage (value: unknown): UsageReport {
  if (!isObject(value)) return {}
  const of = { prompt: objectOf(value.prompt_tokens_details), completion: objectOf(value.completion_tokens_details) }
  return takeApart({
    input: countOf(value.prompt_tokens),
    output: countOf(value.completion_tokens),
    total: countOf(value.total_tokens),
    cacheRead: firstCount(of.prompt.cached_tokens, value.prompt_cache_hit_tokens, value.cached_tokens, value.num_cached_tokens, value.cache_read_input_tokens),
    cacheWrite: firstCount(of.prompt.cache_write_tokens, value.cache_creation_input_tokens),
    audioInput: countOf(of.prompt.audio_tokens),
    uncached: countOf(value.prompt_cache_miss_tokens),
    reasoning: countOf(of.completion.reasoning_tokens),
    audioOutput: countOf(of.completion.audio_tokens),
    loose: true
  })
}

export function encodeUsage (usage: Usage): Record<string, unknown> {
  const writes = sum(usage.cacheWrite5m, usage.cacheWrite1h)
  const prompt = sum(usage.input, usage.cacheRead, writes, usage.audioInput) ?? 0
  const completion = sum(usage.output, usage.reasoning, usage.audioOutput) ?? 0
  const details = {
    prompt: known({ cached_tokens: usage.cacheRead, cache_write_tokens: writes, audio_tokens: usage.audioInput }),
    completion: known({ reasoning_tokens: usage.reasoning, audio_tokens: usage.audioOutput })
  }
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    ...details.prompt && { prompt_tokens_details: details.prompt },
    ...details.completion && { completion_tokens_details: details.completion }
  }
}

function firstCount (...values: unknown[]): number | undefined {
  return values.map(countOf).find((count) => count !== undefined)
}

function sum (...counts: Array<number | undefined>): number | undefined {
  const known = counts.filter((count) => count !== undefined)
  return known.length === 0 ? undefined : known.reduce((total, count) => total + count, 0)
}

function known (counts: Record<string, number | undefined>): Record<string, number> | undefined {
  const entries = Object.entries(counts).filter((entry): entry is [string, number] => entry[1] !== undefined)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
