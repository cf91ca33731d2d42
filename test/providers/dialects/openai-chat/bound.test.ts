import t from 'tap'
import { bound, cap } from '../../../../providers/dialects/openai-chat/bound.ts'

const hi = [{ role: 'user', content: 'Hi' }]
const say = (...content: unknown[]): Record<string, unknown> => ({ model: 'm', messages: [...hi, { role: 'user', content }] })
const names = (fields: Record<string, unknown>): string[] => bound({ model: 'm', messages: hi, ...fields }).unbounded

t.test('a conversation of text is plain', async (t) => {
  t.strictSame(bound({ model: 'm', messages: hi }), { plain: true, added: 512, cacheWrite: '5m', choices: 1, generates: true, unbounded: [] })
  t.equal(bound(say({ type: 'text', text: 'a' }, { type: 'refusal', refusal: 'no' }, { text: 'untyped' }, 'bare')).plain, true)
  const turns = [{ role: 'assistant', content: null, reasoning_content: 'hm', tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } }] }, { role: 'tool', tool_call_id: 'a', content: 'ok' }]
  t.equal(bound({ messages: turns }).plain, true)
})

t.test('pictures and files are not, sound has a rate of its own', async (t) => {
  for (const type of ['image_url', 'file', 'document_url', 'video_url', 'unheard_of']) t.strictSame([bound(say({ type })).plain, bound(say({ type })).unbounded], [false, []], type)
  t.strictSame(bound(say({ type: 'text', text: 'a' }, { type: 'input_audio' })).unbounded, ['messages[1].content[1] (input_audio)'])
  t.strictSame(bound({ messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] }).unbounded, ['messages[0].audio'])
  t.equal(bound({ messages: [{ role: 'assistant', content: 'a', images: [{}] }] }).plain, false)
  t.equal(bound({ messages: [{ role: 'user', content: { type: 'image_url' } }] }).plain, false)
  t.equal(bound({ messages: hi, chat_template: '{{ x }}' }).plain, false)
})

t.test('what has fees, or runs other models, is named', async (t) => {
  t.strictSame(names({ audio: { voice: 'v' }, modalities: ['text', 'audio'], web_search_options: {} }), ['audio', 'web_search_options', 'modalities'])
  t.strictSame(names({ modalities: ['text'], audio: null, plugins: [], enable_search: false, store: true, prompt_cache_retention: '24h', prompt_cache_key: 'k' }), [])
  t.strictSame(names({ prediction: { type: 'content', content: 'a' } }), ['prediction'])
  t.strictSame(names({ plugins: [{ id: 'web' }], models: ['a', 'b'], search_parameters: { mode: 'on' } }), ['plugins', 'models', 'search_parameters'])
  for (const model of ['compound-beta', 'groq/compound', 'a/b:online', 'gpt-4o-search-preview', 'sonar-deep-research']) t.strictSame(names({ model }), ['model'], model)
  for (const model of ['compounding', 'research', 'm:free']) t.strictSame(names({ model }), [], model)
})

t.test('service tiers at the listed price or below pass', async (t) => {
  for (const tier of ['auto', 'default', 'flex', 'on_demand', null]) t.strictSame(names({ service_tier: tier }), [], String(tier))
  for (const tier of ['priority', 'fast', 'scale', 'ultrafast', 7]) t.strictSame(names({ service_tier: tier }), ['service_tier'], String(tier))
})

t.test('tools of the client are text, others are named', async (t) => {
  const tools = [{ type: 'function', function: { name: 'f' } }, { type: 'custom', custom: { name: 'c' } }, { function: { name: 'g' } }]
  t.strictSame([bound({ tools }).plain, bound({ tools }).added], [true, 512 + 1024 + 3 * 64])
  t.equal(bound({ functions: [{ name: 'f' }] }).added, 512 + 1024 + 64)
  t.strictSame(names({ tools: [...tools, { type: 'browser_search' }, { type: 'web_search_preview' }] }), ['tools[3] (browser_search)', 'tools[4] (web_search_preview)'])
})

t.test('the cache is written to unasked, for an hour where that is asked for', async (t) => {
  t.equal(bound(say({ type: 'text', text: 'a', prompt_cache_breakpoint: {} })).cacheWrite, '5m')
  t.equal(bound(say({ type: 'text', text: 'a', cache_control: { type: 'ephemeral', ttl: '1h' } })).cacheWrite, '1h')
  t.equal(bound({ messages: hi, tools: [{ function: { name: 'f' }, cache_control: { ttl: '1h' } }] }).cacheWrite, '1h')
  t.strictSame(names({ prompt_cache_options: { mode: 'explicit', ttl: '30m' } }), [])
  t.strictSame(names({ prompt_cache_options: { ttl: '12h' } }), ['prompt_cache_options.ttl'])
})

t.test('the larger of two caps counts, and none that servers take for none', async (t) => {
  const output = (fields: Record<string, unknown>): number | undefined => bound({ messages: hi, ...fields }).output
  t.equal(output({}), undefined)
  t.equal(output({ max_completion_tokens: 7 }), 7)
  t.equal(output({ max_tokens: 8, max_completion_tokens: null }), 8)
  t.equal(output({ max_tokens: 8, max_completion_tokens: 7 }), 8)
  for (const none of [0, -1, 1.5, '9', null]) t.equal(output({ max_tokens: none }), undefined, String(none))
  t.equal(bound({ messages: hi, n: 3 }).choices, 3)
  t.equal(bound({ messages: hi, n: null }).choices, 1)
})

t.test('a cap is told by the name that the server knows', async (t) => {
  const newer = { capName: 'max_completion_tokens' } as const
  t.strictSame(cap(50, {}, newer), { max_completion_tokens: 50 })
  t.strictSame(cap(50, {}, {}), { max_tokens: 50 })
  t.strictSame(cap(50, { max_tokens: 50 }, {}), {})
  t.strictSame(cap(50, { max_tokens: 50 }, newer), {})
  t.strictSame(cap(50, { max_completion_tokens: 50 }, newer), {})
  t.strictSame(cap(50, { max_completion_tokens: 50 }, {}), { max_tokens: 50, max_completion_tokens: null })
  t.strictSame(cap(50, { max_tokens: 40, max_completion_tokens: 50 }, {}), {})
  t.strictSame(cap(50, { max_tokens: 60 }, newer), { max_completion_tokens: 50, max_tokens: null })
  t.strictSame(cap(50, { max_tokens: -1 }, {}), { max_tokens: 50 })
  for (const facts of [{}, newer]) {
    for (const body of [{}, { max_tokens: 9 }, { max_completion_tokens: 90 }, { max_tokens: 90, max_completion_tokens: 9 }, { max_tokens: 0 }]) {
      t.ok((bound({ ...body, ...cap(50, body, facts) }).output ?? Infinity) <= 50, JSON.stringify(body))
    }
  }
})
