import type { Usage } from '../events.ts'
import { countOf, isObject, objectOf } from '../json.ts'

/**
 * Takes nested numbers apart, under the older names (`prompt_tokens`) and the newer ones (`input_tokens`): cached and
 * audio tokens are inside the input, reasoning inside the output. `undefined` where nothing is counted in tokens, as
 * where a transcription is paid by the second.
 */
export function decodeUsage (value: unknown): Usage | undefined {
  if (!isObject(value)) return undefined
  const input = countOf(value.input_tokens) ?? countOf(value.prompt_tokens)
  const output = countOf(value.output_tokens) ?? countOf(value.completion_tokens)
  const total = countOf(value.total_tokens)
  if (input === undefined && output === undefined) return total === undefined ? undefined : { input: total }
  const usage: Usage = {}
  if (input !== undefined) {
    const details = objectOf(value.input_tokens_details ?? value.input_token_details ?? value.prompt_tokens_details)
    usage.input = without(usage, input, { cacheRead: details.cached_tokens, audioInput: details.audio_tokens })
  }
  if (output !== undefined) {
    const details = objectOf(value.output_tokens_details ?? value.output_token_details ?? value.completion_tokens_details)
    usage.output = without(usage, output, { reasoning: details.reasoning_tokens, audioOutput: details.audio_tokens })
  }
  return usage
}

/** Moves the parts that are counted inside a number to buckets of their own. @returns what is left of it */
function without (usage: Usage, count: number, parts: Partial<Record<keyof Usage, unknown>>): number {
  let left = count
  for (const bucket of buckets) {
    const part = countOf(parts[bucket])
    if (part === undefined) continue
    usage[bucket] = Math.min(part, left)
    left -= usage[bucket]
  }
  return left
}

const buckets = ['cacheRead', 'audioInput', 'reasoning', 'audioOutput'] as const
