import { countOf, isObject, objectOf } from '../json.ts'
import { takeApart } from '../nested-usage.ts'
import type { UsageReport } from '../usage.ts'

/**
 * Usage under the older names (`prompt_tokens`) and the newer ones (`input_tokens`): cached and audio tokens are inside
 * the input, reasoning inside the output. Nothing where nothing is counted in tokens, as where a transcription is paid
 * by the second.
 */
export function readUsage (value: unknown): UsageReport {
  if (!isObject(value)) return {}
  const input = countOf(value.input_tokens) ?? countOf(value.prompt_tokens)
  const output = countOf(value.output_tokens) ?? countOf(value.completion_tokens)
  const total = countOf(value.total_tokens)
  if (input === undefined && output === undefined) return total === undefined ? {} : { usage: { input: total } }
  const of = {
    input: objectOf(value.input_tokens_details ?? value.input_token_details ?? value.prompt_tokens_details),
    output: objectOf(value.output_tokens_details ?? value.output_token_details ?? value.completion_tokens_details)
  }
  return takeApart({
    input,
    output,
    total,
    cacheRead: countOf(of.input.cached_tokens),
    audioInput: countOf(of.input.audio_tokens),
    reasoning: countOf(of.output.reasoning_tokens),
    audioOutput: countOf(of.output.audio_tokens)
  })
}
