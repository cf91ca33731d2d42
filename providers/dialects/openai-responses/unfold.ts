import { objectsOf, textOf, type JsonObject } from '../json.ts'
import type { SseEvent } from '../sse.ts'
import { isUnfinished } from './finish.ts'

type Write = (type: string, fields: JsonObject) => void

/** The event that tells the end of a response of each status. One that is still worked on has none. */
const ENDS: Readonly<Record<string, string>> = { incomplete: 'incomplete', failed: 'failed', cancelled: 'cancelled' }

/** A response as the stream it could have been: each item begun empty, then filled at once. */
export function unfold (body: JsonObject): SseEvent[] {
  const events: SseEvent[] = []
  const write: Write = (type, fields) => {
    events.push({ event: type, data: JSON.stringify({ type, sequence_number: events.length, ...fields }) })
  }
  const status = textOf(body.status) ?? 'completed'
  const begun = { ...body, status: isUnfinished(status) ? status : 'in_progress', error: null, incomplete_details: null, output: [], usage: null }
  write('response.created', { response: begun })
  write('response.in_progress', { response: begun })
  for (const [index, item] of objectsOf(body.output).entries()) unfoldItem(item, index, write)
  if (!isUnfinished(status)) write(`response.${Object.hasOwn(ENDS, status) ? ENDS[status] : 'completed'}`, { response: body })
  return events
}

function unfoldItem (item: JsonObject, index: number, write: Write): void {
  const at = { item_id: item.id, output_index: index }
  const { empty, fill } = take(item)
  write('response.output_item.added', { output_index: index, item: { ...empty, ...'status' in item && { status: 'in_progress' } } })
  fill((type, fields) => write(`response.${type}`, { ...at, ...fields }))
  write('response.output_item.done', { output_index: index, item })
}

/** An item as its first event says it, and what says the rest. */
function take (item: JsonObject): { empty: JsonObject, fill: (write: Write) => void } {
  switch (item.type) {
    case 'message': return { empty: { ...item, content: [] }, fill: (write) => unfoldContent(item, write) }
    case 'reasoning': {
      const { encrypted_content: _, ...rest } = item
      return {
        empty: { ...rest, summary: [], ...Array.isArray(item.content) && { content: [] } },
        fill (write) {
          unfoldContent(item, write)
          unfoldSummary(item, write)
        }
      }
    }
    case 'function_call': return { empty: { ...item, arguments: '' }, fill: (write) => unfoldText(write, 'function_call_arguments', 'arguments', item.arguments) }
    case 'custom_tool_call': return { empty: { ...item, input: '' }, fill: (write) => unfoldText(write, 'custom_tool_call_input', 'input', item.input) }
    default: return { empty: item, fill: () => {} }
  }
}

function unfoldContent (item: JsonObject, write: Write): void {
  for (const [index, part] of objectsOf(item.content).entries()) {
    const at = { content_index: index }
    const put: Write = (type, fields) => write(type, { ...at, ...fields })
    if (part.type === 'refusal') {
      put('content_part.added', { part: { ...part, refusal: '' } })
      unfoldText(put, 'refusal', 'refusal', part.refusal)
    } else {
      const lists = item.type === 'message' ? { annotations: [], logprobs: [] } : {}
      put('content_part.added', { part: { ...part, text: '', ...lists } })
      unfoldText(put, item.type === 'message' ? 'output_text' : 'reasoning_text', 'text', part.text, item.type === 'message' ? { logprobs: part.logprobs ?? [] } : {})
      for (const [i, annotation] of objectsOf(part.annotations).entries()) put('output_text.annotation.added', { annotation_index: i, annotation })
    }
    put('content_part.done', { part })
  }
}

function unfoldSummary (item: JsonObject, write: Write): void {
  for (const [index, part] of objectsOf(item.summary).entries()) {
    const at = { summary_index: index }
    write('reasoning_summary_part.added', { ...at, part: { ...part, text: '' } })
    unfoldText((type, fields) => write(type, { ...at, ...fields }), 'reasoning_summary_text', 'text', part.text)
    write('reasoning_summary_part.done', { ...at, part })
  }
}

/** A text in one delta, then once more as the whole it is. */
function unfoldText (write: Write, name: string, field: string, text: unknown, more: JsonObject = {}): void {
  if (textOf(text) !== undefined) write(`${name}.delta`, { delta: text, ...more })
  write(`${name}.done`, { [field]: text ?? '', ...more })
}
