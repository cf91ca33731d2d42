import type { Conversation, Tool, ToolChoice } from '../conversation.ts'
import { asFunction } from '../custom-tools.ts'
import type { ModelFacts } from '../dialect.ts'

export function encodeTool (tool: Tool, { names }: Conversation, facts: ModelFacts, lossy: Set<string>): Record<string, unknown> {
  if (tool.cache !== undefined) lossy.add(names.cache)
  if (tool.custom === undefined) return encodeFunction(tool)
  if (facts.customTools === true) return { type: 'custom', custom: encodeCustom(tool, tool.custom.format) }
  if (tool.custom.format !== undefined) lossy.add(names.toolFormat)
  return encodeFunction(asFunction(tool))
}

function encodeFunction ({ name, description, parameters, strict }: Tool): Record<string, unknown> {
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

function encodeCustom ({ name, description }: Tool, format: Record<string, unknown> | undefined): Record<string, unknown> {
  const { type, ...grammar } = format ?? {}
  return { name, ...description !== undefined && { description }, ...format !== undefined && { format: { type, grammar } } }
}

export function encodeChoice (choice: ToolChoice, tools: Tool[], facts: ModelFacts): unknown {
  if (choice.type !== 'tool') return choice.type
  const { name } = choice
  const custom = facts.customTools === true && tools.some((tool) => tool.name === name && tool.custom !== undefined)
  return custom ? { type: 'custom', custom: { name } } : { type: 'function', function: { name } }
}
