import type { Tool } from './conversation.ts'
import { parseExactObject } from './json.ts'

/** Custom tools take text. Calls of them carry it as the JSON of a function's one argument, `{"input": "…"}`. */

/** A custom tool as a function, for who knows no custom tools: the grammar of its text is told the model in words. */
export function asFunction ({ name, description, custom, cache }: Tool): Tool {
  const { type, syntax, definition } = custom?.format ?? {}
  const grammar = type === 'grammar' ? `The input must follow this ${String(syntax)} grammar:\n\n${String(definition)}` : undefined
  const told = [description, grammar].filter((text) => text !== undefined).join('\n\n')
  return {
    name,
    ...told !== '' && { description: told },
    parameters: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'], additionalProperties: false },
    ...cache !== undefined && { cache }
  }
}

/** The text for a custom tool as arguments. */
export function wrapInput (input: string): string {
  return JSON.stringify({ input })
}

/** The text within the arguments; the arguments themselves where a model has written something else. */
export function unwrapInput (json: string): string {
  const input = parseExactObject(json)?.input
  return typeof input === 'string' ? input : json
}
