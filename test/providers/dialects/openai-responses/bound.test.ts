import t from 'tap'
import { bound, cap } from '../../../../providers/dialects/openai-responses/bound.ts'
import { VendorTypes } from '../../../vendor/types.ts'

const SEALED = 'gAAAA'.padEnd(200, 'x')
const items = (...input: unknown[]): Record<string, unknown> => ({ model: 'm', input })
const fateOf = (body: Record<string, unknown>): string => {
  const { plain, unbounded } = bound(body)
  return unbounded.length > 0 ? 'named' : plain ? 'plain' : 'hidden'
}
const vendor = new VendorTypes('openai/resources/responses/responses.d.ts')

t.test('text is plain', async (t) => {
  t.strictSame(bound({ model: 'm', input: 'Hi', instructions: 'Be brief.' }), { plain: true, added: 512, cacheWrite: '5m', choices: 1, generates: true, unbounded: [] })
  const input = [
    { role: 'user', content: 'Hi' }, { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'a' }] }, { role: 'assistant', content: [{ type: 'output_text', text: 'b' }, { type: 'refusal', refusal: 'c' }] },
    { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' }, { type: 'function_call_output', call_id: 'a', output: 'x' }, { type: 'custom_tool_call_output', call_id: 'b', output: [{ type: 'input_text', text: 'y' }] },
    { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: SEALED }, { type: 'reasoning', summary: [], content: [{ type: 'reasoning_text', text: 'hm' }], encrypted_content: 'key' }, { type: 'compaction', encrypted_content: SEALED }
  ]
  t.equal(fateOf(items(...input)), 'plain')
})

t.test('what the provider keeps, or what is no text, is not', async (t) => {
  for (const field of [{ previous_response_id: 'resp_1' }, { conversation: 'conv_1' }, { conversation: { id: 'conv_1' } }, { prompt: { id: 'pmpt_1' } }]) t.equal(fateOf({ input: 'Hi', ...field }), 'hidden')
  t.equal(fateOf({ input: 'Hi', previous_response_id: null, conversation: null, prompt: null }), 'plain')
  for (const item of [
    { type: 'item_reference', id: 'msg_1' }, { id: 'msg_1' }, { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'a' }] }, { type: 'reasoning', encrypted_content: 'a-key-of-38-characters' }, { type: 'compaction', encrypted_content: null },
    { role: 'user', content: [{ type: 'input_image', image_url: 'data:' }] }, { role: 'user', content: [{ type: 'input_file', file_id: 'file-1' }] }, { type: 'function_call_output', output: [{ type: 'input_image', file_id: 'file-1' }] }
  ]) t.equal(fateOf(items(item)), 'hidden', JSON.stringify(item))
  t.strictSame(bound(items({ role: 'user', content: [{ type: 'input_audio' }] })).unbounded, ['input[0].content[0] (input_audio)'])
})

t.test('what has fees, rounds of its own or a usage that is not told is named', async (t) => {
  for (const [field, value, name = field] of [
    ['background', true], ['service_tier', 'priority'], ['context_management', [{ type: 'compaction' }]], ['multi_agent', { enabled: true }], ['reasoning', { mode: 'pro' }, 'reasoning.mode'],
    ['prompt_cache_options', { ttl: '12h' }, 'prompt_cache_options.ttl'], ['model', 'o3-deep-research']
  ] as const) t.strictSame(bound({ input: 'Hi', [field]: value }).unbounded, [name], field)
  t.equal(fateOf({ input: 'Hi', background: false, service_tier: 'flex', reasoning: { mode: 'standard', effort: 'high' }, include: ['reasoning.encrypted_content'], store: true, max_tool_calls: 3, truncation: 'auto' }), 'plain')
  t.strictSame(bound(items({ type: 'compaction_trigger' })).unbounded, ['input[0] (compaction_trigger)'])
})

t.test('the fate of every tool of the vendor', async (t) => {
  const fates = new Map([['function', 'plain'], ['custom', 'plain'], ['namespace', 'plain'], ['computer', 'plain'], ['computer_use_preview', 'plain'], ['local_shell', 'plain'], ['apply_patch', 'plain']])
  for (const type of vendor.kinds('Tool')) t.equal(fateOf({ input: 'Hi', tools: [{ type }] }), fates.get(type) ?? 'named', type)
  t.strictSame(bound({ tools: [{ type: 'function' }, { type: 'mcp', server_url: 'u' }, { type: 'web_search_2025_08_26' }] }).unbounded, ['tools[1] (mcp)', 'tools[2] (web_search_2025_08_26)'])
  t.equal(fateOf({ tools: [{ type: 'shell', environment: { type: 'local' } }, { type: 'tool_search', execution: 'client' }] }), 'plain')
  t.strictSame(bound({ tools: [{ type: 'shell', environment: { type: 'container_auto' } }, { type: 'tool_search' }] }).unbounded, ['tools[0] (shell)', 'tools[1] (tool_search)'])
  t.strictSame(bound({ tools: [{ type: 'namespace', tools: [{ type: 'function' }, { type: 'file_search' }] }] }).unbounded, ['tools[0].tools[1] (file_search)'])
  t.strictSame(bound(items({ type: 'additional_tools', tools: [{ type: 'web_search' }] })).unbounded, ['input[0].tools[0] (web_search)'])
  t.equal(bound({ tools: [{ type: 'local_shell' }] }).added, 512 + 1024 + 2048)
})

t.test('the fate of every item of the vendor', async (t) => {
  const text = new Set('message function_call function_call_output custom_tool_call custom_tool_call_output local_shell_call local_shell_call_output shell_call shell_call_output apply_patch_call apply_patch_call_output tool_search_call tool_search_output additional_tools configuration_update'.split(' '))
  for (const type of vendor.kinds('ResponseInputItem')) t.equal(fateOf(items({ type })), type === 'compaction_trigger' ? 'named' : text.has(type) ? 'plain' : 'hidden', type)
})

t.test('its cap', async (t) => {
  t.equal(bound({ input: 'Hi', max_output_tokens: 20 }).output, 20)
  t.equal(bound({ input: 'Hi', max_output_tokens: null }).output, undefined)
  t.strictSame(cap(50, { max_output_tokens: 50 }), {})
  t.strictSame(cap(50, { max_output_tokens: 51 }), { max_output_tokens: 50 })
  t.strictSame(cap(50, {}), { max_output_tokens: 50 })
})
