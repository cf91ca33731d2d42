import type { Conversation, Tool } from '../conversation.ts'
import { asFunction } from '../custom-tools.ts'
import type { Encoded, ModelFacts } from '../dialect.ts'
import { encodeCache } from './cache.ts'
import { encodeMessages } from './encode-messages.ts'
import { encodeThinking } from './thinking.ts'

/** A conversation as a Messages request. */
export function encodeRequest (conversation: Conversation, facts: ModelFacts): Encoded {
  const lossy = new Set(Object.keys(conversation.extras))
  const { system, messages } = encodeMessages(conversation, lossy)
  const { maxTokens, thinking, effort } = encodeThinking(conversation, facts, lossy)
  const config = { ...encodeFormat(conversation, lossy), ...effort !== undefined && { effort } }
  const stop = encodeStop(conversation, lossy)
  const tools = encodeTools(conversation, lossy)
  reportService(conversation, lossy)
  const choice = tools.length === 0 ? undefined : encodeChoice(conversation, lossy)
  const body = {
    model: conversation.model,
    max_tokens: maxTokens,
    ...system.length > 0 && { system },
    messages,
    ...tools.length > 0 && { tools },
    ...choice !== undefined && { tool_choice: choice },
    ...thinking !== undefined && { thinking },
    ...Object.keys(config).length > 0 && { output_config: config },
    ...encodeSampling(conversation, facts, thinking !== undefined, lossy),
    ...stop.length > 0 && { stop_sequences: stop },
    ...conversation.user !== undefined && { metadata: { user_id: conversation.user } },
    ...conversation.stream && { stream: true }
  }
  return { body, lossy: [...lossy] }
}

/** What the vendor has no word for. */
function reportService ({ metadata, verbosity, serviceTier = 'auto', promptCache, logprobs, names }: Conversation, lossy: Set<string>): void {
  if (metadata !== undefined) lossy.add(names.metadata)
  if (verbosity !== undefined && verbosity !== 'medium') lossy.add(names.verbosity)
  if (serviceTier !== 'auto' && serviceTier !== 'default') lossy.add(names.serviceTier)
  if (promptCache !== undefined) lossy.add(names.promptCache)
  if (logprobs !== undefined) lossy.add(names.logprobs)
}

function encodeTools (conversation: Conversation, lossy: Set<string>): Array<Record<string, unknown>> {
  const tools = offers(conversation) ? conversation.tools : calledTools(conversation)
  if (tools.some(({ custom }) => custom?.format !== undefined)) lossy.add(conversation.names.toolFormat)
  return tools.map((tool) => tool.custom === undefined ? tool : asFunction(tool)).map(({ name, description, parameters, strict, cache }) => ({
    name,
    ...description !== undefined && { description },
    input_schema: parameters === undefined ? { type: 'object', properties: {} } : { type: 'object', ...parameters },
    ...strict === true && { strict },
    ...encodeCache(cache === undefined ? {} : { cache })
  }))
}

function offers (conversation: Conversation): conversation is Conversation & { tools: Tool[] } {
  return conversation.tools !== undefined && conversation.tools.length > 0
}

/** The vendor wants every tool that the history speaks of defined, also where none is on offer any more. */
function calledTools ({ turns }: Conversation): Tool[] {
  const called = turns.flatMap(({ parts }) => parts.filter((part) => part.type === 'tool-call'))
  return [...new Set(called.map(({ name }) => name))].map((name) => ({ name }))
}

function encodeChoice (conversation: Conversation, lossy: Set<string>): Record<string, unknown> | undefined {
  const { toolChoice, names } = conversation
  const one = conversation.parallelToolCalls === false
  // Where nothing is on offer, what is defined is history.
  if (!offers(conversation) || toolChoice?.type === 'none') return { type: 'none' }
  const single = one ? { disable_parallel_tool_use: true } : {}
  switch (toolChoice?.type) {
    case 'required': return { type: 'any', ...single }
    case 'tool':
      if (!conversation.tools.some(({ name }) => name === toolChoice.name)) lossy.add(names.toolChoice)
      return { type: 'tool', name: toolChoice.name, ...single }
    case 'auto': return { type: 'auto', ...single }
    default: return one ? { type: 'auto', ...single } : undefined
  }
}

/** The schema goes as it is: what of JSON Schema it may use is the provider's to judge. */
function encodeFormat ({ output, names }: Conversation, lossy: Set<string>): Record<string, unknown> {
  if (output === undefined) return {}
  if (output.type === 'json') {
    lossy.add(names.output)
    return {}
  }
  if (output.description !== undefined) lossy.add(names.outputDescription)
  return { format: { type: 'json_schema', schema: output.schema } }
}

/** The vendor refuses a sequence of nothing but white space. */
function encodeStop ({ stop = [], names }: Conversation, lossy: Set<string>): string[] {
  const visible = stop.filter((sequence) => sequence.trim() !== '')
  if (visible.length < stop.length) lossy.add(names.stop)
  return visible
}

/**
 * Newer models take no sampling parameters, older ones none while they think, and none of them both at once or a
 * temperature above 1. A value of 1 is the default and can go unsaid.
 */
function encodeSampling ({ temperature, topP, names }: Conversation, facts: ModelFacts, thinks: boolean, lossy: Set<string>): Record<string, number> {
  const takes = facts.sampling !== false && !thinks
  const sampling: Record<string, number> = {}
  if (temperature !== undefined) {
    if (takes) sampling.temperature = Math.min(temperature, 1)
    if (temperature > 1 || (!takes && temperature !== 1)) lossy.add(names.temperature)
  }
  if (topP !== undefined) {
    const alone = takes && sampling.temperature === undefined
    if (alone) sampling.top_p = topP
    else if (topP !== 1) lossy.add(names.topP)
  }
  return sampling
}
