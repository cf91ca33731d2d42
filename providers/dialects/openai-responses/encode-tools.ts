import type { Conversation, Tool } from '../conversation.ts'
import { asFunction } from '../custom-tools.ts'
import type { ModelFacts } from '../dialect.ts'

type Wire = Record<string, unknown>

/** The tools on offer; those of a group together, where the first of them stands. */
export function encodeTools ({ tools = [], names }: Conversation, facts: ModelFacts, lossy: Set<string>): Wire[] {
  const groups = new Map<string, Wire[]>()
  return tools.flatMap((tool) => {
    const { namespace } = tool
    if (tool.cache !== undefined) lossy.add(names.cache)
    if (tool.custom?.format !== undefined && facts.customTools !== true) lossy.add(names.toolFormat)
    const wire = encodeTool(tool, facts)
    if (namespace === undefined) return [wire]
    const known = groups.get(namespace.name)
    known?.push(wire)
    if (known !== undefined) return []
    const group = [wire]
    groups.set(namespace.name, group)
    return [{ type: 'namespace', name: namespace.name, description: namespace.description ?? '', tools: group }]
  })
}

function encodeTool (tool: Tool, facts: ModelFacts): Wire {
  const name = tool.namespace?.tool ?? tool.name
  if (tool.custom !== undefined && facts.customTools === true) {
    return { type: 'custom', name, ...described(tool), ...tool.custom.format !== undefined && { format: tool.custom.format } }
  }
  const { parameters = { type: 'object', properties: {} }, strict = false, ...rest } = tool.custom === undefined ? tool : asFunction(tool)
  // Left out, `strict` means true here, which makes every property of a schema a required one.
  return { type: 'function', name, ...described(rest), parameters, strict }
}

function described ({ description }: Pick<Tool, 'description'>): Wire {
  return description === undefined ? {} : { description }
}

export function encodeChoice ({ toolChoice: choice, tools = [] }: Conversation, facts: ModelFacts): unknown {
  if (choice?.type !== 'tool') return choice?.type
  const tool = tools.find(({ name }) => name === choice.name)
  return {
    type: tool?.custom !== undefined && facts.customTools === true ? 'custom' : 'function',
    name: tool?.namespace?.tool ?? choice.name,
    ...tool?.namespace !== undefined && { namespace: tool.namespace.name }
  }
}
