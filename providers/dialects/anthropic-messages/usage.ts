import type { Usage } from '../events.ts'
import { countOf, isObject, objectOf } from '../json.ts'

/**
 * Input, cache reads and cache writes are disjoint already; thinking is inside `output_tokens`, where it is told at
 * all. `undefined` where nothing is known.
 */
export function decodeUsage (value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined
  const usage: Usage = {}
  const put = (bucket: keyof Usage, count: number | undefined): void => {
    if (count !== undefined) usage[bucket] = count
  }
  put('input', countOf(value.input_tokens))
  put('cacheRead', countOf(value.cache_read_input_tokens))
  const split = objectOf(value.cache_creation)
  const hour = countOf(split.ephemeral_1h_input_tokens)
  put('cacheWrite5m', countOf(split.ephemeral_5m_input_tokens) ?? countOf(value.cache_creation_input_tokens))
  put('cacheWrite1h', hour)
  const output = countOf(value.output_tokens)
  const thinking = countOf(objectOf(value.output_tokens_details).thinking_tokens)
  if (output !== undefined) {
    usage.output = output - Math.min(thinking ?? 0, output)
    if (thinking !== undefined) usage.reasoning = Math.min(thinking, output)
  }
  return Object.keys(usage).length === 0 ? undefined : usage
}

/** The vendor names input and output always. */
export function encodeUsage (usage: Usage = {}): Record<string, unknown> {
  const { cacheRead, cacheWrite5m, cacheWrite1h, reasoning } = usage
  const writes = cacheWrite5m !== undefined || cacheWrite1h !== undefined
  return {
    input_tokens: (usage.input ?? 0) + (usage.audioInput ?? 0),
    ...writes && { cache_creation_input_tokens: (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0) },
    ...cacheRead !== undefined && { cache_read_input_tokens: cacheRead },
    ...cacheWrite1h !== undefined && { cache_creation: { ephemeral_5m_input_tokens: cacheWrite5m ?? 0, ephemeral_1h_input_tokens: cacheWrite1h } },
    output_tokens: (usage.output ?? 0) + (reasoning ?? 0) + (usage.audioOutput ?? 0),
    ...reasoning !== undefined && { output_tokens_details: { thinking_tokens: reasoning } }
  }
}
