import { moot, PDF, PNG, probe, schema } from '../probe.ts'
import type { Probes } from '../probe.ts'

type Json = Record<string, unknown>

const text = (text: string): Json => ({ type: 'text', text })
const asks = { role: 'user', content: [text('Hi'), text('Look.')] }
const tool = (name: string, more: Json = {}): Json => ({ type: 'function', function: { name, parameters: schema, ...more } })
const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"city":"Rome"}' } }
const calls = { role: 'assistant', content: null, tool_calls: [call] }
const result = (content: unknown): Json => ({ role: 'tool', tool_call_id: 'call_1', content })

/** A question of the user's with a part more. */
const shows = (part: Json): Json => ({ messages: [{ role: 'user', content: [text('Hi'), text('Look.'), part] }] })
const turns = (...messages: Json[]): Json => ({ messages: [asks, ...messages, { role: 'user', content: [text('And?'), text('Well?')] }] })
const says = (more: Json): Json => ({ role: 'assistant', content: [text('A'), text('B')], ...more })
const url = 'https://example.com/a.png'
const proof = { type: 'reasoning.text', text: 'Hm.', signature: 'c2ln', format: 'anthropic-claude-v1', index: 0 }

/** Chat Completions, with what servers in front of other vendors add to it. */
export const chatRequest: Probes = {
  dialect: 'openai-chat',
  plain: { model: 'model-1', messages: [asks] },
  probes: [
    probe('model', { model: 'model-2' }),
    probe('messages[] (leading system)', { messages: [{ role: 'system', content: [text('S'), text('T')] }, asks] }),
    probe('messages[] (leading developer)', { messages: [{ role: 'developer', content: [text('S'), text('T')] }, asks] }),
    probe('messages[] (system later)', { messages: [asks, says({}), asks, { role: 'system', content: [text('S'), text('T')] }] }, { messages: [asks, says({}), asks] }),
    probe('messages[] (user)', { messages: [{ role: 'user', content: [text('Hi'), text('Look.')] }, says({}), { role: 'user', content: [text('On'), text('Now')] }] }, { messages: [asks, says({})] }),
    probe('messages[] (assistant)', turns(says({})), { messages: [asks] }),
    probe('messages[] (assistant, to be gone on with)', { messages: [asks, says({})] }),
    probe('messages[].name', { messages: [{ ...asks, name: 'ann' }] }),
    probe('messages[].content[] (text)', shows(text('See?'))),
    probe('messages[].content[] (image_url, a URL)', shows({ type: 'image_url', image_url: { url } })),
    probe('messages[].content[] (image_url, base64)', shows({ type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } })),
    probe('messages[].content[].image_url.detail', shows({ type: 'image_url', image_url: { url, detail: 'low' } }), shows({ type: 'image_url', image_url: { url } })),
    moot('messages[].content[].image_url.detail = auto', 'the default', shows({ type: 'image_url', image_url: { url, detail: 'auto' } }), shows({ type: 'image_url', image_url: { url } })),
    probe('messages[].content[] (input_audio)', shows({ type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } })),
    probe('messages[].content[] (file, PDF)', shows({ type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF}` } })),
    probe('messages[].content[] (file, text)', shows({ type: 'file', file: { filename: 'a.txt', file_data: 'data:text/plain;base64,aGk=' } })),
    probe('messages[].content[] (file, by id)', shows({ type: 'file', file: { file_id: 'file-1' } })),
    probe('messages[].content[] (refusal)', turns(says({ content: [text('A'), text('B'), { type: 'refusal', refusal: 'No.' }] })), turns(says({}))),
    probe('messages[].content[].cache_control', shows({ ...text('See?'), cache_control: { type: 'ephemeral' } }), shows(text('See?'))),
    probe('messages[].cache_control', { messages: [{ role: 'user', content: 'See?', cache_control: { type: 'ephemeral' } }] }, { messages: [{ role: 'user', content: 'See?' }] }),
    probe('messages[].content[].prompt_cache_breakpoint', shows({ ...text('See?'), prompt_cache_breakpoint: { mode: 'explicit' } }), shows(text('See?'))),
    probe('messages[].refusal', turns(says({ refusal: 'No.' })), turns(says({}))),
    probe('messages[].audio', turns(says({ audio: { id: 'audio_1' } })), turns(says({}))),
    probe('messages[].tool_calls[] (function)', { messages: [asks, calls, result('R')], tools: [tool('f')] }, { tools: [tool('f')] }),
    probe('messages[].tool_calls[] (function), arguments no JSON object', { messages: [asks, { ...calls, tool_calls: [{ ...call, function: { name: 'f', arguments: '[1' } }] }, result('R')], tools: [tool('f')] }, { tools: [tool('f')] }),
    probe('messages[].tool_calls[] (custom)', { messages: [asks, { ...calls, tool_calls: [{ id: 'call_1', type: 'custom', custom: { name: 'f', input: 'ls' } }] }, result('R')] }),
    probe('messages[].function_call', { messages: [asks, { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } }, { role: 'function', name: 'f', content: 'R' }], tools: [tool('f')] }, { tools: [tool('f')] }),
    probe('messages[] (tool)', { messages: [asks, calls, result([text('R'), text('S')])], tools: [tool('f')] }, { messages: [asks, calls], tools: [tool('f')] }),
    probe('messages[] (tool).content[] (image_url)', { messages: [asks, calls, result([text('R'), text('S'), { type: 'image_url', image_url: { url } }])], tools: [tool('f')] }, { messages: [asks, calls, result([text('R'), text('S')])], tools: [tool('f')] }),
    probe('messages[].reasoning_content', turns(says({ reasoning_content: 'Hm.' })), turns(says({}))),
    probe('messages[].reasoning_details[] (reasoning.text, signed)', turns(says({ reasoning_details: [proof] })), turns(says({}))),
    probe('messages[].reasoning_details[] (reasoning.encrypted)', turns(says({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'b3Bh', format: 'anthropic-claude-v1', index: 0 }] })), turns(says({}))),
    probe('messages[].reasoning_details[].format of another vendor', turns(says({ reasoning_details: [{ ...proof, format: 'other-v1' }] })), turns(says({}))),
    probe('audio', { audio: { voice: 'alloy', format: 'wav' } }),
    probe('frequency_penalty', { frequency_penalty: 0.5 }),
    moot('frequency_penalty = 0', 'the default', { frequency_penalty: 0 }),
    probe('function_call', { functions: [{ name: 'f', parameters: schema }], function_call: { name: 'f' } }, { functions: [{ name: 'f', parameters: schema }] }),
    probe('functions', { functions: [{ name: 'f', parameters: schema }] }),
    probe('logit_bias', { logit_bias: { 50256: -100 } }),
    probe('logprobs', { logprobs: true }),
    moot('logprobs = false', 'the default', { logprobs: false }),
    probe('max_completion_tokens', { max_completion_tokens: 99 }),
    probe('max_tokens', { max_tokens: 99 }),
    probe('metadata', { metadata: { run: '7' } }),
    probe('modalities', { modalities: ['text', 'audio'], audio: { voice: 'alloy', format: 'wav' } }, { audio: { voice: 'alloy', format: 'wav' } }),
    moot('modalities = [text]', 'the default', { modalities: ['text'] }),
    probe('moderation', { moderation: { model: 'omni-moderation-latest' } }),
    probe('n', { n: 2 }),
    moot('n = 1', 'the default', { n: 1 }),
    probe('parallel_tool_calls = false', { tools: [tool('f')], parallel_tool_calls: false }, { tools: [tool('f')] }),
    moot('parallel_tool_calls = true', 'the default', { tools: [tool('f')], parallel_tool_calls: true }, { tools: [tool('f')] }),
    probe('prediction', { prediction: { type: 'content', content: 'Hi' } }),
    probe('presence_penalty', { presence_penalty: 0.5 }),
    moot('presence_penalty = 0', 'the default', { presence_penalty: 0 }),
    probe('prompt_cache_key', { prompt_cache_key: 'key-1' }),
    probe('prompt_cache_options', { prompt_cache_options: { mode: 'explicit' } }),
    probe('prompt_cache_retention', { prompt_cache_retention: '24h' }),
    probe('reasoning_effort', { reasoning_effort: 'high' }),
    moot('reasoning_effort = none', 'the default', { reasoning_effort: 'none' }),
    probe('reasoning.max_tokens', { reasoning: { max_tokens: 5000 } }),
    probe('reasoning.exclude', { reasoning: { exclude: true } }),
    probe('response_format (json_object)', { response_format: { type: 'json_object' } }),
    probe('response_format (json_schema)', { response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: true } } }),
    probe('response_format.json_schema.description', { response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: true, description: 'D' } } }, { response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: true } } }),
    moot('response_format.json_schema.strict = false', 'a schema that is always kept to is kept to', { response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: false } } }, { response_format: { type: 'json_schema', json_schema: { name: 'n', schema, strict: true } } }),
    probe('response_format (grammar)', { response_format: { type: 'grammar', grammar: 'root ::= "a"' } }),
    moot('response_format (text)', 'the default', { response_format: { type: 'text' } }),
    probe('safety_identifier', { safety_identifier: 'user-1' }),
    probe('seed', { seed: 7 }),
    probe('service_tier', { service_tier: 'flex' }),
    moot('service_tier = auto', 'the default', { service_tier: 'auto' }),
    probe('stop', { stop: ['END', 'FIN'] }),
    probe('stop of white space', { stop: ['END', '\n'] }),
    probe('store', { store: true }),
    moot('store = false', 'nothing is kept anyway', { store: false }),
    probe('stream', { stream: true }),
    moot('stream_options', 'whether usage is streamed is between client and gateway', { stream: true, stream_options: { include_usage: true } }, { stream: true }),
    probe('temperature', { temperature: 0.5 }),
    probe('temperature above 1', { temperature: 1.5 }, { temperature: 1 }),
    moot('thinking.type', 'how far to think is the model\'s to decide there too', { thinking: { type: 'enabled' } }),
    moot('thinking.type = disabled', 'the default', { thinking: { type: 'disabled' } }),
    ...(['auto', 'none', 'required'] as const).map((word) => probe(`tool_choice = ${word}`, { tools: [tool('f')], tool_choice: word }, { tools: [tool('f')] })),
    probe('tool_choice (function)', { tools: [tool('f')], tool_choice: { type: 'function', function: { name: 'f' } } }, { tools: [tool('f')] }),
    probe('tool_choice (custom)', { tools: [{ type: 'custom', custom: { name: 'f' } }], tool_choice: { type: 'custom', custom: { name: 'f' } } }),
    probe('tool_choice (allowed_tools)', { tools: [tool('f'), tool('g')], tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [{ type: 'function', function: { name: 'f' } }] } } }, { tools: [tool('f'), tool('g')] }),
    probe('tools[] (function)', { tools: [tool('f')] }),
    probe('tools[].function.description', { tools: [tool('f', { description: 'D' })] }, { tools: [tool('f')] }),
    probe('tools[].function.parameters', { tools: [tool('f')] }, { tools: [tool('f', { parameters: { type: 'object' } })] }),
    probe('tools[].function.strict', { tools: [tool('f', { strict: true })] }, { tools: [tool('f')] }),
    probe('tools[].cache_control', { tools: [{ ...tool('f'), cache_control: { type: 'ephemeral' } }] }, { tools: [tool('f')] }),
    probe('tools[] (custom)', { tools: [{ type: 'custom', custom: { name: 'f', description: 'D' } }] }),
    probe('tools[].custom.format', { tools: [{ type: 'custom', custom: { name: 'f', description: 'D', format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } } } }] }, { tools: [{ type: 'custom', custom: { name: 'f', description: 'D' } }] }),
    probe('top_logprobs', { logprobs: true, top_logprobs: 3 }),
    probe('top_p', { top_p: 0.5 }),
    probe('top_p beside temperature', { temperature: 0.5, top_p: 0.5 }, { temperature: 0.5 }),
    probe('user', { user: 'user-1' }),
    probe('verbosity', { verbosity: 'low' }),
    moot('verbosity = medium', 'the default', { verbosity: 'medium' }),
    probe('web_search_options', { web_search_options: {} }),
    probe('a field that is not known', { hurry: true })
  ]
}
