import { objectsOf, textOf } from '../json.ts'

/** What other vendors take as the name of a tool. */
const LONGEST = 64

/** The tools of a request under names without groups, and the way back. */
export interface FlatNames {
  /** The flat name of a tool; also of one that the request does not define, such as a tool that only its history calls. */
  flat (namespace: string | undefined, name: string): string
  /** What the client calls the tool of that flat name, and whether it takes text instead of JSON. */
  split (flat: string): ToolName | undefined
}

export interface ToolName {
  namespace?: string
  name: string
  custom: boolean
}

/**
 * Flattens the tools that a request defines, in `tools` and in items of `additional_tools`. A tool of a group is
 * called `group__tool`; where that is too long, taken or not of letters, digits, `_` and `-`, it ends in a mark that
 * depends on both names alone. A tool without a group keeps its name.
 *
 * The same request always gives the same names: the reply is read by a table made anew.
 *
 * @param request the client's own body
 */
export function flatNames (request: Record<string, unknown> | undefined): FlatNames {
  const named = definedTools(request).flatMap(namesOf)
  const toFlat = new Map<string, string>()
  const fromFlat = new Map<string, ToolName>()
  for (const tool of [...named.filter(({ namespace }) => namespace === undefined), ...named.filter(({ namespace }) => namespace !== undefined)]) {
    const key = keyOf(tool.namespace, tool.name)
    if (toFlat.has(key)) continue
    const flat = tool.namespace === undefined ? tool.name : free(tool.namespace, tool.name, fromFlat)
    toFlat.set(key, flat)
    fromFlat.set(flat, tool)
  }
  return {
    flat (namespace, name) {
      const known = toFlat.get(keyOf(namespace, name))
      if (known !== undefined || namespace === undefined) return known ?? name
      // A tool that the model searched for is called by its name in a group of the same name.
      return namespace === name && toFlat.has(keyOf(undefined, name)) ? name : free(namespace, name, fromFlat)
    },
    split: (flat) => fromFlat.get(flat)
  }
}

/** Everything that a request defines as a tool. */
function definedTools (request: Record<string, unknown> = {}): Array<Record<string, unknown>> {
  const added = objectsOf(request.input).filter(({ type }) => type === 'additional_tools').flatMap(({ tools }) => objectsOf(tools))
  return [...objectsOf(request.tools), ...added]
}

function namesOf (tool: Record<string, unknown>): ToolName[] {
  const name = textOf(tool.name)
  if (name === undefined) return []
  if (tool.type !== 'namespace') return [{ name, custom: tool.type === 'custom' }]
  return objectsOf(tool.tools).flatMap(namesOf).map((inner) => ({ namespace: name, ...inner }))
}

function free (namespace: string, name: string, taken: ReadonlyMap<string, unknown>): string {
  const joined = namespace.endsWith('__') ? namespace + name : `${namespace}__${name}`
  const clean = joined.replaceAll(/[^a-zA-Z0-9_-]/g, '_')
  if (clean === joined && clean.length <= LONGEST && !taken.has(clean)) return clean
  for (let n = 0; ; n++) {
    const mark = `_${hash(keyOf(namespace, name) + (n === 0 ? '' : n))}`
    const marked = clean.slice(0, LONGEST - mark.length) + mark
    if (!taken.has(marked)) return marked
  }
}

function keyOf (namespace: string | undefined, name: string): string {
  return JSON.stringify([namespace ?? null, name])
}

/** FNV-1a, for a mark that is short and always the same; http://www.isthe.com/chongo/tech/comp/fnv/ */
function hash (text: string): string {
  let value = 0x811c9dc5
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193)
  return (value >>> 0).toString(16).padStart(8, '0')
}
