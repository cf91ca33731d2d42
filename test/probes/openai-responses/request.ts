import { moot, PDF, PNG, probe, schema } from '../probe.ts'
import type { Probe, Probes } from '../probe.ts'

type Json = Record<string, unknown>

const text = (text: string): Json => ({ type: 'input_text', text })
const asks = { type: 'message', role: 'user', content: [text('Hi'), text('Look.')] }
const said = (...more: Json[]): Json => ({ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'A', annotations: [] }, { type: 'output_text', text: 'B', annotations: [] }, ...more] })
const tool = (name: string, more: Json = {}): Json => ({ type: 'function', name, parameters: schema, strict: false, ...more })
const custom = (more: Json = {}): Json => ({ type: 'custom', name: 'f', description: 'D', ...more })
const group = (more: Json = {}): Json => ({ type: 'namespace', name: 'g', description: 'G', tools: [tool('f', more)] })
const call = (more: Json = {}): Json => ({ type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{"city":"Rome"}', ...more })
const result = (output: unknown = [text('R'), text('S')], more: Json = {}): Json => ({ type: 'function_call_output', call_id: 'call_1', output, ...more })
const format = (more: Json = {}): Json => ({ text: { format: { type: 'json_schema', name: 'n', schema, strict: true, ...more } } })
const url = 'https://example.com/a.png'
const grammar = { type: 'grammar', syntax: 'lark', definition: 'start: "a"' }

/** A question of the user's with a part more. */
const shows = (part: Json): Json => ({ input: [{ ...asks, content: [text('Hi'), text('Look.'), part] }] })
const items = (...items: Json[]): Json => ({ input: [asks, ...items, { ...asks, content: [text('And?'), text('Well?')] }] })
const offers = (tool: Json): Json => ({ tools: [tool] })
const image = { type: 'input_image', image_url: url, detail: 'auto' }
const pdf = { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF}` }
const thought = (more: Json): Json => ({ type: 'reasoning', id: 'rs_1', summary: [], ...more })
const summary = [{ type: 'summary_text', text: 'Hm.' }]

/** Items that tools of the provider's own leave behind. */
const foreign = [
  'file_search_call', 'computer_call', 'computer_call_output', 'web_search_call', 'tool_search_call', 'tool_search_output', 'configuration_update', 'compaction',
  'image_generation_call', 'code_interpreter_call', 'local_shell_call', 'local_shell_call_output', 'shell_call', 'shell_call_output', 'apply_patch_call',
  'apply_patch_call_output', 'mcp_list_tools', 'mcp_approval_request', 'mcp_approval_response', 'mcp_call', 'program', 'program_output'
].map((type): Probe => probe(`input[] (${type})`, items({ type, id: 'x_1' }), items()))

/** Tools that the provider has of its own. */
const served = [
  'file_search', 'computer', 'computer_use_preview', 'web_search', 'mcp', 'code_interpreter', 'programmatic_tool_calling', 'image_generation', 'local_shell', 'shell',
  'tool_search', 'web_search_preview', 'apply_patch'
].map((type): Probe => probe(`tools[] (${type})`, offers({ type })))

/** Responses. */
export const responsesRequest: Probes = {
  dialect: 'openai-responses',
  plain: { model: 'model-1', input: [asks] },
  probes: [
    probe('model', { model: 'model-2' }),
    probe('input (text)', { input: 'Hi' }, { input: 'Ho' }),
    probe('input[] (user)', { input: [asks, said(), asks] }, { input: [asks, said()] }),
    probe('input[] (assistant)', { input: [asks, said(), asks] }, { input: [asks, asks] }),
    probe('input[] (assistant, to be gone on with)', { input: [asks, said()] }),
    probe('input[] (developer)', { input: [{ ...asks, role: 'developer' }, asks] }),
    probe('input[] (system)', { input: [{ ...asks, role: 'system' }, asks] }),
    probe('input[] (developer later)', { input: [asks, said(), asks, { ...asks, role: 'developer' }] }, { input: [asks, said(), asks] }),
    probe('input[].phase', items({ ...said(), phase: 'commentary' }), items(said())),
    moot('input[].id and status', 'how the provider counts its items says nothing to the model', items({ ...said(), id: 'msg_1', status: 'completed' }), items(said())),
    probe('input[].content[] (input_text)', shows(text('See?'))),
    probe('input[].content[] (input_image, a URL)', shows(image)),
    probe('input[].content[] (input_image, base64)', shows({ ...image, image_url: `data:image/png;base64,${PNG}` })),
    probe('input[].content[] (input_image, by id)', shows({ type: 'input_image', file_id: 'file-1', detail: 'auto' })),
    probe('input[].content[].detail', shows({ ...image, detail: 'low' }), shows(image)),
    probe('input[].content[] (input_file, PDF)', shows(pdf)),
    probe('input[].content[] (input_file, text)', shows({ type: 'input_file', filename: 'a.txt', file_data: 'data:text/plain;base64,aGk=' })),
    probe('input[].content[] (input_file, a URL)', shows({ type: 'input_file', file_url: 'https://example.com/a.pdf' })),
    probe('input[].content[] (input_file, by id)', shows({ type: 'input_file', file_id: 'file-1' })),
    probe('input[].content[].detail of a file', shows({ ...pdf, detail: 'low' }), shows(pdf)),
    probe('input[].content[] (input_audio)', shows({ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } })),
    probe('input[].content[].prompt_cache_breakpoint', shows({ ...text('See?'), prompt_cache_breakpoint: { mode: 'explicit' } }), shows(text('See?'))),
    probe('input[].content[] (output_text)', items(said({ type: 'output_text', text: 'C', annotations: [] })), items(said())),
    probe('input[].content[].annotations', items(said({ type: 'output_text', text: 'C', annotations: [{ type: 'url_citation', url: 'https://example.com', title: 'T', start_index: 0, end_index: 1 }] })), items(said({ type: 'output_text', text: 'C', annotations: [] }))),
    probe('input[].content[].logprobs', items(said({ type: 'output_text', text: 'C', annotations: [], logprobs: [{ token: 'C', logprob: -1, bytes: [], top_logprobs: [] }] })), items(said({ type: 'output_text', text: 'C', annotations: [] }))),
    probe('input[].content[] (refusal)', items(said({ type: 'refusal', refusal: 'No.' })), items(said())),
    probe('input[] (reasoning, a summary and encrypted_content)', items(thought({ summary, encrypted_content: 'c2ln' }), said()), items(said())),
    probe('input[] (reasoning, encrypted_content alone)', items(thought({ encrypted_content: 'c2ln' }), said()), items(said())),
    probe('input[] (reasoning, a summary alone)', items(thought({ summary }), said()), items(said())),
    probe('input[] (reasoning, content)', items(thought({ content: [{ type: 'reasoning_text', text: 'Hm.' }] }), said()), items(said())),
    probe('input[] (function_call)', { input: [asks, call(), result()], tools: [tool('f')] }, { tools: [tool('f')] }),
    probe('input[] (function_call), arguments no JSON object', { input: [asks, call({ arguments: '[1' }), result()], tools: [tool('f')] }, { tools: [tool('f')] }),
    probe('input[].namespace', { input: [asks, call({ namespace: 'g' }), result()], tools: [group()] }, { tools: [group()] }),
    probe('input[].caller', { input: [asks, call({ caller: { type: 'program', caller_id: 'x' } }), result()], tools: [tool('f')] }, { input: [asks, call(), result()], tools: [tool('f')] }),
    moot('input[].caller = {type: direct}', 'the default', { input: [asks, call({ caller: { type: 'direct' } }), result()], tools: [tool('f')] }, { input: [asks, call(), result()], tools: [tool('f')] }),
    probe('input[].async', { input: [asks, call({ async: true }), result()], tools: [tool('f')] }, { input: [asks, call(), result()], tools: [tool('f')] }),
    probe('input[] (function_call_output)', { input: [asks, call(), result()], tools: [tool('f')] }, { input: [asks, call()], tools: [tool('f')] }),
    probe('input[].output[] (input_image)', { input: [asks, call(), result([text('R'), text('S'), image])], tools: [tool('f')] }, { input: [asks, call(), result()], tools: [tool('f')] }),
    probe('input[].output[] (input_file)', { input: [asks, call(), result([text('R'), text('S'), pdf])], tools: [tool('f')] }, { input: [asks, call(), result()], tools: [tool('f')] }),
    probe('input[] (custom_tool_call)', { input: [asks, { type: 'custom_tool_call', call_id: 'call_1', name: 'f', input: 'ls' }, { ...result(), type: 'custom_tool_call_output' }], tools: [custom()] }, { tools: [custom()] }),
    probe('input[] (additional_tools)', { input: [{ type: 'additional_tools', role: 'developer', tools: [tool('f')] }, asks] }),
    probe('input[] (item_reference)', items({ type: 'item_reference', id: 'msg_1' }), items()),
    probe('input[] (compaction_trigger)', items({ type: 'compaction_trigger' }), items()),
    ...foreign,
    probe('instructions', { instructions: 'S' }),
    probe('access_programs', { access_programs: { x: 'y' } }),
    probe('background', { background: true }),
    moot('background = false', 'the default', { background: false }),
    probe('context_management', { context_management: [{ type: 'compaction', compact_threshold: 1000 }] }),
    probe('conversation', { conversation: 'conv_1' }),
    probe('image', { image: { x: 'y' } }),
    moot('include = reasoning.encrypted_content', 'reasoning always comes with its proof, where there is one', { include: ['reasoning.encrypted_content'] }),
    probe('include = message.output_text.logprobs', { include: ['message.output_text.logprobs'] }),
    probe('include, anything else', { include: ['web_search_call.results'] }),
    probe('max_output_tokens', { max_output_tokens: 99 }),
    probe('max_tool_calls', { max_tool_calls: 3 }),
    probe('metadata', { metadata: { run: '7' } }),
    probe('moderation', { moderation: { model: 'omni-moderation-latest' } }),
    probe('parallel_tool_calls = false', { ...offers(tool('f')), parallel_tool_calls: false }, offers(tool('f'))),
    moot('parallel_tool_calls = true', 'the default', { ...offers(tool('f')), parallel_tool_calls: true }, offers(tool('f'))),
    probe('previous_response_id', { previous_response_id: 'resp_1' }),
    probe('prompt', { prompt: { id: 'pmpt_1' } }),
    probe('prompt_cache_key', { prompt_cache_key: 'key-1' }),
    probe('prompt_cache_options', { prompt_cache_options: { mode: 'explicit' } }),
    probe('prompt_cache_retention', { prompt_cache_retention: '24h' }),
    probe('reasoning.effort', { reasoning: { effort: 'high' } }),
    moot('reasoning.effort = none', 'the default', { reasoning: { effort: 'none' } }),
    moot('reasoning.summary', 'what is thought is shown anyway, as far as the provider tells it', { reasoning: { summary: 'auto' } }),
    probe('reasoning.summary = detailed', { reasoning: { summary: 'detailed' } }),
    probe('reasoning.generate_summary', { reasoning: { generate_summary: 'detailed' } }),
    probe('reasoning.context', { reasoning: { context: 'all_turns' } }),
    probe('reasoning.mode', { reasoning: { mode: 'pro' } }),
    probe('safety_identifier', { safety_identifier: 'user-1' }),
    probe('service_tier', { service_tier: 'flex' }),
    moot('service_tier = auto', 'the default', { service_tier: 'auto' }),
    probe('store', { store: true }),
    moot('store = false', 'nothing is kept anyway', { store: false }),
    probe('stream', { stream: true }),
    moot('stream_options', 'padding is between client and gateway', { stream: true, stream_options: { include_obfuscation: false } }, { stream: true }),
    probe('temperature', { temperature: 0.5 }),
    probe('text.format (json_object)', { text: { format: { type: 'json_object' } } }),
    probe('text.format (json_schema)', format()),
    probe('text.format.description', format({ description: 'D' }), format()),
    moot('text.format.strict = false', 'a schema that is always kept to is kept to', format({ strict: false }), format()),
    moot('text.format (text)', 'the default', { text: { format: { type: 'text' } } }),
    probe('text.verbosity', { text: { verbosity: 'low' } }),
    ...(['auto', 'none', 'required'] as const).map((word) => probe(`tool_choice = ${word}`, { ...offers(tool('f')), tool_choice: word }, offers(tool('f')))),
    probe('tool_choice (function)', { ...offers(tool('f')), tool_choice: { type: 'function', name: 'f' } }, offers(tool('f'))),
    probe('tool_choice (custom)', { ...offers(custom()), tool_choice: { type: 'custom', name: 'f' } }, offers(custom())),
    probe('tool_choice (allowed_tools)', { tools: [tool('f'), tool('g')], tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] } }, { tools: [tool('f'), tool('g')] }),
    probe('tool_choice of the provider\'s own tools', { ...offers(tool('f')), tool_choice: { type: 'web_search_preview' } }, offers(tool('f'))),
    probe('tools[] (function)', offers(tool('f'))),
    probe('tools[].description', offers(tool('f', { description: 'D' })), offers(tool('f'))),
    probe('tools[].strict', offers(tool('f', { strict: true })), offers(tool('f'))),
    probe('tools[].allowed_callers', offers(tool('f', { allowed_callers: ['programmatic'] })), offers(tool('f'))),
    probe('tools[].async', offers(tool('f', { async: true })), offers(tool('f'))),
    probe('tools[].defer_loading', offers(tool('f', { defer_loading: true })), offers(tool('f'))),
    probe('tools[].output_schema', offers(tool('f', { output_schema: schema })), offers(tool('f'))),
    probe('tools[] (custom)', offers(custom())),
    probe('tools[].format', offers(custom({ format: grammar })), offers(custom())),
    probe('tools[] (namespace)', offers(group())),
    moot('tools[].description of a namespace', 'a group of tools has no place', offers({ ...group(), description: 'H' }), offers(group())),
    probe('tools[].tools[].defer_loading', offers(group({ defer_loading: true })), offers(group())),
    ...served,
    probe('top_logprobs', { include: ['message.output_text.logprobs'], top_logprobs: 3 }),
    probe('top_p', { top_p: 0.5 }),
    probe('truncation', { truncation: 'auto' }),
    moot('truncation = disabled', 'the default', { truncation: 'disabled' }),
    probe('user', { user: 'user-1' }),
    probe('a field that is not known', { hurry: true })
  ]
}
