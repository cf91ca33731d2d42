import type { Conversation, OutputFormat } from '../conversation.ts'
import type { Encoded, ModelFacts } from '../dialect.ts'
import { effortOf } from '../effort.ts'
import { encodeMessages } from './encode-messages.ts'
import { encodeChoice, encodeTool } from './encode-tools.ts'

/** A conversation as a Chat Completions request. */
export function encodeRequest (conversation: Conversation, facts: ModelFacts): Encoded {
  const { model, stream, tools = [], toolChoice, temperature, topP, stop = [], output, user, names } = conversation
  const lossy = new Set(Object.keys(conversation.extras))
  const body: Record<string, unknown> = { model, messages: encodeMessages(conversation, facts, lossy) }
  if (stream) {
    body.stream = true
    body.stream_options = { include_usage: true }
  }
  const cap = encodeCap(conversation, facts, lossy)
  if (cap !== undefined) body[facts.capName ?? 'max_tokens'] = cap
  if (temperature !== undefined) {
    if (facts.sampling !== false) body.temperature = temperature
    else if (temperature !== 1) lossy.add(names.temperature)
  }
  if (topP !== undefined) {
    if (facts.sampling !== false) body.top_p = topP
    else if (topP !== 1) lossy.add(names.topP)
  }
  if (stop.length > 0) {
    // The vendor takes four.
    body.stop = stop.slice(0, 4)
    if (stop.length > 4) lossy.add(names.stop)
  }
  if (tools.length > 0) {
    body.tools = tools.map((tool) => encodeTool(tool, conversation, facts, lossy))
    if (toolChoice !== undefined) body.tool_choice = encodeChoice(toolChoice, tools, facts)
    if (conversation.parallelToolCalls !== undefined) body.parallel_tool_calls = conversation.parallelToolCalls
  }
  if (output !== undefined) body.response_format = encodeOutput(output)
  const effort = encodeEffort(conversation, facts, lossy)
  if (effort !== undefined) body.reasoning_effort = effort
  if (user !== undefined) body.user = user
  // The vendor takes metadata with "store" alone, and nothing is to be stored.
  if (conversation.metadata !== undefined) lossy.add(names.metadata)
  Object.assign(body, encodeService(conversation))
  return { body, lossy: [...lossy] }
}

/** How the request is to be served. */
function encodeService ({ verbosity, serviceTier, promptCache, logprobs }: Conversation): Record<string, unknown> {
  return {
    ...verbosity !== undefined && { verbosity },
    ...serviceTier !== undefined && { service_tier: serviceTier },
    ...promptCache?.key !== undefined && { prompt_cache_key: promptCache.key },
    ...promptCache?.retention !== undefined && { prompt_cache_retention: promptCache.retention },
    ...logprobs !== undefined && { logprobs: true },
    ...logprobs?.top !== undefined && { top_logprobs: logprobs.top }
  }
}

/** Other dialects must name a cap, and clients name a large one: it is lowered to what the model can. */
function encodeCap ({ maxOutputTokens: cap, names }: Conversation, { maxOutputTokens: most }: ModelFacts, lossy: Set<string>): number | undefined {
  if (cap === undefined || most === undefined || cap <= most) return cap
  lossy.add(names.maxOutputTokens)
  return most
}

function encodeOutput (output: OutputFormat): Record<string, unknown> {
  if (output.type === 'json') return { type: 'json_object' }
  const { name = 'output', description, schema, strict = true } = output
  return { type: 'json_schema', json_schema: { name, ...description !== undefined && { description }, schema, strict } }
}

function encodeEffort ({ reasoning, names }: Conversation, facts: ModelFacts, lossy: Set<string>): string | undefined {
  if (reasoning === undefined) return undefined
  const { effort, budget } = reasoning
  if (facts.thinking === 'none') {
    if (effort !== 'none') lossy.add(names.reasoning)
    return undefined
  }
  if (effort !== undefined) return effort
  // Left to the model on both sides.
  if (budget === undefined) return undefined
  lossy.add(names.reasoning)
  return effortOf(budget)
}
