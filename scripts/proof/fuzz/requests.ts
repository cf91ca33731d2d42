import { pick, type Random } from './mutate.ts'

export interface Sent { path: string, body: Record<string, unknown> }

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
const schema = { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } }, required: ['city'], additionalProperties: false }

/** Right requests that say much of what each dialect can say. @param text of the prompt: it tells the provider what to answer */
export const requests: Record<string, ReadonlyArray<(text: string) => Record<string, unknown>>> = {
  '/v1/chat/completions': [
    (text) => ({ model: 'gpt-5.4-mini', messages: [{ role: 'user', content: text }] }),
    (text) => ({
      model: 'gpt-4o',
      temperature: 0.5,
      max_completion_tokens: 50,
      stop: ['STOP'],
      stream_options: { include_usage: true },
      tools: [{ type: 'function', function: { name: 'weather', description: 'w', parameters: schema, strict: true } }],
      tool_choice: 'auto',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'What is this?' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}`, detail: 'low' } }] },
        { role: 'assistant', content: null, tool_calls: [{ id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bern"}' } }] },
        { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
        { role: 'user', content: text }
      ]
    }),
    (text) => ({ model: 'claude-haiku-4-5', reasoning_effort: 'low', n: 1, seed: 3, user: 'u', response_format: { type: 'json_schema', json_schema: { name: 'r', schema, strict: true } }, messages: [{ role: 'developer', content: 'd' }, { role: 'user', content: text }] })
  ],
  '/v1/responses': [
    (text) => ({ model: 'gpt-5.4-mini', input: text }),
    (text) => ({
      model: 'gpt-5.4',
      instructions: 'Be brief.',
      max_output_tokens: 60,
      reasoning: { effort: 'low', summary: 'auto' },
      include: ['reasoning.encrypted_content'],
      store: false,
      text: { format: { type: 'json_schema', name: 'r', schema, strict: true }, verbosity: 'low' },
      tools: [{ type: 'function', name: 'weather', parameters: schema, strict: true }, { type: 'custom', name: 'patch', description: 'p' }, { type: 'web_search' }],
      input: [
        { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Look' }, { type: 'input_image', image_url: `data:image/png;base64,${PNG}` }] },
        { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'Thinking' }], encrypted_content: 'abc' },
        { type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '{"city":"Bern"}' },
        { type: 'function_call_output', call_id: 'call_1', output: 'sunny' },
        { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hm.', annotations: [] }] },
        { role: 'user', content: text }
      ]
    })
  ],
  '/v1/messages': [
    (text) => ({ model: 'claude-haiku-4-5', max_tokens: 50, messages: [{ role: 'user', content: text }] }),
    (text) => ({
      model: 'claude-sonnet-4-5',
      max_tokens: 3000,
      system: [{ type: 'text', text: 'Be brief.', cache_control: { type: 'ephemeral' } }],
      thinking: { type: 'enabled', budget_tokens: 1024 },
      metadata: { user_id: 'u' },
      stop_sequences: ['STOP'],
      tools: [{ name: 'weather', description: 'w', input_schema: schema }],
      tool_choice: { type: 'auto' },
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Look' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } }] },
        { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm', signature: 'c2ln' }, { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Bern' } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: [{ type: 'text', text: 'sunny' }] }, { type: 'text', text }] }
      ]
    })
  ]
}

/** What has a counter, or is passed through: for the client's side alone. */
const others: ReadonlyArray<(text: string) => Sent> = [
  (text) => ({ path: '/v1/embeddings', body: { model: 'text-embedding-3-small', input: [text, 'b'] } }),
  (text) => ({ path: '/v1/moderations', body: { input: text } }),
  (text) => ({ path: '/v1/messages/count_tokens', body: { model: 'claude-haiku-4-5', messages: [{ role: 'user', content: text }] } }),
  (text) => ({ path: '/v1/responses/input_tokens', body: { model: 'gpt-5.4-mini', input: text } }),
  (text) => ({ path: '/v1/completions', body: { model: 'gpt-3.5-turbo-instruct', prompt: text, max_tokens: 5 } }),
  (text) => ({ path: '/v1/images/generations', body: { model: 'gpt-image-1', prompt: text } }),
  (text) => ({ path: '/v1/conversations', body: { items: [{ type: 'message', role: 'user', content: text }] } })
]

export const conversationPaths = Object.keys(requests)

export function conversation (random: Random, text: string, stream = random(2) === 0): Sent {
  const path = pick(random, conversationPaths)
  const body = pick(random, requests[path] ?? [])(text)
  return { path, body: { ...body, ...stream && { stream: true } } }
}

export function anyRequest (random: Random, text: string): Sent {
  return random(5) === 0 ? pick(random, others)(text) : conversation(random, text)
}

/** A form with a file, as sound and files are sent. */
export function form (random: Random, text: string): { path: string, type: string, body: Buffer } {
  const boundary = `----b${random(1_000_000)}`
  const part = (name: string, value: string, file = ''): string => `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${file}\r\n\r\n${value}\r\n`
  const [path, purpose] = pick(random, [['/v1/audio/transcriptions', 'model'], ['/v1/files', 'purpose'], ['/v1/images/edits', 'model']] as const)
  const body = part(purpose, purpose === 'model' ? 'gpt-4o-transcribe' : 'batch') + part('prompt', text) + part('file', 'RIFF\0\x01\x02 sound', '; filename="a.wav"\r\ncontent-type: audio/wav') + `--${boundary}--\r\n`
  return { path, type: `multipart/form-data; boundary=${boundary}`, body: Buffer.from(body) }
}
