import { moot, probe } from '../probe.ts'
import type { Probes } from '../probe.ts'

type Json = Record<string, unknown>

const message = { role: 'assistant', content: 'Hi', refusal: null }
const usage = { prompt_tokens: 90, completion_tokens: 50, total_tokens: 140 }
const says = (more: Json, finish = 'stop'): Json => ({ choices: [choice({ message: { ...message, ...more }, finish_reason: finish })] })
const counts = (more: Json): Json => ({ usage: { ...usage, ...more } })
const call = { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"city":"Rome"}' } }
const detail = { type: 'reasoning.text', text: 'Hm.', signature: 'c2ln', format: 'anthropic-claude-v1', index: 0 }

function choice (more: Json = {}): Json {
  return { index: 0, message, logprobs: null, finish_reason: 'stop', ...more }
}

/** A completion, with what servers in front of other vendors add to it. */
export const chatReply: Probes = {
  dialect: 'openai-chat',
  plain: { id: 'chatcmpl-1', object: 'chat.completion', created: 1, model: 'model-1', choices: [choice()], usage },
  probes: [
    probe('id', { id: 'chatcmpl-2' }),
    probe('model', { model: 'model-2' }),
    moot('created', 'a translated reply has the date of the gateway, where its dialect has one', { created: 2 }),
    moot('system_fingerprint', 'of use beside `seed` only, which is reported', { system_fingerprint: 'fp_1' }),
    moot('metadata', 'the client\'s own, which is reported where it cannot be said', { metadata: { run: '7' } }),
    moot('service_tier', 'of use to the bill only', { service_tier: 'flex' }),
    probe('choices[].message.content', says({ content: 'Ho' })),
    probe('choices[].message.refusal', says({ content: null, refusal: 'No.' })),
    probe('choices[].message.annotations', says({ annotations: [{ type: 'url_citation', url_citation: { url: 'https://example.com', title: 'T', start_index: 0, end_index: 2 } }] })),
    probe('choices[].message.audio', says({ audio: { id: 'audio_1', data: 'UklGRg==', expires_at: 9, transcript: 'Hi' } })),
    probe('choices[].message.tool_calls[] (function)', says({ tool_calls: [call] }, 'tool_calls')),
    probe('choices[].message.tool_calls[] (custom)', says({ tool_calls: [{ id: 'call_1', type: 'custom', custom: { name: 'f', input: 'ls' } }] }, 'tool_calls')),
    probe('choices[].message.function_call', says({ function_call: { name: 'f', arguments: '{}' } }, 'function_call')),
    probe('choices[].message.reasoning_content', says({ reasoning_content: 'Hm.' })),
    probe('choices[].message.reasoning', says({ reasoning: 'Hm.' })),
    probe('choices[].message.reasoning_details[] (reasoning.text, signed)', says({ reasoning_details: [detail] })),
    probe('choices[].message.reasoning_details[] (reasoning.encrypted)', says({ reasoning_details: [{ type: 'reasoning.encrypted', data: 'b3Bh', format: 'anthropic-claude-v1', index: 0 }] })),
    probe('choices[].message, a field that is not known', says({ aside: 'A' })),
    probe('choices[].logprobs', { choices: [choice({ logprobs: { content: [{ token: 'Hi', logprob: -1, bytes: null, top_logprobs: [] }], refusal: null } })] }),
    probe('choices[].finish_reason = length', says({}, 'length')),
    probe('choices[].finish_reason = content_filter', says({}, 'content_filter')),
    probe('choices[] after the first', { choices: [choice(), choice({ index: 1, message: { ...message, content: 'Ho' } })] }),
    probe('citations', { citations: ['https://example.com'] }),
    probe('search_results', { search_results: [{ url: 'https://example.com' }] }),
    moot('moderation', 'comes to who asked for it only, which is reported', { moderation: { input: { flagged: true } } }),
    probe('usage.prompt_tokens', counts({ prompt_tokens: 91, total_tokens: 141 })),
    probe('usage.completion_tokens', counts({ completion_tokens: 51, total_tokens: 141 })),
    probe('usage.prompt_tokens_details.cached_tokens', counts({ prompt_tokens_details: { cached_tokens: 40 } })),
    probe('usage.prompt_tokens_details.cache_write_tokens', counts({ prompt_tokens_details: { cache_write_tokens: 30 } })),
    moot('usage.prompt_tokens_details.audio_tokens', 'still in the sum', counts({ prompt_tokens_details: { audio_tokens: 20 } })),
    probe('usage.completion_tokens_details.reasoning_tokens', counts({ completion_tokens_details: { reasoning_tokens: 10 } })),
    moot('usage.completion_tokens_details.audio_tokens', 'still in the sum', counts({ completion_tokens_details: { audio_tokens: 10 } })),
    moot('usage.prompt_tokens_details.text_tokens', 'still in the sum', counts({ prompt_tokens_details: { text_tokens: 20 } })),
    moot('usage.prompt_tokens_details.image_tokens', 'still in the sum', counts({ prompt_tokens_details: { image_tokens: 20 } })),
    moot('usage.completion_tokens_details.text_tokens', 'still in the sum', counts({ completion_tokens_details: { text_tokens: 20 } })),
    moot('usage.completion_tokens_details.accepted_prediction_tokens', 'still in the sum', counts({ completion_tokens_details: { accepted_prediction_tokens: 10 } })),
    moot('usage.completion_tokens_details.rejected_prediction_tokens', 'still in the sum', counts({ completion_tokens_details: { rejected_prediction_tokens: 10 } })),
    probe('error', { error: { message: 'Too many.', type: 'rate_limit_error', code: 'rate_limit_exceeded', param: null } })
  ]
}
