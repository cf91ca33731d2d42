import type { Conversation, Names, Reasoning, Tool, ToolChoice } from '../conversation.ts'
import { Untranslatable } from '../dialect.ts'
import { Fields } from '../fields.ts'
import type { NoOps } from '../fields.ts'
import { check } from '../judge.ts'
import { decodeCache } from './cache.ts'
import { decodeMessages, decodeSystem } from './decode-messages.ts'
import { MessagesRequest } from './schema.ts'

export const names: Names = {
  maxOutputTokens: 'max_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  stop: 'stop_sequences',
  output: 'output_config.format',
  outputDescription: 'output_config.format',
  reasoning: 'thinking',
  user: 'metadata.user_id',
  tools: 'tools',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'tool_choice.disable_parallel_tool_use',
  toolFormat: 'tools[]',
  metadata: 'metadata',
  verbosity: 'output_config',
  serviceTier: 'service_tier',
  promptCache: 'cache_control',
  logprobs: 'metadata',
  role: 'messages[].role',
  image: 'messages[].content[].source',
  imageDetail: 'messages[].content[].source',
  document: 'messages[].content[].source',
  audio: 'messages[].content[].source',
  reasoningPart: 'messages[].content[].thinking',
  arguments: 'messages[].content[].input',
  toolResult: 'messages[].content[].content',
  isError: 'messages[].content[].is_error',
  cache: 'cache_control',
  foreign: 'messages[].content[]'
}

const noOps: NoOps = {
  service_tier: ['auto'],
  'thinking.display': ['summarized'],
  'tools[].strict': [false],
  'tools[].defer_loading': [false],
  'messages[].content[].caller': [{ type: 'direct' }],
  'messages[].content[].citations': [{ enabled: false }]
}

/** Everything Messages can say about a conversation, in neutral words. */
export function decodeRequest (body: Record<string, unknown>): Conversation {
  check(MessagesRequest, body)
  const fields = new Fields(body, noOps)
  refuse(fields)
  const conversation: Conversation = {
    model: fields.requiredString('model'),
    turns: [...decodeSystem(fields), ...decodeMessages(fields.objects('messages'))],
    stream: fields.boolean('stream') ?? false,
    extras: {},
    names
  }
  const cap = fields.number('max_tokens')
  if (cap !== undefined) conversation.maxOutputTokens = cap
  const temperature = fields.number('temperature')
  if (temperature !== undefined) conversation.temperature = temperature
  const topP = fields.number('top_p')
  if (topP !== undefined) conversation.topP = topP
  const stop = fields.strings('stop_sequences')
  if (stop.length > 0) conversation.stop = stop
  const tools = fields.objects('tools').map(decodeTool)
  if (tools.length > 0) conversation.tools = tools
  choice(fields.object('tool_choice'), conversation)
  const config = fields.object('output_config')
  output(config?.object('format') ?? fields.object('output_format'), conversation)
  const reasoning = decodeThinking(fields, config)
  if (reasoning !== undefined) conversation.reasoning = reasoning
  const user = fields.object('metadata')?.string('user_id')
  if (user !== undefined) conversation.user = user
  conversation.extras = fields.extras()
  return conversation
}

/** What the provider would do by itself, and no other does. */
function refuse (fields: Fields): void {
  if (Array.isArray(fields.take('mcp_servers')) && fields.objects('mcp_servers').length > 0) {
    throw new Untranslatable('mcp_servers', 'This model\'s provider calls no MCP servers: call them from the client, as tools.')
  }
  if (fields.has('container')) {
    throw new Untranslatable('container', 'Containers live with another provider: leave out "container".')
  }
}

function decodeTool (fields: Fields): Tool {
  const type = fields.string('type') ?? 'custom'
  if (type !== 'custom') {
    throw new Untranslatable(fields.at('type'), `The tool "${type}" is built into another provider: this one takes tools of the client's only.`)
  }
  const tool: Tool = { name: fields.requiredString('name') }
  const description = fields.string('description')
  if (description !== undefined) tool.description = description
  const parameters = fields.record('input_schema')
  if (parameters !== undefined) tool.parameters = parameters
  const strict = fields.boolean('strict')
  if (strict !== undefined) tool.strict = strict
  const cache = decodeCache(fields)
  if (cache !== undefined) tool.cache = cache
  return tool
}

function choice (fields: Fields | undefined, conversation: Conversation): void {
  if (fields === undefined) return
  if (fields.boolean('disable_parallel_tool_use') === true) conversation.parallelToolCalls = false
  conversation.toolChoice = decodeChoice(fields)
}

function decodeChoice (fields: Fields): ToolChoice {
  const type = fields.requiredString('type')
  switch (type) {
    case 'auto':
    case 'none': return { type }
    case 'any': return { type: 'required' }
    case 'tool': return { type, name: fields.requiredString('name') }
    default: throw fields.wrong('type', 'must be "auto", "any", "tool" or "none"')
  }
}

function output (format: Fields | undefined, conversation: Conversation): void {
  if (format === undefined) return
  const type = format.string('type')
  if (type !== 'json_schema') throw format.wrong('type', 'must be "json_schema"')
  conversation.output = { type: 'json-schema', schema: format.record('schema') ?? { type: 'object' } }
}

/** `thinking` says whether and how far, `output_config.effort` how hard. */
function decodeThinking (fields: Fields, config: Fields | undefined): Reasoning | undefined {
  const reasoning: Reasoning = {}
  const effort = config && decodeEffort(config)
  if (effort !== undefined) reasoning.effort = effort
  const thinking = fields.object('thinking')
  const type = thinking?.word('type', ['adaptive', 'enabled', 'disabled'])
  if (type === 'adaptive') reasoning.adaptive = true
  if (type === 'disabled') reasoning.effort = 'none'
  const budget = type === 'enabled' ? thinking?.number('budget_tokens') : undefined
  if (budget !== undefined) reasoning.budget = budget
  if (thinking?.word('display', ['summarized']) !== undefined) reasoning.shown = true
  return Object.keys(reasoning).length === 0 ? undefined : reasoning
}

/** The efforts that Messages has words for: not to think is said by `thinking`. */
const WORDS = ['low', 'medium', 'high', 'xhigh', 'max'] as const

function decodeEffort (config: Fields): Reasoning['effort'] {
  const word = config.string('effort')
  const effort = WORDS.find((known) => known === word)
  if (word !== undefined && effort === undefined) throw config.wrong('effort', `must be one of ${WORDS.join(', ')}`)
  return effort
}
