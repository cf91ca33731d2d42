import type { Conversation, Tool, ToolChoice } from '../conversation.ts'
import { Untranslatable } from '../dialect.ts'
import type { Fields } from '../fields.ts'
import { isObject } from '../json.ts'
import { decodeCache } from './cache.ts'

/** What the model may call, and how it is to choose. */
export function decodeCalling (fields: Fields, conversation: Conversation): void {
  const list = fields.objects('tools').map(decodeTool)
  for (const legacy of fields.objects('functions')) list.push(decodeFunction(legacy))
  if (list.length > 0) conversation.tools = list
  const parallel = fields.boolean('parallel_tool_calls')
  if (parallel !== undefined) conversation.parallelToolCalls = parallel
  const choice = decodeChoice(fields, conversation) ?? decodeLegacyChoice(fields)
  if (choice !== undefined) conversation.toolChoice = choice
}

function decodeTool (fields: Fields): Tool {
  const type = fields.string('type') ?? 'function'
  const decode = type === 'function' ? decodeFunction : type === 'custom' ? decodeCustom : undefined
  if (decode === undefined) {
    throw new Untranslatable(fields.at('type'), `Tools of type "${type}" are built into another provider: this one takes functions only.`)
  }
  const tool = decode(fields.requiredObject(type))
  const cache = decodeCache(fields)
  return cache === undefined ? tool : { ...tool, cache }
}

function decodeFunction (fields: Fields): Tool {
  const tool = named(fields)
  const parameters = fields.record('parameters')
  if (parameters !== undefined) tool.parameters = parameters
  const strict = fields.boolean('strict')
  if (strict !== undefined) tool.strict = strict
  return tool
}

/** The grammar stands in an object of its own here; a neutral format has it beside its type. */
function decodeCustom (fields: Fields): Tool {
  const { type, grammar, ...rest } = fields.record('format') ?? { type: 'text' }
  return { ...named(fields), custom: type === 'text' ? {} : { format: { type, ...rest, ...isObject(grammar) ? grammar : {} } } }
}

function named (fields: Fields): Tool {
  const name = fields.requiredString('name')
  const description = fields.string('description')
  return description === undefined ? { name } : { name, description }
}

function decodeChoice (fields: Fields, conversation: Conversation): ToolChoice | undefined {
  const value = fields.take('tool_choice')
  if (value === undefined) return undefined
  if (value === 'auto' || value === 'none' || value === 'required') return { type: value }
  // Mistral's word for it.
  if (value === 'any') return { type: 'required' }
  if (typeof value === 'string') throw fields.wrong('tool_choice', 'must be "auto", "none", "required" or an object')
  const choice = fields.requiredObject('tool_choice')
  const type = choice.string('type') ?? 'function'
  if (type === 'function' || type === 'custom') return { type: 'tool', name: choice.requiredObject(type).requiredString('name') }
  if (type !== 'allowed_tools') throw new Untranslatable('tool_choice', `A tool choice of type "${type}" is not known to this model's provider.`)
  const allowed = choice.requiredObject('allowed_tools')
  const allowedNames = new Set(allowed.objects('tools').map((tool) =>
    tool.requiredObject(tool.string('type') === 'custom' ? 'custom' : 'function').requiredString('name')))
  // A model that is not shown a tool cannot call it: what the choice allows is what the request offers.
  conversation.tools = conversation.tools?.filter(({ name }) => allowedNames.has(name)) ?? []
  return { type: allowed.string('mode') === 'required' ? 'required' : 'auto' }
}

function decodeLegacyChoice (fields: Fields): ToolChoice | undefined {
  const value = fields.take('function_call')
  if (value === undefined) return undefined
  if (value === 'auto' || value === 'none') return { type: value }
  return { type: 'tool', name: fields.requiredObject('function_call').requiredString('name') }
}
