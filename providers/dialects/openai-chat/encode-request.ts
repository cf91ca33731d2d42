import type { Conversation, OutputFormat, Reasoning, Tool, ToolChoice } from '../conversation.ts'
import type { Encoded, Target } from '../dialect.ts'
import { encodeMessages } from './encode-messages.ts'

/** A conversation as a Chat Completions request. */
export function encodeRequest (conversation: Conversation, target: Target): Encoded {
  const { model, stream, tools = [], toolChoice, temperature, topP, stop = [], output, user, names } = conversation
  const lossy = new Set(Object.keys(conversation.extras))
  const body: Record<string, unknown> = { model, messages: encodeMessages(conversation, lossy) }
  if (stream) {
    body.stream = true
    body.stream_options = { include_usage: true }
  }
  const cap = encodeCap(conversation, target, lossy)
  if (cap !== undefined) body.max_completion_tokens = cap
  if (temperature !== undefined) {
    if (target.sampling !== false) body.temperature = temperature
    else if (temperature !== 1) lossy.add(names.temperature)
  }
  if (topP !== undefined) {
    if (target.sampling !== false) body.top_p = topP
    else if (topP !== 1) lossy.add(names.topP)
  }
  if (stop.length > 0) {
    // The vendor takes four.
    body.stop = stop.slice(0, 4)
    if (stop.length > 4) lossy.add(names.stop)
  }
  if (tools.length > 0) {
    body.tools = tools.map((tool) => encodeTool(tool, conversation, lossy))
    if (toolChoice !== undefined) body.tool_choice = encodeChoice(toolChoice)
    if (conversation.parallelToolCalls !== undefined) body.parallel_tool_calls = conversation.parallelToolCalls
  }
  if (output !== undefined) body.response_format = encodeOutput(output)
  const effort = encodeEffort(conversation, target, lossy)
  if (effort !== undefined) body.reasoning_effort = effort
  if (user !== undefined) body.user = user
  return { body, lossy: [...lossy] }
}

/** Other dialects must name a cap, and clients name a large one: it is lowered to what the model can. */
function encodeCap ({ maxOutputTokens: cap, names }: Conversation, { maxOutputTokens: most }: Target, lossy: Set<string>): number | undefined {
  if (cap === undefined || most === undefined || cap <= most) return cap
  lossy.add(names.maxOutputTokens)
  return most
}

function encodeTool (tool: Tool, { names }: Conversation, lossy: Set<string>): Record<string, unknown> {
  if (tool.cache !== undefined) lossy.add(names.cache)
  const { name, description, parameters, strict } = tool
  return {
    type: 'function',
    function: {
      name,
      ...description !== undefined && { description },
      ...parameters !== undefined && { parameters },
      ...strict !== undefined && { strict }
    }
  }
}

function encodeChoice (choice: ToolChoice): unknown {
  return choice.type === 'tool' ? { type: 'function', function: { name: choice.name } } : choice.type
}

function encodeOutput (output: OutputFormat): Record<string, unknown> {
  if (output.type === 'json') return { type: 'json_object' }
  const { name = 'output', description, schema, strict = true } = output
  return { type: 'json_schema', json_schema: { name, ...description !== undefined && { description }, schema, strict } }
}

/** A budget in tokens, as the word nearest to it. */
const BUDGETS: ReadonlyArray<readonly [atMost: number, effort: NonNullable<Reasoning['effort']>]> = [
  [2048, 'low'],
  [8192, 'medium'],
  [Infinity, 'high']
]

function encodeEffort ({ reasoning, names }: Conversation, target: Target, lossy: Set<string>): string | undefined {
  if (reasoning === undefined) return undefined
  const { effort, budget } = reasoning
  if (target.thinking === 'none') {
    if (effort !== 'none') lossy.add(names.reasoning)
    return undefined
  }
  if (effort !== undefined) return effort
  // Left to the model on both sides.
  if (budget === undefined) return undefined
  lossy.add(names.reasoning)
  return BUDGETS.find(([atMost]) => budget <= atMost)?.[1]
}
