import type { Conversation, Names, Reasoning } from '../conversation.ts'
import { Untranslatable } from '../dialect.ts'
import { EFFORTS, isEffort } from '../effort.ts'
import { Fields } from '../fields.ts'
import type { NoOps } from '../fields.ts'
import { check } from '../judge.ts'
import { decodeMessages } from './decode-messages.ts'
import { decodeCalling } from './decode-tools.ts'
import { ChatRequest } from './schema.ts'

export const names: Names = {
  maxOutputTokens: 'max_completion_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  stop: 'stop',
  output: 'response_format',
  outputDescription: 'response_format.json_schema.description',
  reasoning: 'reasoning_effort',
  user: 'user',
  tools: 'tools',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'parallel_tool_calls',
  toolFormat: 'tools[].custom.format',
  metadata: 'metadata',
  verbosity: 'verbosity',
  serviceTier: 'service_tier',
  promptCache: 'prompt_cache_key',
  logprobs: 'logprobs',
  role: 'messages[].role',
  image: 'messages[].content[].image_url',
  imageDetail: 'messages[].content[].image_url.detail',
  document: 'messages[].content[].file',
  audio: 'messages[].content[].input_audio',
  reasoningPart: 'messages[].reasoning_content',
  arguments: 'messages[].tool_calls[].function.arguments',
  toolResult: 'messages[].content',
  isError: 'messages[].content',
  cache: 'messages[].content[].cache_control',
  foreign: 'messages[].content[]'
}

const noOps: NoOps = {
  n: [1],
  store: [false],
  frequency_penalty: [0],
  presence_penalty: [0],
  modalities: [['text']],
  parallel_tool_calls: [true],
  'tools[].strict': [false],
  'messages[].content[].image_url.detail': ['auto']
}

/** Everything Chat Completions can say about a conversation, in neutral words. */
export function decodeRequest (body: Record<string, unknown>): Conversation {
  check(ChatRequest, body)
  const fields = new Fields(body, noOps)
  refuse(fields)
  const conversation: Conversation = {
    model: fields.requiredString('model'),
    turns: decodeMessages(fields.objects('messages')),
    stream: fields.boolean('stream') ?? false,
    extras: {},
    names
  }
  // Usage in the stream is the gateway's own affair; padding against observers is a chunk's.
  fields.take('stream_options')
  limits(fields, conversation)
  decodeCalling(fields, conversation)
  output(fields, conversation)
  const reasoning = decodeEffort(fields)
  if (reasoning !== undefined) conversation.reasoning = reasoning
  keeping(fields, conversation)
  conversation.extras = fields.extras()
  // The reply speaks of tools, not of functions: whoever uses the older form is told.
  if (fields.has('functions')) conversation.extras.functions = true
  return conversation
}

/** What cannot be left out without the request meaning something else. */
function refuse (fields: Fields): void {
  const n = fields.number('n') ?? 1
  if (n > 1) throw new Untranslatable('n', `This model's provider gives one answer a request: send n = 1, or ${n} requests.`)
  const modalities = fields.strings('modalities')
  if (modalities.some((modality) => modality !== 'text')) {
    throw new Untranslatable('modalities', 'This model\'s provider answers in text only: leave out "modalities" and "audio".')
  }
  if (fields.has('web_search_options')) {
    throw new Untranslatable('web_search_options', 'Web search by "web_search_options" is a tool of another provider: leave it out, or search with a function of your own.')
  }
}

function limits (fields: Fields, conversation: Conversation): void {
  const completion = fields.number('max_completion_tokens')
  const cap = completion ?? (fields.has('max_tokens') ? fields.number('max_tokens') : undefined)
  if (cap !== undefined) conversation.maxOutputTokens = cap
  if (completion !== undefined) fields.take('max_tokens')
  const temperature = fields.number('temperature')
  if (temperature !== undefined) conversation.temperature = temperature
  const topP = fields.number('top_p')
  if (topP !== undefined) conversation.topP = topP
  const stop = fields.take('stop')
  if (typeof stop === 'string') conversation.stop = [stop]
  else if (Array.isArray(stop) && stop.length > 0) conversation.stop = stop.map(String)
}

/** How the provider is to treat the request, and what it keeps of it. */
function keeping (fields: Fields, conversation: Conversation): void {
  const user = fields.string('user') ?? fields.string('safety_identifier')
  if (user !== undefined) conversation.user = user
  const metadata = fields.record('metadata')
  if (metadata !== undefined && Object.keys(metadata).length > 0) conversation.metadata = metadata
  const verbosity = fields.string('verbosity')
  if (verbosity !== undefined) conversation.verbosity = verbosity
  const tier = fields.string('service_tier')
  if (tier !== undefined) conversation.serviceTier = tier
  const key = fields.string('prompt_cache_key')
  const retention = fields.string('prompt_cache_retention')
  if (key !== undefined || retention !== undefined) conversation.promptCache = { ...key !== undefined && { key }, ...retention !== undefined && { retention } }
  const top = fields.number('top_logprobs') ?? 0
  if (fields.boolean('logprobs') === true || top > 0) conversation.logprobs = top > 0 ? { top } : {}
}

function output (fields: Fields, conversation: Conversation): void {
  const format = fields.object('response_format')
  const type = format?.string('type')
  if (format === undefined || type === 'text') return
  if (type === 'json_object') {
    conversation.output = { type: 'json' }
    return
  }
  if (type !== 'json_schema') throw new Untranslatable('response_format', `A response format of type "${type}" is not known to this model's provider.`)
  const schema = format.requiredObject('json_schema')
  conversation.output = { type: 'json-schema', schema: schema.record('schema') ?? { type: 'object' } }
  const name = schema.string('name')
  if (name !== undefined) conversation.output.name = name
  const description = schema.string('description')
  if (description !== undefined) conversation.output.description = description
  const strict = schema.boolean('strict')
  if (strict !== undefined) conversation.output.strict = strict
}

/** `reasoning_effort`; OpenRouter's `reasoning: { effort, max_tokens, enabled }`; DeepSeek's `thinking: { type }`. */
function decodeEffort (fields: Fields): Reasoning | undefined {
  const reasoning: Reasoning = {}
  const wider = fields.object('reasoning')
  const word = fields.string('reasoning_effort') ?? wider?.string('effort')
  if (isEffort(word)) reasoning.effort = word
  else if (word !== undefined) throw fields.wrong('reasoning_effort', `must be one of ${EFFORTS.join(', ')}`)
  const budget = wider?.number('max_tokens')
  if (budget !== undefined) reasoning.budget = budget
  const thinking = fields.object('thinking')
  const type = thinking?.word('type', ['enabled', 'disabled'])
  const on = wider?.boolean('enabled') ?? (type === 'enabled' ? true : type === 'disabled' ? false : undefined)
  if (on === false) reasoning.effort = 'none'
  if (on === true && reasoning.effort === undefined && budget === undefined) reasoning.adaptive = true
  return Object.keys(reasoning).length === 0 ? undefined : reasoning
}
