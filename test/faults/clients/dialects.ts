import type { Test } from 'tap'
import { CHAT_KEY, MESSAGES_KEY, startProvider, type FakeProvider, type Respond, type Teardown } from '../../helper.ts'
import type { Answer } from './wire.ts'

/** A dialect as its clients see it. */
export interface Spoken {
  name: string
  path: string
  /** A key of a provider that speaks it, so that bytes pass as they are. */
  key: string
  ask (fields?: Record<string, unknown>): Record<string, unknown>
  /** Events of a stream: the first pieces of it, and all of the rest. */
  begun: string
  rest: string
  whole: string
  /** One more event with a text in it. */
  piece (text: string): string
}

const sse = (events: Array<Record<string, unknown>>): string =>
  events.map((event) => `${'type' in event ? `event: ${event['type']}\n` : ''}data: ${JSON.stringify(event)}\n\n`).join('')

const chunk = (delta: object, finish: string | null = null): Record<string, unknown> =>
  ({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm1', choices: [{ index: 0, delta, finish_reason: finish }] })

const response = (status: string, text: string): Record<string, unknown> => ({
  id: 'resp_1',
  object: 'response',
  created_at: 1,
  status,
  model: 'm1',
  output: text === '' ? [] : [{ type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text, annotations: [] }] }],
  ...status === 'completed' && { usage: { input_tokens: 5, output_tokens: 7, total_tokens: 12 } }
})

const message = (text: string): Record<string, unknown> => ({
  id: 'msg_1',
  type: 'message',
  role: 'assistant',
  model: 'm1',
  content: text === '' ? [] : [{ type: 'text', text }],
  stop_reason: text === '' ? null : 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: 5, output_tokens: text === '' ? 1 : 7 }
})

const messages = [{ role: 'user', content: 'hi' }]

export const chat: Spoken = {
  name: 'Chat Completions',
  path: '/v1/chat/completions',
  key: CHAT_KEY,
  ask: (fields) => ({ model: 'm1', messages, ...fields }),
  begun: sse([chunk({ role: 'assistant', content: 'one two three four' })]),
  rest: sse([chunk({ content: ' five' }), chunk({}, 'stop')]) + 'data: [DONE]\n\n',
  whole: JSON.stringify({ id: 'c1', object: 'chat.completion', created: 1, model: 'm1', choices: [{ index: 0, message: { role: 'assistant', content: 'one two' }, finish_reason: 'stop' }], usage: { prompt_tokens: 5, completion_tokens: 7, total_tokens: 12 } }),
  piece: (text) => sse([chunk({ content: text })])
}

export const responses: Spoken = {
  name: 'Responses',
  path: '/v1/responses',
  key: CHAT_KEY,
  ask: (fields) => ({ model: 'm1', input: 'hi', ...fields }),
  begun: sse([
    { type: 'response.created', sequence_number: 0, response: response('in_progress', '') },
    { type: 'response.output_item.added', sequence_number: 1, output_index: 0, item: { type: 'message', id: 'msg_1', status: 'in_progress', role: 'assistant', content: [] } },
    { type: 'response.content_part.added', sequence_number: 2, item_id: 'msg_1', output_index: 0, content_index: 0, part: { type: 'output_text', text: '', annotations: [] } },
    { type: 'response.output_text.delta', sequence_number: 3, item_id: 'msg_1', output_index: 0, content_index: 0, delta: 'one two three four' }
  ]),
  rest: sse([
    { type: 'response.output_text.done', sequence_number: 4, item_id: 'msg_1', output_index: 0, content_index: 0, text: 'one two three four' },
    { type: 'response.output_item.done', sequence_number: 5, output_index: 0, item: { type: 'message', id: 'msg_1', status: 'completed', role: 'assistant', content: [{ type: 'output_text', text: 'one two three four', annotations: [] }] } },
    { type: 'response.completed', sequence_number: 6, response: response('completed', 'one two three four') }
  ]),
  whole: JSON.stringify(response('completed', 'one two')),
  piece: (text) => sse([{ type: 'response.output_text.delta', sequence_number: 3, item_id: 'msg_1', output_index: 0, content_index: 0, delta: text }])
}

export const messagesApi: Spoken = {
  name: 'Messages',
  path: '/v1/messages',
  key: MESSAGES_KEY,
  ask: (fields) => ({ model: 'm1', max_tokens: 64, messages, ...fields }),
  begun: sse([
    { type: 'message_start', message: message('') },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'one two three four' } }
  ]),
  rest: sse([
    { type: 'content_block_stop', index: 0 },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 7 } },
    { type: 'message_stop' }
  ]),
  whole: JSON.stringify(message('one two')),
  piece: (text) => sse([{ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }])
}

export const dialects = [chat, responses, messagesApi]

/** The dialect in which a provider is asked. */
export function spokenAt (url: string): Spoken {
  return dialects.find(({ path }) => url.startsWith(path)) ?? chat
}

/** A provider of all dialects. By the model's name it is `silent`, `hangs` behind the first events, or answers. */
export function startSpeaker (t: Teardown, other: Record<string, Respond> = {}): Promise<FakeProvider> {
  return startProvider(t, (request, response) => {
    response.on('error', () => {})
    const { begun, rest, whole } = spokenAt(request.url)
    const { model, stream } = JSON.parse(request.body === '' ? '{}' : request.body)
    if (other[model] !== undefined) return other[model](request, response)
    if (model === 'silent') return
    response.writeHead(200, { 'content-type': stream === true ? 'text/event-stream' : 'application/json' })
    if (model === 'hangs') return response.write(stream === true ? begun : whole.slice(0, 20))
    response.end(stream === true ? begun + rest : whole)
  })
}

/** An error as the dialect's SDK expects it, with the gateway's headers, and nothing of its insides. */
export function isError (t: Test, { name }: Spoken, { status, headers, body }: Answer, title: string): void {
  t.match(headers['content-type'], /^application\/json\b/, `${title}: its type`)
  t.match(headers['x-request-id'], /^[\w-]{36}$/, `${title}: its id`)
  t.equal(Number(headers['content-length']), Buffer.byteLength(body), `${title}: its length`)
  const { error, type } = JSON.parse(body)
  t.match(error, { message: /./, type: /./ }, title)
  if (name === 'Messages') {
    t.equal(type, 'error', title)
    t.equal(error.type, TYPES[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error'), title)
  } else {
    t.equal(type, undefined, title)
    t.match(error, { code: /./ }, title)
    t.equal('param' in error, true, title)
  }
  t.notMatch(body, /\bat \/|node_modules|\.ts\b|FST_|HPE_|ERR_|ECONN|sk-real|127\.0\.0\.1/, title)
}

const TYPES: Record<number, string> = { 401: 'authentication_error', 402: 'billing_error', 403: 'permission_error', 404: 'not_found_error', 413: 'request_too_large', 429: 'rate_limit_error', 504: 'timeout_error', 529: 'overloaded_error' }
