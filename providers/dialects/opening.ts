import { isObject } from './json.ts'

/**
 * How a conversation begins, in any dialect: its instructions and the first thing said, which every later request of it
 * repeats, and which a provider's prompt cache has. A name that the client itself gives the cache goes before.
 */
export function openingOf ({ prompt_cache_key: name, system, instructions, messages, input, prompt }: Record<string, unknown>): string {
  if (typeof name === 'string') return name
  return JSON.stringify([system, instructions, ...[messages, input, prompt].map(firstSaid)], plain)
}

/** Marks for a provider's cache move on with each turn, and what bears none is often one text, not a list of it. */
function plain (name: string, value: unknown): unknown {
  if (name === 'cache_control') return undefined
  const [part, ...others]: unknown[] = Array.isArray(value) ? value : []
  return others.length === 0 && isObject(part) && part.type === 'text' ? part.text : value
}

/** Up to the first word of the user's. */
function firstSaid (said: unknown): unknown {
  if (!Array.isArray(said)) return said
  const user = said.findIndex((item) => isObject(item) && item.role === 'user')
  return said.slice(0, user === -1 ? 1 : user + 1)
}
