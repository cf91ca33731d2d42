import type { Conversation, Names, Reasoning, Turn } from '../conversation.ts'
import { Untranslatable } from '../dialect.ts'
import { EFFORTS, isEffort } from '../effort.ts'
import { Fields } from '../fields.ts'
import type { NoOps } from '../fields.ts'
import { textOf } from '../json.ts'
import { check } from '../judge.ts'
import { decodeInput } from './decode-input.ts'
import { ResponsesRequest } from './schema.ts'
import { flatNames } from './tool-names.ts'
import { decodeChoice, decodeTools } from './decode-tools.ts'

export const names: Names = {
  maxOutputTokens: 'max_output_tokens',
  temperature: 'temperature',
  topP: 'top_p',
  stop: 'stop',
  output: 'text.format',
  outputDescription: 'text.format.description',
  reasoning: 'reasoning.effort',
  user: 'user',
  tools: 'tools',
  toolChoice: 'tool_choice',
  parallelToolCalls: 'parallel_tool_calls',
  toolFormat: 'tools[].format',
  metadata: 'metadata',
  verbosity: 'text.verbosity',
  serviceTier: 'service_tier',
  promptCache: 'prompt_cache_key',
  logprobs: 'top_logprobs',
  role: 'input[].role',
  image: 'input[].content[].image_url',
  imageDetail: 'input[].content[].detail',
  document: 'input[].content[].file_data',
  audio: 'input[].content[].input_audio',
  reasoningPart: 'input[].summary',
  arguments: 'input[].arguments',
  toolResult: 'input[].output',
  isError: 'input[].output',
  cache: 'input[].content[].prompt_cache_breakpoint',
  foreign: 'input[]'
}

const noOps: NoOps = {
  background: [false],
  store: [false],
  truncation: ['disabled'],
  'reasoning.context': ['auto'],
  'reasoning.mode': ['standard'],
  'reasoning.summary': ['auto'],
  'reasoning.generate_summary': ['auto'],
  'tools[].defer_loading': [false],
  'tools[].allowed_callers': [['direct']],
  'tools[].tools[].defer_loading': [false],
  'input[].caller': [{ type: 'direct' }],
  'input[].content[].detail': ['auto']
}

const PROOF = 'reasoning.encrypted_content'
const LOGPROBS = 'message.output_text.logprobs'

/** Everything Responses can say about a conversation, in neutral words. */
export function decodeRequest (body: Record<string, unknown>): Conversation {
  check(ResponsesRequest, body)
  const fields = new Fields(body, noOps)
  refuse(fields)
  const flat = flatNames(body)
  const items = typeof fields.take('input') === 'string' ? [] : fields.objects('input')
  const conversation: Conversation = {
    model: fields.requiredString('model'),
    turns: [...spoken(fields, 'system', 'instructions'), ...spoken(fields, 'user', 'input'), ...decodeInput(items, flat)],
    stream: fields.boolean('stream') ?? false,
    extras: {},
    names
  }
  // Padding against observers is a stream's.
  fields.take('stream_options')
  limits(fields, conversation)
  const tools = decodeTools(fields, items, flat)
  if (tools.length > 0) conversation.tools = tools
  const choice = decodeChoice(fields, conversation, flat)
  if (choice !== undefined) conversation.toolChoice = choice
  const parallel = fields.boolean('parallel_tool_calls')
  if (parallel !== undefined) conversation.parallelToolCalls = parallel
  text(fields.object('text'), conversation)
  const reasoning = decodeReasoning(fields.object('reasoning'))
  if (reasoning !== undefined) conversation.reasoning = reasoning
  keeping(fields, conversation)
  const unsaid = include(fields, conversation)
  conversation.extras = fields.extras()
  if (unsaid.length > 0) conversation.extras.include = unsaid
  return conversation
}

/** What leans on something that the provider keeps, or that it would go on doing by itself. */
function refuse (fields: Fields): void {
  for (const name of ['previous_response_id', 'conversation']) {
    if (fields.has(name)) {
      throw new Untranslatable(name, `This model's provider keeps no conversations: leave out "${name}" and send the history as items in "input", with "store": false and "include": ["${PROOF}"] to have its reasoning too.`)
    }
  }
  if (fields.has('prompt')) throw new Untranslatable('prompt', 'Stored prompts live with another provider: send the text as "instructions" and "input".')
  if (fields.boolean('background') === true) throw new Untranslatable('background', 'This model\'s provider does not answer in the background: leave out "background".')
}

/** A field of plain text as a turn. */
function spoken (fields: Fields, role: Turn['role'], name: string): Turn[] {
  const text = textOf(fields.take(name))
  return text === undefined ? [] : [{ role, parts: [{ type: 'text', text }] }]
}

function limits (fields: Fields, conversation: Conversation): void {
  const cap = fields.number('max_output_tokens')
  if (cap !== undefined) conversation.maxOutputTokens = cap
  const temperature = fields.number('temperature')
  if (temperature !== undefined) conversation.temperature = temperature
  const topP = fields.number('top_p')
  if (topP !== undefined) conversation.topP = topP
}

/** The answer's form and length. */
function text (fields: Fields | undefined, conversation: Conversation): void {
  const verbosity = fields?.string('verbosity')
  if (verbosity !== undefined) conversation.verbosity = verbosity
  const format = fields?.object('format')
  const type = format?.string('type')
  if (format === undefined || type === 'text') return
  if (type === 'json_object') {
    conversation.output = { type: 'json' }
    return
  }
  if (type !== 'json_schema') throw new Untranslatable('text.format', `A text format of type "${type}" is not known to this model's provider.`)
  conversation.output = { type: 'json-schema', schema: format.record('schema') ?? { type: 'object' } }
  const name = format.string('name')
  if (name !== undefined) conversation.output.name = name
  const description = format.string('description')
  if (description !== undefined) conversation.output.description = description
  const strict = format.boolean('strict')
  if (strict !== undefined) conversation.output.strict = strict
}

function decodeReasoning (fields: Fields | undefined): Reasoning | undefined {
  if (fields === undefined) return undefined
  const reasoning: Reasoning = {}
  const word = fields.string('effort')
  if (isEffort(word)) reasoning.effort = word
  else if (word !== undefined) throw fields.wrong('effort', `must be one of ${EFFORTS.join(', ')}`)
  // Any summary shows the thought; a wish for a long or a short one is left unread, so that it is reported.
  if (fields.has('summary') || fields.has('generate_summary')) reasoning.shown = true
  return Object.keys(reasoning).length === 0 ? undefined : reasoning
}

/** What the provider is to keep beside the reply, and by which name it knows whose it is. */
function keeping (fields: Fields, conversation: Conversation): void {
  const user = fields.string('user') ?? fields.string('safety_identifier')
  if (user !== undefined) conversation.user = user
  const metadata = fields.record('metadata')
  if (metadata !== undefined && Object.keys(metadata).length > 0) conversation.metadata = metadata
  const tier = fields.string('service_tier')
  if (tier !== undefined) conversation.serviceTier = tier
  const key = fields.string('prompt_cache_key')
  const retention = fields.string('prompt_cache_retention')
  if (key !== undefined || retention !== undefined) conversation.promptCache = { ...key !== undefined && { key }, ...retention !== undefined && { retention } }
}

/** @returns what it asks for that has no neutral meaning */
function include (fields: Fields, conversation: Conversation): string[] {
  const wanted = fields.strings('include')
  const top = fields.number('top_logprobs') ?? 0
  if (wanted.includes(LOGPROBS) || top > 0) conversation.logprobs = top > 0 ? { top } : {}
  return wanted.filter((name) => name !== PROOF && name !== LOGPROBS)
}
