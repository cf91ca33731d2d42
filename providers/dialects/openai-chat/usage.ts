import type { Usage } from '../events.ts'
import { countOf, isObject, objectOf } from '../json.ts'

/**
 * Takes the nested numbers apart: cached tokens are inside `prompt_tokens`, reasoning inside `completion_tokens`,
 * unless the total says that a server counts them beside. `undefined` where nothing is known.
 */
export function decodeUsage (value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined
  const prompt = countOf(value.prompt_tokens)
  const completion = countOf(value.completion_tokens)
  if (prompt === undefined && completion === undefined) return undefined
  const of = { prompt: objectOf(value.prompt_tokens_details), completion: objectOf(value.completion_tokens_details) }
  const beside = (countOf(value.total_tokens) ?? 0) - (prompt ?? 0) - (completion ?? 0)

  const usage: Usage = {}
  if (prompt !== undefined) {
    let left = prompt
    const part = (count: number | undefined): number | undefined => {
      if (count === undefined) return undefined
      const taken = Math.min(count, left)
      left -= taken
      return taken
    }
    const audio = countOf(of.prompt.audio_tokens)
    const audioBeside = audio !== undefined && audio > 0 && audio === beside
    assign(usage, 'cacheRead', part(firstCount(of.prompt.cached_tokens, value.prompt_cache_hit_tokens, value.cached_tokens, value.num_cached_tokens, value.cache_read_input_tokens)))
    assign(usage, 'cacheWrite5m', part(firstCount(of.prompt.cache_write_tokens, value.cache_creation_input_tokens)))
    assign(usage, 'audioInput', audioBeside ? audio : part(audio))
    usage.input = left
  }
  if (completion !== undefined) {
    const reasoning = countOf(of.completion.reasoning_tokens)
    const audio = countOf(of.completion.audio_tokens)
    const reasoningBeside = reasoning !== undefined && reasoning > 0 && reasoning === beside
    let left = completion
    if (reasoning !== undefined) {
      usage.reasoning = reasoningBeside ? reasoning : Math.min(reasoning, left)
      if (!reasoningBeside) left -= usage.reasoning
    }
    if (audio !== undefined) {
      usage.audioOutput = Math.min(audio, left)
      left -= usage.audioOutput
    }
    usage.output = left
  }
  return usage
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

function assign (usage: Usage, bucket: keyof Usage, count: number | undefined): void {
  if (count !== undefined) usage[bucket] = count
}

function sum (...counts: Array<number | undefined>): number | undefined {
  const known = counts.filter((count) => count !== undefined)
  return known.length === 0 ? undefined : known.reduce((total, count) => total + count, 0)
}

function known (counts: Record<string, number | undefined>): Record<string, number> | undefined {
  const entries = Object.entries(counts).filter((entry): entry is [string, number] => entry[1] !== undefined)
  return entries.length === 0 ? undefined : Object.fromEntries(entries)
}
