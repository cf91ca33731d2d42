import { entriesOf, says } from './bound.ts'
import type { Tally } from './bound.ts'
import { isObject, objectOf, objectsOf, textOf } from './json.ts'

/** What bounds the input of a response, as Responses and the endpoint that shortens a conversation take it. */

const TEXT: ReadonlySet<string> = new Set(['input_text', 'output_text', 'text', 'refusal', 'reasoning_text', 'summary_text'])
/** Items that are text, be they the model's calls or what came of them. */
const CALLS: ReadonlySet<string> = new Set([
  'function_call', 'custom_tool_call', 'local_shell_call', 'shell_call', 'apply_patch_call', 'tool_search_call', 'configuration_update'
])
const OUTPUTS: ReadonlySet<string> = new Set([
  'function_call_output', 'custom_tool_call_output', 'local_shell_call_output', 'shell_call_output', 'apply_patch_call_output'
])
/** Tools that the vendor describes and the client runs. */
const BUILT_IN: ReadonlySet<string> = new Set(['local_shell', 'apply_patch', 'computer', 'computer_use_preview'])

/**
 * The newer models charge for writing to the prompt cache, which they do unasked; for the others no such rate is listed.
 * What writes cost that are kept longer than by default is not told.
 */
export function promptCache (tally: Tally, { prompt_cache_options: options, cache_control: control }: Record<string, unknown>): void {
  tally.cacheWrite('5m')
  tally.breakpoint(control)
  const { ttl } = objectOf(options)
  if (says(ttl) && ttl !== '30m') tally.refuse('prompt_cache_options.ttl')
}

/** What the model is given, with the earlier turns that the provider keeps. */
export function input (tally: Tally, body: Record<string, unknown>): void {
  for (const kept of ['previous_response_id', 'conversation', 'prompt']) {
    if (says(body[kept])) tally.hide()
  }
  if (isObject(body.input)) tally.hide()
  for (const [i, entry] of entriesOf(body.input)) item(tally, entry, `input[${i}]`)
}

/** Tools of the client's own, also in groups. All others are run by the provider, for fees and in further rounds. */
export function tools (tally: Tally, list: unknown, path: string): void {
  for (const [i, tool] of entriesOf(list)) {
    const type = textOf(tool.type) ?? 'function'
    const own = type === 'function' || type === 'custom' || (type === 'tool_search' && tool.execution === 'client')
    if (own) tally.tool()
    else if (BUILT_IN.has(type) || (type === 'shell' && objectOf(tool.environment).type === 'local')) tally.builtIn()
    else if (type === 'namespace') tools(tally, tool.tools, `${path}[${i}].tools`)
    else tally.refuse(`${path}[${i}] (${type})`)
  }
}

function item (tally: Tally, entry: Record<string, unknown>, path: string): void {
  const type = textOf(entry.type) ?? (entry.role === undefined ? 'item_reference' : 'message')
  tally.breakpoint(entry.cache_control)
  if (type === 'message') tally.content(entry.content, `${path}.content`, TEXT)
  else if (OUTPUTS.has(type)) tally.content(entry.output, `${path}.output`, TEXT)
  else if (type === 'reasoning') tally.seal(entry.encrypted_content, objectsOf(entry.content).some(({ text }) => textOf(text) !== undefined))
  else if (type === 'compaction') tally.seal(entry.encrypted_content, false)
  else if (type === 'additional_tools' || type === 'tool_search_output') tools(tally, entry.tools, `${path}.tools`)
  else if (type === 'compaction_trigger') tally.refuse(`${path} (${type})`)
  else if (!CALLS.has(type)) tally.hide()
}
