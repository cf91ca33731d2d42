import { moot, probe } from '../probe.ts'
import type { Probe, Probes } from '../probe.ts'

type Json = Record<string, unknown>

const part = (more: Json = {}): Json => ({ type: 'output_text', text: 'Hi', annotations: [], logprobs: [], ...more })
const message = (...content: Json[]): Json => ({ type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content: content.length > 0 ? content : [part()] })
const usage = { input_tokens: 90, input_tokens_details: { cached_tokens: 0 }, output_tokens: 50, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 140 }
const counts = (more: Json): Json => ({ usage: { ...usage, ...more } })
const says = (...items: Json[]): Json => ({ output: [...items, message()] })
const calls = (call: Json): Json => ({ output: [message(), { call_id: 'call_1', id: 'fc_1', name: 'f', status: 'completed', ...call }] })
const thought = (more: Json): Json => ({ type: 'reasoning', id: 'rs_1', summary: [], ...more })
const summary = [{ type: 'summary_text', text: 'Hm.' }]
const cut = (reason: string): Json => ({ status: 'incomplete', incomplete_details: { reason } })

/** What tools of the provider's own leave behind. */
const foreign = [
  'file_search_call', 'web_search_call', 'computer_call', 'code_interpreter_call', 'image_generation_call', 'mcp_call', 'local_shell_call', 'shell_call', 'apply_patch_call',
  'tool_search_call', 'tool_search_output', 'compaction', 'additional_tools', 'function_call_output', 'computer_call_output', 'custom_tool_call_output',
  'local_shell_call_output', 'shell_call_output', 'apply_patch_call_output', 'mcp_list_tools', 'mcp_approval_request', 'mcp_approval_response', 'program', 'program_output'
].map((type): Probe => probe(`output[] (${type})`, says({ type, id: 'x_1', status: 'completed' })))

/** What a reply repeats of its request, or tells of the provider's own doing. */
const repeated = [
  'access_programs', 'background', 'conversation', 'image', 'input_transformations', 'instructions', 'max_output_tokens', 'max_tool_calls', 'metadata', 'moderation',
  'parallel_tool_calls', 'previous_response_id', 'prompt', 'prompt_cache_diagnostics', 'prompt_cache_key', 'prompt_cache_options', 'prompt_cache_retention', 'reasoning',
  'safety_identifier', 'service_tier', 'temperature', 'text', 'tool_choice', 'tool_usage', 'tools', 'top_logprobs', 'top_p', 'truncation', 'user', 'completed_at', 'output_text'
]

/** A response. */
export const responsesReply: Probes = {
  dialect: 'openai-responses',
  plain: { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', error: null, incomplete_details: null, model: 'model-1', output: [message()], usage },
  probes: [
    probe('id', { id: 'resp_2' }),
    probe('model', { model: 'model-2' }),
    moot('created_at', 'a translated reply has the date of the gateway, where its dialect has one', { created_at: 2 }),
    moot('what repeats the request, such as `tools` and `reasoning`', 'repeats the request, or tells what was reported there', Object.fromEntries(repeated.map((name) => [name, 'x']))),
    probe('output[].content[] (output_text)', { output: [message(part({ text: 'Ho' }))] }),
    probe('output[].content[].annotations[] (url_citation)', { output: [message(part({ annotations: [{ type: 'url_citation', url: 'https://example.com', title: 'T', start_index: 0, end_index: 2 }] }))] }),
    probe('output[].content[].annotations[] (file_citation)', { output: [message(part({ annotations: [{ type: 'file_citation', file_id: 'file-1', filename: 'a', index: 0 }] }))] }),
    probe('output[].content[].logprobs', { output: [message(part({ logprobs: [{ token: 'Hi', logprob: -1, bytes: [72, 105], top_logprobs: [] }] }))] }),
    probe('output[].content[] (refusal)', { output: [message({ type: 'refusal', refusal: 'No.' })] }),
    probe('output[].phase', { output: [{ ...message(), phase: 'final_answer' }] }),
    probe('output[] (reasoning, summary)', says(thought({ summary }))),
    probe('output[] (reasoning, content)', says(thought({ content: [{ type: 'reasoning_text', text: 'Hm.' }] }))),
    probe('output[] (reasoning, summary and encrypted_content)', says(thought({ summary, encrypted_content: 'c2ln' }))),
    probe('output[] (reasoning, encrypted_content alone)', says(thought({ encrypted_content: 'c2ln' }))),
    probe('output[] (function_call)', calls({ type: 'function_call', arguments: '{"city":"Rome"}' })),
    probe('output[] (function_call, no arguments)', calls({ type: 'function_call', arguments: '' })),
    probe('output[] (custom_tool_call)', calls({ type: 'custom_tool_call', input: 'ls' })),
    ...foreign,
    probe('incomplete_details.reason = max_output_tokens', cut('max_output_tokens')),
    probe('incomplete_details.reason = content_filter', cut('content_filter')),
    probe('usage.input_tokens', counts({ input_tokens: 91, total_tokens: 141 })),
    probe('usage.output_tokens', counts({ output_tokens: 51, total_tokens: 141 })),
    probe('usage.input_tokens_details.cached_tokens', counts({ input_tokens_details: { cached_tokens: 40 } })),
    probe('usage.input_tokens_details.cache_write_tokens', counts({ input_tokens_details: { cached_tokens: 0, cache_write_tokens: 30 } })),
    moot('usage.input_tokens_details.cache_write_tokens_details', 'its sum is there', counts({ input_tokens_details: { cached_tokens: 0, cache_write_tokens: 30, cache_write_tokens_details: { ttl_30m_tokens: 30 } } }), counts({ input_tokens_details: { cached_tokens: 0, cache_write_tokens: 30 } })),
    probe('usage.output_tokens_details.reasoning_tokens', counts({ output_tokens_details: { reasoning_tokens: 10 } })),
    probe('error', { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'Too many.' } })
  ]
}
