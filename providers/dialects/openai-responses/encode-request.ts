import type { Conversation, OutputFormat, Reasoning } from '../conversation.ts'
import type { Encoded, ModelFacts } from '../dialect.ts'
import { effortOf } from '../effort.ts'
import { encodeInput } from './encode-input.ts'
import { encodeChoice, encodeTools } from './encode-tools.ts'

/** The vendor refuses less. */
const LEAST_CAP = 16

/**
 * A conversation as a Responses request. The provider is to keep nothing: the client sends its history anew each time,
 * so that all of the reasoning must come with the reply.
 */
export function encodeRequest (conversation: Conversation, facts: ModelFacts): Encoded {
  const { model, stream, stop = [], user, metadata, serviceTier, promptCache, logprobs, names } = conversation
  const lossy = new Set(Object.keys(conversation.extras))
  const cap = encodeCap(conversation, facts, lossy)
  const tools = encodeTools(conversation, facts, lossy)
  const text = encodeText(conversation)
  const reasoning = encodeReasoning(conversation, facts, lossy)
  if (stop.length > 0) lossy.add(names.stop)
  const include = [
    ...facts.thinking === 'none' ? [] : ['reasoning.encrypted_content'],
    ...logprobs === undefined ? [] : ['message.output_text.logprobs']
  ]
  const body = {
    model,
    input: encodeInput(conversation, facts, lossy),
    ...stream && { stream },
    store: false,
    ...include.length > 0 && { include },
    ...cap !== undefined && { max_output_tokens: cap },
    ...encodeSampling(conversation, facts, reasoning?.effort, lossy),
    ...tools.length > 0 && { tools, ...encodeCalling(conversation, facts) },
    ...text !== undefined && { text },
    ...reasoning !== undefined && { reasoning },
    ...logprobs?.top !== undefined && { top_logprobs: logprobs.top },
    ...user !== undefined && { user },
    ...metadata !== undefined && { metadata },
    ...serviceTier !== undefined && { service_tier: serviceTier },
    ...promptCache?.key !== undefined && { prompt_cache_key: promptCache.key },
    ...promptCache?.retention !== undefined && { prompt_cache_retention: promptCache.retention }
  }
  return { body, lossy: [...lossy] }
}

/** Clients name a cap that is too large, since another dialect wants one, or ask with a tiny one whether a model is there. */
function encodeCap ({ maxOutputTokens: cap, names }: Conversation, { maxOutputTokens: most = Infinity }: ModelFacts, lossy: Set<string>): number | undefined {
  if (cap === undefined) return undefined
  const taken = Math.min(Math.max(cap, LEAST_CAP), most)
  if (taken !== cap) lossy.add(names.maxOutputTokens)
  return taken
}

/** Models take no sampling parameters while they think. A value of 1 is the default and can go unsaid. */
function encodeSampling ({ temperature, topP, names }: Conversation, facts: ModelFacts, effort: Reasoning['effort'], lossy: Set<string>): Record<string, number> {
  const takes = facts.sampling !== false && (effort === undefined || effort === 'none')
  if (!takes && temperature !== undefined && temperature !== 1) lossy.add(names.temperature)
  if (!takes && topP !== undefined && topP !== 1) lossy.add(names.topP)
  return takes ? { ...temperature !== undefined && { temperature }, ...topP !== undefined && { top_p: topP } } : {}
}

function encodeCalling (conversation: Conversation, facts: ModelFacts): Record<string, unknown> {
  const { toolChoice, parallelToolCalls } = conversation
  return {
    ...toolChoice !== undefined && { tool_choice: encodeChoice(conversation, facts) },
    ...parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }
  }
}

function encodeText ({ output, verbosity }: Conversation): Record<string, unknown> | undefined {
  if (output === undefined && verbosity === undefined) return undefined
  return { ...output !== undefined && { format: encodeFormat(output) }, ...verbosity !== undefined && { verbosity } }
}

function encodeFormat (output: OutputFormat): Record<string, unknown> {
  if (output.type === 'json') return { type: 'json_object' }
  const { name = 'output', description, schema, strict = true } = output
  return { type: 'json_schema', name, ...description !== undefined && { description }, schema, strict }
}

function encodeReasoning ({ reasoning, names }: Conversation, facts: ModelFacts, lossy: Set<string>): { effort?: Reasoning['effort'], summary?: string } | undefined {
  if (reasoning === undefined) return undefined
  const { effort: word, budget, shown } = reasoning
  if (facts.thinking === 'none') {
    if (word !== 'none') lossy.add(names.reasoning)
    return undefined
  }
  if (word === undefined && budget !== undefined) lossy.add(names.reasoning)
  const effort = word ?? (budget === undefined ? undefined : effortOf(budget))
  if (effort === undefined && shown !== true) return undefined
  // Not asked for by default: the vendor refuses summaries to organizations that it has not verified.
  return { ...effort !== undefined && { effort }, ...shown === true && effort !== 'none' && { summary: 'auto' } }
}
