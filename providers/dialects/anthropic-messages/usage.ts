import type { Usage } from '../events.ts'
import { countOf, isObject, objectOf, objectsOf } from '../json.ts'
import { report, totalOf, type UsageReport } from '../usage.ts'

/**
 * Input, cache reads and cache writes are disjoint already; thinking is inside `output_tokens`, where it is told at
 * all. A reply may take several rounds (`iterations`). Those that made the context smaller are no part of the numbers
 * beside them, and are paid for like the rest.
 */
export function readUsage (value: unknown): UsageReport {
  if (!isObject(value)) return {}
  const said = buckets(value)
  if (Object.keys(said).length === 0) return {}
  const rounds = objectsOf(value.iterations)
  const answered = rounds.filter(({ type }) => type === 'message' || type === 'fallback_message').map(buckets)
  const usage = [said, ...rounds.filter(({ type }) => type === 'compaction').map(buckets)].reduce(plus)
  const thinking = countOf(objectOf(value.output_tokens_details).thinking_tokens)
  const advised = rounds.filter(({ type }) => type === 'advisor_message')
  const written = countOf(value.cache_creation_input_tokens)
  return report(usage,
    ['cache_creation_input_tokens', written, (said.cacheWrite5m ?? 0) + (said.cacheWrite1h ?? 0)],
    ['thinking_tokens', thinking, said.reasoning],
    ['iterations', answered.length === 0 ? undefined : totalOf(answered.reduce(plus)), totalOf(said)],
    // Another model's, at its own price.
    ['iterations of an advisor', advised.length === 0 ? undefined : totalOf(advised.map(buckets).reduce(plus)), 0])
}

function buckets (value: Record<string, unknown>): Usage {
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
  return usage
}

function plus (sum: Usage, more: Usage): Usage {
  const total = { ...sum }
  for (const [bucket, count] of Object.entries(more) as Array<[keyof Usage, number]>) total[bucket] = (total[bucket] ?? 0) + count
  return total
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
