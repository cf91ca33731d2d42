import type { Usage } from '../events.ts'
import { countOf, isObject, objectOf } from '../json.ts'
import { takeApart } from '../nested-usage.ts'
import type { UsageReport } from '../usage.ts'

/** What was read from and written to a cache is inside `input_tokens`, reasoning inside `output_tokens`. */
export function readUsage (value: unknown): UsageReport {
  if (!isObject(value)) return {}
  const details = objectOf(value.input_tokens_details)
  return takeApart({
    input: countOf(value.input_tokens),
    output: countOf(value.output_tokens),
    total: countOf(value.total_tokens),
    cacheRead: countOf(details.cached_tokens),
    cacheWrite: countOf(details.cache_write_tokens),
    reasoning: countOf(objectOf(value.output_tokens_details).reasoning_tokens)
  })
}

/** The vendor names all of these always. */
export function encodeUsage ({ cacheWrite5m, cacheWrite1h, ...usage }: Usage): Record<string, unknown> {
  const writes = (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0)
  const cached = usage.cacheRead ?? 0
  const reasoning = usage.reasoning ?? 0
  const input = (usage.input ?? 0) + (usage.audioInput ?? 0) + cached + writes
  const output = (usage.output ?? 0) + (usage.audioOutput ?? 0) + reasoning
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cached, cache_write_tokens: writes },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output
  }
}
