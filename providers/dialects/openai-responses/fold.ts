import type { Fold } from '../dialect.ts'
import { isObject, objectOf, objectsOf, parseOrNothing, textOf, withoutPrototype } from '../json.ts'

type Item = Record<string, unknown>

/** The field of a part or an item that each kind of delta goes on. */
const FIELDS: Readonly<Record<string, string>> = {
  'response.output_text.delta': 'text',
  'response.refusal.delta': 'refusal',
  'response.reasoning_text.delta': 'text',
  'response.reasoning_summary_text.delta': 'text',
  'response.function_call_arguments.delta': 'arguments',
  'response.custom_tool_call_input.delta': 'input',
  'response.mcp_call_arguments.delta': 'arguments',
  'response.code_interpreter_call_code.delta': 'code'
}

/**
 * The response that a stream's last event holds. Where there is none, or it leaves out its output, the output is put
 * together from the events before it.
 */
export function fold (): Fold {
  let response: Record<string, unknown> = {}
  let error: unknown
  const items = new Map<unknown, Item>()

  const piece = (field: string, { output_index: at, content_index: content, summary_index: summary, delta }: Record<string, unknown>): void => {
    const item = items.get(at)
    const target = item === undefined || (content ?? summary) === undefined ? item : partOf(item, content ?? summary, content === undefined ? 'summary' : 'content')
    if (target !== undefined && typeof delta === 'string') target[field] = (textOf(target[field]) ?? '') + delta
  }

  return {
    push ({ data }) {
      const event = objectOf(parseOrNothing(data))
      const { type, output_index: at, item, part } = event
      if (type === 'error') error = event.error ?? { code: event.code, message: event.message, param: event.param ?? null }
      else if (isObject(event.response)) response = event.response
      else if (isObject(item)) items.set(at, item)
      else if (isObject(part)) {
        const list = event.content_index === undefined ? 'summary' : 'content'
        const found = items.get(at)
        if (found !== undefined) Object.assign(partOf(found, event.content_index ?? event.summary_index, list), withoutPrototype(part))
      } else if (typeof type === 'string' && Object.hasOwn(FIELDS, type)) piece(FIELDS[type] ?? '', event)
    },
    body () {
      const output = objectsOf(response.output)
      const ordered = [...items].sort(([a], [b]) => Number(a) - Number(b)).map(([, item]) => item)
      return { ...response, ...error !== undefined && !isObject(response.error) && { error }, output: output.length > 0 ? response.output : ordered }
    }
  }
}

/** The part at that place, made where it is the next. */
function partOf (item: Item, at: unknown, list: 'content' | 'summary'): Item {
  const told = item[list]
  const parts: unknown[] = Array.isArray(told) ? told : item[list] = []
  const part = typeof at === 'number' ? parts[at] : undefined
  if (isObject(part)) return part
  const made: Item = {}
  parts.push(made)
  return made
}
