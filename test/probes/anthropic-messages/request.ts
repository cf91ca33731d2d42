import { moot, PDF, PNG, probe, schema } from '../probe.ts'
import type { Probes } from '../probe.ts'

type Json = Record<string, unknown>

const text = (text: string): Json => ({ type: 'text', text })
const asks = { role: 'user', content: [text('Hi'), text('Look.')] }
const tool = (name: string, more: Json = {}): Json => ({ name, input_schema: schema, ...more })
const call = { type: 'tool_use', id: 'toolu_1', name: 'f', input: { city: 'Rome' } }
const calls = { role: 'assistant', content: [call] }
const result = (more: Json = {}): Json => ({ type: 'tool_result', tool_use_id: 'toolu_1', content: [text('R'), text('S')], ...more })

/** A question of the user's with a block more. */
const shows = (block: Json): Json => ({ messages: [{ role: 'user', content: [text('Hi'), text('Look.'), block] }] })
const turns = (...messages: Json[]): Json => ({ messages: [asks, ...messages, { role: 'user', content: [text('And?'), text('Well?')] }] })
const says = (...blocks: Json[]): Json => ({ role: 'assistant', content: [...blocks, text('A'), text('B')] })
const answers = (block: Json): Json => ({ messages: [asks, calls, { role: 'user', content: [block] }], tools: [tool('f')] })
const answered = answers(result())
const served = ['web_search_tool_result', 'web_fetch_tool_result', 'code_execution_tool_result', 'bash_code_execution_tool_result', 'text_editor_code_execution_tool_result', 'tool_search_tool_result']
const pdf = { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: PDF } }

/** Anthropic Messages. */
export const messagesRequest: Probes = {
  dialect: 'anthropic-messages',
  plain: { model: 'model-1', max_tokens: 1024, messages: [asks] },
  probes: [
    probe('model', { model: 'model-2' }),
    probe('max_tokens', { max_tokens: 99 }),
    probe('system', { system: [text('S'), text('T')] }),
    probe('messages[] (user)', { messages: [asks, says(), { role: 'user', content: [text('On'), text('Now')] }] }, { messages: [asks, says()] }),
    probe('messages[] (assistant)', turns(says()), { messages: [asks] }),
    probe('messages[] (assistant, to be gone on with)', { messages: [asks, says()] }),
    probe('messages[] (system)', { messages: [asks, says(), asks, { role: 'system', content: [text('S'), text('T')] }] }, { messages: [asks, says(), asks] }),
    probe('messages[].content[] (text)', shows(text('See?'))),
    probe('messages[].content[].citations', turns(says({ ...text('C'), citations: [{ type: 'char_location', cited_text: 'c', document_index: 0, document_title: null, start_char_index: 0, end_char_index: 1 }] })), turns(says(text('C')))),
    probe('messages[].content[].cache_control', shows({ ...text('See?'), cache_control: { type: 'ephemeral' } }), shows(text('See?'))),
    probe('messages[].content[] (image, url)', shows({ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } })),
    probe('messages[].content[] (image, base64)', shows({ type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } })),
    probe('messages[].content[] (image, file)', shows({ type: 'image', source: { type: 'file', file_id: 'file_1' } })),
    probe('messages[].content[].transformations', shows({ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' }, transformations: { resize: 'none' } }), shows({ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } })),
    probe('messages[].content[] (document, base64 PDF)', shows({ ...pdf, title: 'a.pdf' })),
    probe('messages[].content[] (document, url)', shows({ type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } })),
    probe('messages[].content[] (document, text)', shows({ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'D' }, title: 'a.txt' })),
    probe('messages[].content[] (document, content)', shows({ type: 'document', source: { type: 'content', content: [text('D')] } })),
    probe('messages[].content[] (document, content with images)', shows({ type: 'document', source: { type: 'content', content: [{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }] } })),
    probe('messages[].content[] (document, file)', shows({ type: 'document', source: { type: 'file', file_id: 'file_1' } })),
    probe('messages[].content[].context', shows({ ...pdf, context: 'C' }), shows(pdf)),
    probe('messages[].content[].citations.enabled', shows({ ...pdf, citations: { enabled: true } }), shows(pdf)),
    moot('messages[].content[].citations.enabled = false', 'the default', shows({ ...pdf, citations: { enabled: false } }), shows(pdf)),
    probe('messages[].content[] (search_result)', shows({ type: 'search_result', source: 'https://example.com', title: 'T', content: [text('D')] })),
    probe('messages[].content[] (thinking)', turns(says({ type: 'thinking', thinking: 'Hm.', signature: 'c2ln' })), turns(says())),
    probe('messages[].content[] (thinking, no text)', turns(says({ type: 'thinking', thinking: '', signature: 'c2ln' })), turns(says())),
    probe('messages[].content[] (redacted_thinking)', turns(says({ type: 'redacted_thinking', data: 'b3Bh' })), turns(says())),
    probe('messages[].content[] (tool_use)', { messages: [asks, calls], tools: [tool('f')] }, { tools: [tool('f')] }),
    probe('messages[].content[].caller', { messages: [asks, { ...calls, content: [{ ...call, caller: { type: 'code_execution_20250825', tool_id: 'x' } }] }], tools: [tool('f')] }, { messages: [asks, calls], tools: [tool('f')] }),
    moot('messages[].content[].caller = {type: direct}', 'the default', { messages: [asks, { ...calls, content: [{ ...call, caller: { type: 'direct' } }] }], tools: [tool('f')] }, { messages: [asks, calls], tools: [tool('f')] }),
    probe('messages[].content[].toolset_name', { messages: [asks, { ...calls, content: [{ ...call, toolset_name: 'x' }] }], tools: [tool('f')] }, { messages: [asks, calls], tools: [tool('f')] }),
    probe('messages[].content[] (tool_result)', answered, { messages: [asks, calls], tools: [tool('f')] }),
    probe('messages[].content[].content[] (image in a tool_result)', answers(result({ content: [text('R'), text('S'), { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }] })), answered),
    probe('messages[].content[].content[] (document in a tool_result)', answers(result({ content: [text('R'), text('S'), pdf] })), answered),
    probe('messages[].content[].content[] (tool_reference in a tool_result)', answers(result({ content: [text('R'), text('S'), { type: 'tool_reference', tool_name: 'f' }] })), answered),
    probe('messages[].content[].is_error', answers(result({ is_error: true })), answered),
    moot('messages[].content[].is_error = false', 'the default', answers(result({ is_error: false })), answered),
    probe('messages[].content[] (server_tool_use)', turns(says({ type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: {} })), turns(says())),
    ...served.map((type) => probe(`messages[].content[] (${type})`, turns(says({ type, tool_use_id: 'srvtoolu_1', content: [] })), turns(says()))),
    probe('messages[].content[] (container_upload)', shows({ type: 'container_upload', file_id: 'file_1' })),
    probe('billing_policy', { billing_policy: { type: 'x' } }),
    probe('cache_control', { cache_control: { type: 'ephemeral' } }),
    probe('compaction', { compaction: { type: 'auto' } }),
    probe('container', { container: 'container_1' }),
    probe('context_management', { context_management: { edits: [{ type: 'clear_tool_uses_20250919' }] } }),
    probe('diagnostics', { diagnostics: { previous_message_id: 'msg_1' } }),
    probe('fallback_credit_token', { fallback_credit_token: 'x' }),
    probe('fallbacks', { fallbacks: [{ model: 'model-2' }] }),
    probe('inference_geo', { inference_geo: 'us' }),
    probe('mcp_servers', { mcp_servers: [{ type: 'url', name: 'm', url: 'https://example.com' }] }),
    probe('metadata.user_id', { metadata: { user_id: 'user-1' } }),
    probe('output_config.effort', { output_config: { effort: 'high' } }),
    probe('output_config.format', { output_config: { format: { type: 'json_schema', schema } } }),
    probe('output_format', { output_format: { type: 'json_schema', schema } }),
    probe('service_tier', { service_tier: 'standard_only' }),
    moot('service_tier = auto', 'the default', { service_tier: 'auto' }),
    probe('speed', { speed: 'fast' }),
    probe('stop_sequences', { stop_sequences: ['END', 'FIN'] }),
    probe('stop_sequences, more than four', { stop_sequences: ['a', 'b', 'c', 'd', 'e'] }),
    probe('stream', { stream: true }),
    probe('temperature', { temperature: 0.5 }),
    moot('thinking.type = adaptive', 'how far to think is the model\'s to decide there too', { thinking: { type: 'adaptive' } }),
    probe('thinking.type = enabled', { thinking: { type: 'enabled', budget_tokens: 2048 }, max_tokens: 4096 }, { max_tokens: 4096 }),
    probe('thinking.type = disabled', { thinking: { type: 'disabled' } }),
    probe('thinking.type = between_tools', { thinking: { type: 'between_tools' } }),
    probe('thinking.budget_tokens beside another type', { thinking: { type: 'adaptive', budget_tokens: 2048 } }, { thinking: { type: 'adaptive' } }),
    probe('thinking.display', { thinking: { type: 'adaptive', display: 'omitted' } }, { thinking: { type: 'adaptive' } }),
    moot('thinking.display = summarized', 'the default', { thinking: { type: 'adaptive', display: 'summarized' } }, { thinking: { type: 'adaptive' } }),
    probe('thread', { thread: { id: 'x' } }),
    ...(['auto', 'any', 'none'] as const).map((type) => probe(`tool_choice (${type})`, { tools: [tool('f')], tool_choice: { type } }, { tools: [tool('f')] })),
    probe('tool_choice (tool)', { tools: [tool('f')], tool_choice: { type: 'tool', name: 'f' } }, { tools: [tool('f')] }),
    probe('tool_choice.disable_parallel_tool_use', { tools: [tool('f')], tool_choice: { type: 'auto', disable_parallel_tool_use: true } }, { tools: [tool('f')], tool_choice: { type: 'auto' } }),
    probe('tools[] (custom)', { tools: [tool('f')] }),
    probe('tools[].description', { tools: [tool('f', { description: 'D' })] }, { tools: [tool('f')] }),
    probe('tools[].strict', { tools: [tool('f', { strict: true })] }, { tools: [tool('f')] }),
    probe('tools[].cache_control', { tools: [tool('f', { cache_control: { type: 'ephemeral' } })] }, { tools: [tool('f')] }),
    probe('tools[].allowed_callers', { tools: [tool('f', { allowed_callers: ['code_execution_20250825'] })] }, { tools: [tool('f')] }),
    probe('tools[].defer_loading', { tools: [tool('f', { defer_loading: true })] }, { tools: [tool('f')] }),
    moot('tools[].defer_loading = false', 'the default', { tools: [tool('f', { defer_loading: false })] }, { tools: [tool('f')] }),
    probe('tools[].eager_input_streaming', { tools: [tool('f', { eager_input_streaming: true })] }, { tools: [tool('f')] }),
    probe('tools[].input_examples', { tools: [tool('f', { input_examples: [{ city: 'Rome' }] })] }, { tools: [tool('f')] }),
    probe('tools[] (web_search_20250305 and the provider\'s other own)', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }),
    probe('top_p', { top_p: 0.5 }),
    probe('top_k', { top_k: 40 }),
    probe('a field that is not known', { hurry: true })
  ]
}
