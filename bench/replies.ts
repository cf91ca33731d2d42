/** What the provider says: ASCII only, so that characters are bytes. */

/** Tokens that every reply tells of, so that the client's side can look for them. */
const PROMPT_TOKENS = 11
export const COMPLETION_TOKENS = 321

const WORDS = 'The quick brown fox jumps over the lazy dog while the gateway counts its tokens. '
const words = (length: number): string => WORDS.repeat(Math.ceil(length / WORDS.length)).slice(0, length)

const usage = { prompt_tokens: PROMPT_TOKENS, completion_tokens: COMPLETION_TOKENS, total_tokens: PROMPT_TOKENS + COMPLETION_TOKENS }

/** Whole replies of about 1 KB. */
export const WHOLE_CHAT = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1767225600,
  model: 'gpt-5.4-mini',
  choices: [{ index: 0, message: { role: 'assistant', content: words(740) }, logprobs: null, finish_reason: 'stop' }],
  usage
})

export const WHOLE_MESSAGE = JSON.stringify({
  id: 'msg_bench',
  type: 'message',
  role: 'assistant',
  model: 'claude-haiku-4-5',
  content: [{ type: 'text', text: words(740) }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { input_tokens: PROMPT_TOKENS, output_tokens: COMPLETION_TOKENS }
})

/** A stream: what stands before the pieces, a piece, and what comes after them. */
export interface StreamText {
  before: string
  /** @param mark where the time of sending goes */
  piece (mark: string): string
  after: string
}

/** In the Chat Completions format. @param bytes of text in each piece, besides its mark */
export function chatStream (bytes: number): StreamText {
  const text = words(bytes)
  const event = (choices: unknown[], more: object = {}): string =>
    `data: ${JSON.stringify({ id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1767225600, model: 'gpt-5.4-mini', choices, ...more })}\n\n`
  const [head = '', tail = ''] = event([{ index: 0, delta: { content: `|${text}` }, finish_reason: null }]).split('|')
  return {
    before: event([{ index: 0, delta: { role: 'assistant', content: '' }, finish_reason: null }]),
    piece: (mark) => head + mark + tail,
    after: `${event([{ index: 0, delta: {}, finish_reason: 'stop' }])}${event([], { usage })}data: [DONE]\n\n`
  }
}

/** The same in the Messages format. */
export function messagesStream (bytes: number): StreamText {
  const text = words(bytes)
  const event = (data: { type: string, [field: string]: unknown }): string => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`
  const [head = '', tail = ''] = event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `|${text}` } }).split('|')
  return {
    before: event({
      type: 'message_start',
      message: { id: 'msg_bench', type: 'message', role: 'assistant', model: 'claude-haiku-4-5', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: PROMPT_TOKENS, output_tokens: 1 } }
    }) + event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
    piece: (mark) => head + mark + tail,
    after: event({ type: 'content_block_stop', index: 0 }) +
      event({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: COMPLETION_TOKENS } }) +
      event({ type: 'message_stop' })
  }
}
