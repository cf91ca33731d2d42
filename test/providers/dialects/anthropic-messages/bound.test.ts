import t from 'tap'
import { bound, cap } from '../../../../providers/dialects/anthropic-messages/bound.ts'
import { VendorTypes } from '../../../vendor/types.ts'

const PROOF = 'Eq'.padEnd(300, 'x')
const hi = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] }
const say = (...content: unknown[]): Record<string, unknown> => ({ ...hi, messages: [{ role: 'user', content }] })
const fateOf = (body: Record<string, unknown>): string => {
  const { plain, unbounded } = bound(body)
  return unbounded.length > 0 ? 'named' : plain ? 'plain' : 'hidden'
}
const vendor = new VendorTypes('@anthropic-ai/sdk/resources/beta/messages/messages.d.ts')

t.test('text is plain', async (t) => {
  t.strictSame(bound({ ...hi, system: [{ type: 'text', text: 'Be brief.' }] }), { plain: true, added: 512, choices: 1, generates: true, unbounded: [], output: 9 })
  t.equal(fateOf(say(
    { type: 'text', text: 'a' }, { type: 'thinking', thinking: 'hm', signature: 'short' }, { type: 'thinking', thinking: '', signature: PROOF }, { type: 'redacted_thinking', data: PROOF },
    { type: 'tool_use', id: 'a', name: 'f', input: {} }, { type: 'tool_result', tool_use_id: 'a', content: 'x' }, { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'y' }, { type: 'tool_reference', tool_name: 'f' }] }
  )), 'plain')
})

t.test('the fate of every block of the vendor', async (t) => {
  const text = new Set('text tool_use tool_result tool_addition tool_removal fallback'.split(' '))
  for (const type of vendor.kinds('BetaContentBlockParam')) t.equal(fateOf(say({ type })), text.has(type) ? 'plain' : 'hidden', type)
  t.equal(fateOf(say({ type: 'tool_result', content: [{ type: 'image', source: {} }] })), 'hidden')
  t.equal(fateOf(say({ type: 'thinking', thinking: '', signature: 'a-key' })), 'hidden')
  t.equal(fateOf({ ...hi, container: 'container_1' }), 'hidden')
  t.equal(fateOf({ ...hi, container: { skills: [{ skill_id: 'pdf' }] } }), 'hidden')
  t.equal(fateOf({ ...hi, thread: { type: 'continue', previous_message_id: 'msg_1' } }), 'hidden')
  t.equal(fateOf({ ...hi, thread: { type: 'create' } }), 'plain')
})

t.test('the fate of every tool of the vendor', async (t) => {
  t.equal(fateOf({ ...hi, tools: [{ name: 'f', input_schema: {} }, { type: 'custom', name: 'g' }] }), 'plain')
  const kinds = vendor.kinds('BetaToolUnion')
  for (const type of kinds) {
    const fate = /^(bash|text_editor|computer|memory)_2/.test(type) || type === 'custom' ? 'plain' : /_toolset_2/.test(type) ? 'hidden' : 'named'
    t.equal(fateOf({ ...hi, tools: [{ type }] }), fate, type)
  }
  t.ok(kinds.some((type) => type.startsWith('web_search_')) && kinds.some((type) => type.startsWith('bash_')))
  t.strictSame(bound({ tools: [{ name: 'f' }, { type: 'web_search_20250305', name: 'web_search' }] }).unbounded, ['tools[1] (web_search_20250305)'])
  t.strictSame(bound(say({ type: 'tool_addition', tool: { type: 'tool_definition', definition: { type: 'code_execution_20260120' } } })).unbounded, ['messages[0].content[0].tool.definition (code_execution_20260120)'])
  t.equal(bound({ tools: [{ name: 'f' }, { type: 'bash_20250124', name: 'bash' }] }).added, 512 + 1024 + 64 + 2048)
})

t.test('what has fees, other models or other prices is named', async (t) => {
  for (const [field, value, name = field] of [
    ['mcp_servers', [{ url: 'u' }]], ['fallbacks', 'default'], ['compaction', { type: 'summarize' }], ['speed', 'fast'], ['inference_geo', 'us'], ['service_tier', 'priority'],
    ['context_management', { edits: [{ type: 'clear_tool_uses_20250919' }, { type: 'compact_20260112' }] }, 'context_management.edits[1] (compact_20260112)']
  ] as const) t.strictSame(bound({ ...hi, [field]: value }).unbounded, [name], field)
  t.equal(fateOf({
    ...hi,
    mcp_servers: [],
    fallbacks: null,
    speed: 'standard',
    inference_geo: 'global',
    service_tier: 'auto',
    context_management: { edits: [{ type: 'clear_thinking_20251015' }] },
    thinking: { type: 'enabled', budget_tokens: 1024 },
    output_config: { effort: 'max', task_budget: { type: 'tokens', total: 9 } }
  }), 'plain')
})

t.test('a breakpoint anywhere writes to the cache, at the dearest rate asked for', async (t) => {
  const mark = (ttl?: string): unknown => ({ type: 'ephemeral', ...ttl !== undefined && { ttl } })
  t.equal(bound(hi).cacheWrite, undefined)
  t.equal(bound({ ...hi, cache_control: null }).cacheWrite, undefined)
  t.equal(bound({ ...hi, cache_control: mark() }).cacheWrite, '5m')
  t.equal(bound({ ...hi, system: [{ type: 'text', text: 'a', cache_control: mark('5m') }] }).cacheWrite, '5m')
  t.equal(bound({ ...hi, tools: [{ name: 'f', cache_control: mark('1h') }] }).cacheWrite, '1h')
  t.equal(bound({ ...say({ type: 'tool_result', content: [{ type: 'text', text: 'a', cache_control: mark('1h') }] }), cache_control: mark() }).cacheWrite, '1h')
  t.equal(bound(say({ type: 'document', source: { type: 'content', content: [{ type: 'text', text: 'a', cache_control: mark('1h') }] } })).cacheWrite, '1h')
})

t.test('its cap', async (t) => {
  t.equal(bound({ ...hi, max_tokens: 0 }).output, 0)
  t.equal(bound({ ...hi, max_tokens: 'many' }).output, undefined)
  t.strictSame(cap(50, { max_tokens: 50 }), {})
  t.strictSame(cap(50, { max_tokens: 51 }), { max_tokens: 50 })
  t.strictSame(cap(50, {}), { max_tokens: 50 })
})
