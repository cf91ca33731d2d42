/** The three dialects as a client asks in them and a provider answers, for faults that are the same in each. */
import { CHAT_KEY, MESSAGES_KEY, REAL_KEY, startProvider, type FakeProvider, type Teardown } from '../helper.ts'

export interface Spoken {
  name: string
  path: string
  key: string
  /** What a whole reply is. */
  whole: string
  /** A stream: its first content, one more, its end. */
  first: string
  more: string
  last: string
  /** What stands last in a stream that the gateway itself ends with an error. */
  broken: RegExp
  /** What an error of the gateway's own says its code is; Messages have types only. */
  codeOf (body: string): string
}

const chunk = (delta: object, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
const event = (data: { type: string } & Record<string, unknown>): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
const item = { id: 'msg_1', type: 'message', role: 'assistant', status: 'in_progress', content: [] as unknown[] }
const part = { type: 'output_text', text: 'abc', annotations: [] }
const response = { id: 'resp_1', object: 'response', created_at: 1, model: 'm', status: 'completed', output: [{ ...item, status: 'completed', content: [part] }], usage: { input_tokens: 9, output_tokens: 3, total_tokens: 12 } }
const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [{ type: 'text', text: 'abc' }], stop_reason: 'end_turn', stop_sequence: null, usage: { input_tokens: 9, output_tokens: 3 } }
const openAiCode = (body: string): string => (JSON.parse(body) as { error: { code: string } }).error.code

export const chat: Spoken = {
  name: 'Chat Completions',
  path: '/v1/chat/completions',
  key: CHAT_KEY,
  whole: JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, message: { role: 'assistant', content: 'abc' }, finish_reason: 'stop' }], usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 } }),
  first: chunk({ role: 'assistant', content: 'a' }),
  more: chunk({ content: 'b' }),
  last: `${chunk({}, 'stop')}data: [DONE]\n\n`,
  broken: /\n\ndata: \{"error":\{[^\n]*\}\}\n\n$/,
  codeOf: openAiCode
}
export const responses: Spoken = {
  name: 'Responses',
  path: '/v1/responses',
  key: CHAT_KEY,
  whole: JSON.stringify(response),
  first: event({ type: 'response.created', sequence_number: 0, response: { ...response, status: 'in_progress', output: [], usage: null } }) +
    event({ type: 'response.output_item.added', sequence_number: 1, output_index: 0, item }) +
    event({ type: 'response.content_part.added', sequence_number: 2, item_id: 'msg_1', output_index: 0, content_index: 0, part: { ...part, text: '' } }) +
    event({ type: 'response.output_text.delta', sequence_number: 3, item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'a' }),
  more: event({ type: 'response.output_text.delta', sequence_number: 4, item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'b' }),
  last: event({ type: 'response.completed', sequence_number: 5, response }),
  broken: /\n\nevent: response\.failed\ndata: \{[^\n]*"error":\{[^\n]*\}\n\n$/,
  codeOf: openAiCode
}
export const messages: Spoken = {
  name: 'Messages',
  path: '/v1/messages',
  key: MESSAGES_KEY,
  whole: JSON.stringify(message),
  first: event({ type: 'message_start', message: { ...message, content: [], stop_reason: null, usage: { input_tokens: 9, output_tokens: 1 } } }) +
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
    event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'a' } }),
  more: event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'b' } }),
  last: event({ type: 'content_block_stop', index: 0 }) + event({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 3 } }) + event({ type: 'message_stop' }),
  broken: /\n\nevent: error\ndata: \{"type":"error","error":\{[^\n]*\}\n\n$/,
  codeOf: (body) => (JSON.parse(body) as { error: { type: string } }).error.type
}
export const dialects: readonly Spoken[] = [chat, responses, messages]

/** A file of the two keys. */
export function keysFile (fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    virtual_keys: {
      [CHAT_KEY]: { provider: 'openai', api_key: REAL_KEY, ...fields },
      [MESSAGES_KEY]: { provider: 'anthropic', api_key: REAL_KEY, ...fields }
    }
  })
}

/** A request in a dialect. */
export function ask ({ path }: Spoken, fields: Record<string, unknown> = {}): Record<string, unknown> {
  const body = path === responses.path ? { model: 'm', input: 'hi' } : { model: 'm', messages: [{ role: 'user', content: 'hi' }], ...path === messages.path && { max_tokens: 50 } }
  return { ...body, ...fields }
}

/** Sends one. */
export function send (url: string, spoken: Spoken, fields?: Record<string, unknown>, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url + spoken.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${spoken.key}`, ...headers },
    body: JSON.stringify(ask(spoken, fields))
  })
}

/** The end of a stream, with the usage that was asked for. */
export function lastOf ({ last }: Spoken, { stream_options: options }: { stream_options?: { include_usage?: boolean } }): string {
  return options?.include_usage !== true ? last : last.replace('data: [DONE]', `${told}data: [DONE]`)
}

const told = `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [], usage: { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 } })}\n\n`

/** What a provider that was asked on this path speaks. */
export function spokenAt (url: string): Spoken {
  return dialects.find(({ path }) => url.endsWith(path.slice('/v1'.length))) ?? chat
}

/**
 * A provider of all three. The end of a model's name says what it does: `silent` nothing, `hangs` stops after its first content,
 * `talks` says something every half second until `done` is called, all others answer.
 */
export async function startSpeaker (t: Teardown): Promise<FakeProvider & { done: () => void }> {
  const talking = new Set<() => void>()
  const provider = await startProvider(t, ({ url, body }, reply) => {
    reply.on('error', () => {})
    const spoken = spokenAt(url)
    const { whole, first, more } = spoken
    const { model, stream, ...options } = JSON.parse(body) as { model: string, stream?: boolean }
    const last = lastOf(spoken, options)
    if (model.endsWith('silent')) return
    if (stream !== true) return reply.writeHead(200, { 'content-type': 'application/json' }).end(whole)
    reply.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
    if (model.endsWith('hangs')) return
    if (!model.endsWith('talks')) return reply.end(more + last)
    const beat = setInterval(() => reply.write(': still there\n\n'), 500)
    const end = (): void => {
      clearInterval(beat)
      talking.delete(end)
      if (!reply.writableEnded) reply.end(more + last)
    }
    talking.add(end)
    reply.on('close', () => clearInterval(beat))
  })
  return { ...provider, done: () => { for (const end of talking) end() } }
}
