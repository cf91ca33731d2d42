/** What each dialect's provider says and its client asks and hears, written byte by byte, by nothing of the gateway's own. */
export interface Speech {
  id: 'openai-chat' | 'openai-responses' | 'anthropic-messages'
  path: string
  ask (model: string, stream: boolean): object
  /** A whole reply. `usage` takes the place of what it used. */
  whole (text: string, usage?: unknown): string
  /** A stream's events until its first text. */
  begin (usage?: unknown): string
  say (text: string): string
  /** How it ends: the word for why, with what was used, and the terminator where there is one besides. */
  finish (usage?: unknown): string
  done: string
  errorBody (message: string, type?: string): string
  errorEvent (message: string): string
  /** What a client of it hears in a stream. */
  hear (stream: string): Heard
  /** The same of a whole reply. */
  read (body: string): Heard
}

export interface Heard {
  text: string
  /** Why it ended, by the provider. */
  finish?: string
  error?: { message: string, code: string }
  /** Whether it was said that nothing more follows. */
  done: boolean
  /** Whether an event came behind the error. */
  more: boolean
}

const event = (data: Record<string, unknown>, named = true): string => `${named ? `event: ${data.type}\n` : ''}data: ${JSON.stringify(data)}\n\n`

const chunk = (delta: object, finish: string | null = null, more: object = {}): string =>
  event({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm-served', choices: [{ index: 0, delta, finish_reason: finish }], ...more }, false)

export const chat: Speech = {
  id: 'openai-chat',
  path: '/v1/chat/completions',
  ask: (model, stream) => ({ model, stream, messages: [{ role: 'user', content: 'hi' }] }),
  whole: (text, usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }) =>
    JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm-served', choices: [{ index: 0, message: { role: 'assistant', content: text, refusal: null }, logprobs: null, finish_reason: 'stop' }], usage }),
  begin: () => chunk({ role: 'assistant', content: '' }),
  say: (content) => chunk({ content }),
  finish: (usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 }) => chunk({}, 'stop', { usage }),
  done: 'data: [DONE]\n\n',
  errorBody: (message, type = 'some_error') => JSON.stringify({ error: { message, type, param: null, code: 'some_code' } }),
  errorEvent: (message) => event({ error: { message, type: 'server_error', param: null, code: 'some_code' } }, false),
  hear: (stream) => heard(stream, (heard, data) => {
    if (data === '[DONE]') return void (heard.done = true)
    const { choices = [], error } = JSON.parse(data)
    heard.text += choices[0]?.delta?.content ?? ''
    heard.finish = choices[0]?.finish_reason ?? heard.finish
    heard.error = error ?? heard.error
  }),
  read: (body) => {
    const { choices = [], error } = JSON.parse(body)
    return { text: choices[0]?.message?.content ?? '', finish: choices[0]?.finish_reason ?? undefined, ...error && { error }, done: true, more: false }
  }
}

const item = (text: string, status = 'completed'): object => ({ id: 'msg_1', type: 'message', role: 'assistant', status, content: status === 'completed' ? [{ type: 'output_text', text, annotations: [] }] : [] })
const response = (status: string, more: object = {}): object =>
  ({ id: 'resp_1', object: 'response', created_at: 1, status, model: 'm-served', error: null, incomplete_details: null, output: [], usage: null, store: false, ...more })
const RESPONSES_USAGE = { input_tokens: 3, input_tokens_details: { cached_tokens: 0 }, output_tokens: 2, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 5 }

export const responses: Speech = {
  id: 'openai-responses',
  path: '/v1/responses',
  ask: (model, stream) => ({ model, stream, store: false, input: 'hi' }),
  whole: (text, usage = RESPONSES_USAGE) => JSON.stringify(response('completed', { output: [item(text)], usage })),
  begin: () => event({ type: 'response.created', response: response('in_progress') }) +
    event({ type: 'response.output_item.added', output_index: 0, item: item('', 'in_progress') }) +
    event({ type: 'response.content_part.added', item_id: 'msg_1', output_index: 0, content_index: 0, part: { type: 'output_text', text: '', annotations: [] } }),
  say: (delta) => event({ type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, content_index: 0, delta }),
  finish: (usage = RESPONSES_USAGE) => event({ type: 'response.completed', response: response('completed', { usage }) }),
  done: '',
  errorBody: chat.errorBody,
  errorEvent: (message) => event({ type: 'error', sequence_number: 9, error: { type: 'server_error', code: 'some_code', message, param: null } }) +
    event({ type: 'response.failed', sequence_number: 10, response: response('failed', { error: { code: 'some_code', message } }) }),
  hear: (stream) => heard(stream, (heard, data) => {
    const { type, delta, response, error } = JSON.parse(data)
    if (type === 'response.output_text.delta') heard.text += delta
    if (type === 'response.completed' || type === 'response.incomplete') Object.assign(heard, { finish: type, done: true })
    // It tells in a second event which response it was that failed.
    if (type === 'error') return 'more'
    if (type === 'response.failed') heard.error = response.error ?? error
  }),
  read: (body) => {
    const { output = [], status, error } = JSON.parse(body)
    return { text: output[0]?.content?.[0]?.text ?? '', finish: status, ...error && { error }, done: true, more: false }
  }
}

const message = (content: object[], reason: string | null, usage: unknown): object =>
  ({ id: 'msg_1', type: 'message', role: 'assistant', model: 'm-served', content, stop_reason: reason, stop_sequence: null, usage })

export const messages: Speech = {
  id: 'anthropic-messages',
  path: '/v1/messages',
  ask: (model, stream) => ({ model, stream, max_tokens: 64, messages: [{ role: 'user', content: 'hi' }] }),
  whole: (text, usage = { input_tokens: 3, output_tokens: 2 }) => JSON.stringify(message([{ type: 'text', text }], 'end_turn', usage)),
  begin: (usage = { input_tokens: 3, output_tokens: 1 }) => event({ type: 'message_start', message: message([], null, usage) }) +
    event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
  say: (text) => event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
  finish: (usage = { output_tokens: 2 }) => event({ type: 'content_block_stop', index: 0 }) +
    event({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage }),
  done: event({ type: 'message_stop' }),
  errorBody: (message, type = 'some_error') => JSON.stringify({ type: 'error', error: { type, message }, request_id: 'req_1' }),
  errorEvent: (message) => event({ type: 'error', error: { type: 'overloaded_error', message } }),
  hear: (stream) => heard(stream, (heard, data) => {
    const { type, delta, error } = JSON.parse(data)
    if (type === 'content_block_delta') heard.text += delta.text ?? ''
    if (type === 'message_delta') heard.finish = delta.stop_reason ?? heard.finish
    if (type === 'message_stop') heard.done = true
    if (type === 'error') heard.error = { ...error, code: error.type }
  }),
  read: (body) => {
    const { content = [], stop_reason: finish, error } = JSON.parse(body)
    return { text: content[0]?.text ?? '', finish: finish ?? undefined, ...error && { error: { ...error, code: error.type } }, done: true, more: false }
  }
}

export const SPEECHES = [chat, responses, messages] as const

/** Reads events as a browser would, one after another; text that is none of a stream's fails. */
function heard (stream: string, take: (heard: Heard, data: string) => unknown): Heard {
  const heard: Heard = { text: '', done: false, more: false }
  const lines = stream.replace(/^\uFEFF/, '').replaceAll(/\r\n?/g, '\n')
  if (!/\n\n$|^$/.test(lines)) throw new Error(`the stream ends inside an event: ${lines.slice(-200)}`)
  for (const frame of lines.split('\n\n')) {
    const data = frame.split('\n').flatMap((line) => {
      const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? []
      return name === 'data' ? [value ?? ''] : []
    })
    if (data.length === 0) continue
    if (heard.error !== undefined) heard.more = true
    take(heard, data.join('\n'))
  }
  return heard
}
