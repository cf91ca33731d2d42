import type { Conversation, Tool, ToolChoice } from '../conversation.ts'
import { Untranslatable } from '../dialect.ts'
import type { Fields } from '../fields.ts'
import type { FlatNames } from './tool-names.ts'

type Namespace = Pick<NonNullable<Tool['namespace']>, 'name' | 'description'>

/** The tools on offer, also those that items of the input add. */
export function decodeTools (body: Fields, items: Fields[], names: FlatNames): Tool[] {
  const added = items.filter((item) => item.string('type') === 'additional_tools')
  return [body, ...added].flatMap((fields) => fields.objects('tools')).flatMap((tool) => decodeTool(tool, names))
}

function decodeTool (fields: Fields, names: FlatNames, namespace?: Namespace): Tool[] {
  const type = fields.requiredString('type')
  switch (type) {
    case 'function': return [decodeFunction(fields, names, namespace)]
    case 'custom': return [decodeCustom(fields, names, namespace)]
    case 'namespace': {
      const description = fields.string('description')
      const group = { name: fields.requiredString('name'), ...description !== undefined && { description } }
      return fields.objects('tools').flatMap((tool) => decodeTool(tool, names, group))
    }
    default: throw new Untranslatable(fields.at('type'), `The tool "${type}" is built into another provider: this one takes tools of the client's only.`)
  }
}

function decodeFunction (fields: Fields, names: FlatNames, namespace?: Namespace): Tool {
  const tool = named(fields, names, namespace)
  const parameters = fields.record('parameters')
  if (parameters !== undefined) tool.parameters = parameters
  const strict = fields.boolean('strict')
  if (strict !== undefined) tool.strict = strict
  return tool
}

function decodeCustom (fields: Fields, names: FlatNames, namespace?: Namespace): Tool {
  const format = fields.record('format')
  return { ...named(fields, names, namespace), custom: format === undefined || format.type === 'text' ? {} : { format } }
}

function named (fields: Fields, names: FlatNames, namespace?: Namespace): Tool {
  const name = fields.requiredString('name')
  const description = fields.string('description')
  return {
    name: names.flat(namespace?.name, name),
    ...description !== undefined && { description },
    ...namespace !== undefined && { namespace: { ...namespace, tool: name } }
  }
}

/** How to choose among the tools. What is not allowed is taken off the offer: a model cannot call what it is not shown. */
export function decodeChoice (body: Fields, conversation: Conversation, names: FlatNames): ToolChoice | undefined {
  const value = body.take('tool_choice')
  if (value === undefined) return undefined
  if (value === 'auto' || value === 'none' || value === 'required') return { type: value }
  if (typeof value === 'string') throw body.wrong('tool_choice', 'must be "auto", "none", "required" or an object')
  const choice = body.requiredObject('tool_choice')
  const type = choice.requiredString('type')
  if (type === 'function' || type === 'custom') return { type: 'tool', name: names.flat(choice.string('namespace'), choice.requiredString('name')) }
  if (type !== 'allowed_tools') throw unknownChoice(type)
  const allowed = new Set(choice.objects('tools').map((tool) => {
    const kind = tool.requiredString('type')
    if (kind !== 'function' && kind !== 'custom') throw unknownChoice(kind)
    return names.flat(tool.string('namespace'), tool.requiredString('name'))
  }))
  conversation.tools = conversation.tools?.filter(({ name }) => allowed.has(name)) ?? []
  return { type: choice.string('mode') === 'required' ? 'required' : 'auto' }
}

function unknownChoice (type: string): Untranslatable {
  return new Untranslatable('tool_choice', `A tool choice of type "${type}" is not known to this model's provider.`)
}
