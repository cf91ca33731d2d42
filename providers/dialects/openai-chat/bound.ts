import { answersOf, capOf, entriesOf, says, Tally } from '../bound.ts'
import type { Bound, ModelFacts } from '../dialect.ts'
import { objectsOf, textOf } from '../json.ts'
import { promptCache } from '../openai-bound.ts'

/** Parts that are text; `thinking` is Mistral's form of reasoning between turns. */
const TEXT: ReadonlySet<string> = new Set(['text', 'refusal', 'thinking'])

/**
 * Fields with fees, or that may choose a dearer model; those behind `prediction` are of servers in front of others. What of
 * a prediction is not used is charged as output, and such a request takes no cap.
 */
const FEES = [
  'audio', 'web_search_options', 'prediction',
  'plugins', 'models', 'route', 'fallbacks', 'search_parameters', 'search_settings', 'enable_search', 'web_search', 'web_search_enabled'
]

/** What a request may cost at most: https://platform.openai.com/docs/api-reference/chat/create */
export function bound (body: Record<string, unknown>): Bound {
  const tally = new Tally()
  tally.refuseFields(body, FEES)
  tally.serviceTier(body.service_tier)
  tally.model(body.model)
  if (Array.isArray(body.modalities) && body.modalities.some((kind) => kind !== 'text')) tally.refuse('modalities')
  // A template of the client's own may say anything, any number of times.
  if (says(body.chat_template)) tally.hide()
  promptCache(tally, body)

  for (const [i, message] of entriesOf(body.messages)) {
    tally.content(message.content, `messages[${i}].content`, TEXT)
    if (says(message.audio)) tally.refuse(`messages[${i}].audio`)
    if (says(message.images)) tally.hide()
    tally.breakpoint(message.cache_control)
  }
  objectsOf(body.functions).forEach(() => tally.tool())
  for (const [i, tool] of entriesOf(body.tools)) {
    const type = textOf(tool.type) ?? 'function'
    tally.breakpoint(tool.cache_control)
    if (type === 'function' || type === 'custom') tally.tool()
    else tally.refuse(`tools[${i}] (${type})`)
  }
  tally.bound.choices = answersOf(body.n, body.best_of)
  tally.output(saidCap(body))
  return tally.bound
}

/** A server that knows the newer name knows both. `null` is as if the field were not there. */
export function cap (tokens: number, body: Record<string, unknown>, { capName = 'max_tokens' }: ModelFacts): Record<string, unknown> {
  const other = capName === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens'
  const heard = capOf(body[capName]) ?? (capName === 'max_tokens' ? undefined : capOf(body.max_tokens))
  if (heard !== undefined && (saidCap(body) ?? Infinity) <= tokens) return {}
  return { [capName]: tokens, ...says(body[other]) && { [other]: null } }
}

/** Where both names are there, a server may go by either. */
function saidCap ({ max_completion_tokens: newer, max_tokens: older }: Record<string, unknown>): number | undefined {
  const caps = [capOf(newer), capOf(older)].filter((cap) => cap !== undefined)
  return caps.length === 0 ? undefined : Math.max(...caps)
}
