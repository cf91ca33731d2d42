import { moot, probe } from '../probe.ts'
import type { Probes } from '../probe.ts'

type Json = Record<string, unknown>

const text = { type: 'text', text: 'Hi', citations: null }
const usage = { input_tokens: 90, output_tokens: 50 }
const says = (...blocks: Json[]): Json => ({ content: [...blocks, text] })
const ends = (reason: string, more: Json = {}): Json => ({ stop_reason: reason, ...more })
const counts = (more: Json): Json => ({ usage: { ...usage, ...more } })
const tool = { type: 'tool_use', id: 'toolu_1', name: 'f', input: { city: 'Rome' } }
const page = { type: 'web_search_result_location', url: 'https://example.com', title: 'T', cited_text: 'c', encrypted_index: 'x' }
const place = { type: 'char_location', cited_text: 'c', document_index: 0, document_title: 'D', start_char_index: 0, end_char_index: 1, file_id: null }
const served = ['web_search_tool_result', 'web_fetch_tool_result', 'code_execution_tool_result', 'bash_code_execution_tool_result', 'text_editor_code_execution_tool_result', 'tool_search_tool_result']

/** A message. */
export const messagesReply: Probes = {
  dialect: 'anthropic-messages',
  plain: { id: 'msg_1', type: 'message', role: 'assistant', model: 'model-1', content: [text], stop_reason: 'end_turn', stop_sequence: null, usage },
  probes: [
    probe('id', { id: 'msg_2' }),
    probe('model', { model: 'model-2' }),
    probe('container', { container: { id: 'container_1', expires_at: '2026-01-01T00:00:00Z', skills: null } }),
    moot('diagnostics', 'comes to who asked for it only, which is reported', { diagnostics: { cache_miss_reason: { type: 'model_changed' } } }),
    probe('content[] (text)', says({ ...text, text: 'Ho' })),
    probe('content[].citations[] with a URL', { content: [{ ...text, citations: [page] }] }),
    probe('content[].citations[] without', { content: [{ ...text, citations: [place] }] }),
    probe('content[] (thinking)', says({ type: 'thinking', thinking: 'Hm.', signature: '' })),
    probe('content[] (thinking, signed)', says({ type: 'thinking', thinking: 'Hm.', signature: 'c2ln' })),
    probe('content[] (thinking, a signature alone)', says({ type: 'thinking', thinking: '', signature: 'c2ln' })),
    probe('content[] (redacted_thinking)', says({ type: 'redacted_thinking', data: 'b3Bh' })),
    probe('content[] (tool_use)', { content: [text, tool], ...ends('tool_use') }),
    probe('content[] (tool_use, no arguments)', { content: [text, { ...tool, input: {} }], ...ends('tool_use') }),
    probe('content[] (server_tool_use)', says({ type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'q' } })),
    ...served.map((type) => probe(`content[] (${type})`, says({ type, tool_use_id: 'srvtoolu_1', content: [] }))),
    probe('content[] (container_upload)', says({ type: 'container_upload', file_id: 'file_1' })),
    moot('stop_reason = stop_sequence', 'the same as the end of a turn', ends('stop_sequence')),
    probe('stop_reason = max_tokens', ends('max_tokens')),
    probe('stop_reason = model_context_window_exceeded', ends('model_context_window_exceeded')),
    probe('stop_reason = refusal', ends('refusal')),
    moot('stop_reason = pause_turn', 'the same as the end of a turn: it pauses the provider\'s own tools, which are refused', ends('pause_turn')),
    moot('stop_sequence', 'which sequence it was has no place', ends('stop_sequence', { stop_sequence: 'END' }), ends('stop_sequence')),
    probe('stop_details.explanation', ends('refusal', { stop_details: { type: 'refusal', category: null, explanation: 'No.' } }), ends('refusal')),
    moot('stop_details.category', 'the explanation is kept', ends('refusal', { stop_details: { type: 'refusal', category: 'cyber', explanation: 'No.' } }), ends('refusal', { stop_details: { type: 'refusal', category: null, explanation: 'No.' } })),
    probe('usage.input_tokens', counts({ input_tokens: 91 })),
    probe('usage.output_tokens', counts({ output_tokens: 51 })),
    probe('usage.cache_read_input_tokens', counts({ cache_read_input_tokens: 40 })),
    probe('usage.cache_creation_input_tokens', counts({ cache_creation_input_tokens: 30 })),
    moot('usage.cache_creation', 'its sum is there', counts({ cache_creation_input_tokens: 30, cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 } }), counts({ cache_creation_input_tokens: 30 })),
    probe('usage.output_tokens_details.thinking_tokens', counts({ output_tokens_details: { thinking_tokens: 10 } })),
    moot('usage.server_tool_use', 'counts the provider\'s own tools, which are refused', counts({ server_tool_use: { web_search_requests: 1 } })),
    moot('usage.service_tier', 'of use to the bill only', counts({ service_tier: 'priority' })),
    moot('usage.inference_geo', 'of use to the bill only', counts({ inference_geo: 'us' })),
    moot('usage.speed', 'of use to the bill only', counts({ speed: 'fast' })),
    probe('error', { type: 'error', error: { type: 'rate_limit_error', message: 'Too many.' } })
  ]
}
