import type { Usage } from '../events.ts'
import { countOf, isObject, objectOf } from '../json.ts'

/**
 * Takes the nested numbers apart: what was read from and written to a cache is inside `input_tokens`, reasoning inside
 * `output_tokens`. `undefined` where nothing is known.
 */
export function decodeUsage (value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined
  const input = countOf(value.input_tokens)
  const output = countOf(value.output_tokens)
  const usage: Usage = {}
  if (input !== undefined) {
    const details = objectOf(value.input_tokens_details)
    const read = countOf(details.cached_tokens)
    const written = countOf(details.cache_write_tokens)
    if (read !== undefined) usage.cacheRead = Math.min(read, input)
    if (written !== undefined) usage.cacheWrite5m = Math.min(written, input - (usage.cacheRead ?? 0))
    usage.input = input - (usage.cacheRead ?? 0) - (usage.cacheWrite5m ?? 0)
  }
  if (output !== undefined) {
    const reasoning = countOf(objectOf(value.output_tokens_details).reasoning_tokens)
    if (reasoning !== undefined) usage.reasoning = Math.min(reasoning, output)
    usage.output = output - (usage.reasoning ?? 0)
  }
  return input === undefined && output === undefined ? undefined : usage
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
