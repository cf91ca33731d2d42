import { breakpoints, capOf, entriesOf, says, Tally } from '../bound.ts'
import type { Bound } from '../dialect.ts'
import { isObject, objectOf, textOf } from '../json.ts'

/** Blocks that are text, and such as say something of it. */
const TEXT: ReadonlySet<string> = new Set(['text', 'tool_use', 'tool_reference', 'tool_removal', 'fallback'])
/** Tools that the vendor describes and the client runs. Sets of them may be of any length. */
const BUILT_IN = /^(?:bash|text_editor|computer|memory)_\d+$/
const TOOLSET = /^(?:browser|computer)_toolset_\d+$/
/** Fields that make the provider call models more often than once, or other ones. */
const FEES = ['mcp_servers', 'fallbacks', 'compaction']

/** What a request may cost at most: https://platform.claude.com/docs/en/api/messages */
export function bound (body: Record<string, unknown>): Bound {
  const tally = new Tally()
  tally.refuseFields(body, FEES)
  tally.serviceTier(body.service_tier)
  if (says(body.speed) && body.speed !== 'standard') tally.refuse('speed')
  // Elsewhere it costs a tenth more.
  if (says(body.inference_geo) && body.inference_geo !== 'global') tally.refuse('inference_geo')
  // Some edits leave text out; others have a model write it anew.
  for (const [i, { type }] of entriesOf(objectOf(body.context_management).edits)) {
    if (textOf(type)?.startsWith('clear_') !== true) tally.refuse(`context_management.edits[${i}] (${String(type)})`)
  }
  if (says(body.container) || textOf(objectOf(body.thread).previous_message_id) !== undefined) tally.hide()
  tally.breakpoint(body.cache_control)

  content(tally, body.system)
  for (const [i, message] of entriesOf(body.messages)) content(tally, message.content, `messages[${i}].content`)
  for (const [i, entry] of entriesOf(body.tools)) tool(tally, entry, `tools[${i}]`)
  tally.output(body.max_tokens === 0 ? 0 : capOf(body.max_tokens))
  return tally.bound
}

export function cap (tokens: number, { max_tokens: said }: Record<string, unknown>): Record<string, unknown> {
  return typeof said === 'number' && said <= tokens ? {} : { max_tokens: tokens }
}

function content (tally: Tally, blocks: unknown, path = 'system'): void {
  if (isObject(blocks)) tally.hide()
  for (const [i, block] of entriesOf(blocks)) {
    const type = textOf(block.type) ?? ''
    tally.breakpoint(block.cache_control)
    // Their proofs are what the model thought, where only a summary of it is told.
    if (type === 'thinking') tally.seal(block.signature, textOf(block.thinking) !== undefined)
    else if (type === 'redacted_thinking') tally.seal(block.data, false)
    else if (type === 'tool_result') content(tally, block.content, `${path}[${i}].content`)
    else if (type === 'tool_addition') addition(tally, objectOf(block.tool), `${path}[${i}].tool`)
    else if (!TEXT.has(type)) {
      tally.hide()
      breakpoints(tally, block)
    }
  }
}

/** A tool that the conversation adds, by its definition or the name of one that is there. */
function addition (tally: Tally, { definition }: Record<string, unknown>, path: string): void {
  if (isObject(definition)) tool(tally, definition, `${path}.definition`)
}

function tool (tally: Tally, entry: Record<string, unknown>, path: string): void {
  const type = textOf(entry.type) ?? 'custom'
  tally.breakpoint(entry.cache_control)
  if (type === 'custom') tally.tool()
  else if (BUILT_IN.test(type)) tally.builtIn()
  else if (TOOLSET.test(type)) tally.hide()
  else tally.refuse(`${path} (${type})`)
}
