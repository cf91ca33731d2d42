import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import type { Test } from 'tap'
import type { Answer } from './world.ts'

/** How a request is to end. */
export interface Expected {
  /** `whole`: answered. `error`: refused with a status. `event`: broken off inside the stream, with an error event. */
  end: 'whole' | 'error' | 'event'
  /** Default: 200 unless refused. */
  status?: number | RegExp
  text?: string
  /** The gateway's own code, or the provider's. */
  code?: RegExp
  message?: RegExp
  outcome: RegExp
  /** Default: once. */
  attempts?: number
  tokens?: { source: RegExp, output?: number | null }
}

/** What is so however it ends: one row that agrees with what the client saw, and a connection that goes on. One assertion tells all that is wrong. */
export async function check (t: Test, name: string, answer: Answer, expected: Expected): Promise<void> {
  const { client, provider, stream, row, body, heard, status } = answer
  const wrong = Object.entries(await findings(answer, expected)).filter(([, holds]) => !holds).map(([finding]) => finding)
  t.same(wrong, [], `${name}: ${client.id} on ${provider.id}, ${stream ? 'streamed' : 'whole'}`, { found: JSON.stringify({ status, row, heard, body: body.slice(0, 600) }) })
}

async function findings (answer: Answer, { end, status = 200, text, code, message, outcome, attempts = 1, tokens }: Expected): Promise<Record<string, boolean>> {
  const { client, provider, stream, heard, row, headers } = answer
  const failed = end !== 'whole'
  const seen = await inSdk(answer)
  return {
    status: status instanceof RegExp ? status.test(String(answer.status)) : status === answer.status,
    'a complete reply': !answer.cut,
    'the request id': String(headers['x-request-id']).startsWith('call-'),
    'a connection that goes on': answer.reusable,
    type: String(headers['content-type']).startsWith(end === 'event' || (end === 'whole' && stream) ? 'text/event-stream' : 'application/json'),
    text: text === undefined || heard.text === text,
    finish: (heard.finish !== undefined) === (end === 'whole'),
    error: (heard.error !== undefined) === failed,
    'a terminator': end === 'event' ? !heard.done : heard.done,
    'nothing behind an error': !heard.more,
    message: !failed || ((heard.error?.message ?? '') !== '' && (message === undefined || message.test(heard.error?.message ?? ''))),
    code: !failed || code === undefined || client.id === 'anthropic-messages' || code.test(heard.error?.code ?? ''),
    'code in the row': !failed || code === undefined || code.test(row.error ?? ''),
    'the dialect': end !== 'error' || inDialect(answer),
    attempts: answer.attempts === attempts && row.attempts === attempts,
    outcome: outcome.test(row.outcome),
    'the row': row.status === answer.status && row.upstream_dialect === provider.id,
    'how tokens are known': tokens === undefined || tokens.source.test(row.usage_source),
    tokens: tokens?.output === undefined || row.output === tokens.output,
    'the vendor\'s SDK': seen.text === heard.text && (end === 'whole'
      ? seen.finished && seen.failed !== true
      : seen.failed === true && !seen.finished && seen.status === (end === 'error' ? answer.status : undefined))
  }
}

/** Whether an error has all that the vendor's has, and the type that belongs to its status, unless that is the provider's own word. */
function inDialect ({ client, provider, body, status }: Answer): boolean {
  const { type, error = {} } = JSON.parse(body)
  if (client.id === 'anthropic-messages') {
    const own = TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error')
    return type === 'error' && (client === provider ? typeof error.type === 'string' : error.type === own) && typeof error.message === 'string'
  }
  return ['message', 'type', 'param', 'code'].every((name) => Object.hasOwn(error, name)) && status >= 400
}

/** https://platform.claude.com/docs/en/api/errors */
const TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error', 402: 'billing_error', 403: 'permission_error', 404: 'not_found_error', 413: 'request_too_large', 429: 'rate_limit_error', 504: 'timeout_error', 529: 'overloaded_error'
}

interface Seen { text: string, finished: boolean, status?: number | undefined, failed?: boolean }

/** What the vendor's own SDK makes of it. */
async function inSdk ({ client, status, headers, body, stream }: Answer): Promise<Seen> {
  const options = { apiKey: 'x', baseURL: 'http://gateway.invalid', maxRetries: 0, fetch: async () => new Response(status === 204 ? null : body, { status, headers: headers as Record<string, string> }) }
  const seen: Seen = { text: '', finished: false }
  try {
    if (client.id === 'openai-chat') {
      const { completions } = new OpenAI(options).chat
      if (stream) {
        for await (const { choices } of await completions.create({ model: 'm', messages: [], stream: true })) {
          seen.text += choices?.[0]?.delta?.content ?? ''
          if (choices?.[0]?.finish_reason) seen.finished = true
        }
      } else {
        const { choices } = await completions.create({ model: 'm', messages: [] })
        Object.assign(seen, { text: choices[0]?.message.content ?? '', finished: Boolean(choices[0]?.finish_reason) })
      }
    } else if (client.id === 'openai-responses') {
      const { responses } = new OpenAI(options)
      if (stream) {
        for await (const event of await responses.create({ model: 'm', input: '', stream: true })) {
          if (event.type === 'response.output_text.delta') seen.text += event.delta
          if (event.type === 'response.completed' || event.type === 'response.incomplete') seen.finished = true
          if (event.type === 'response.failed') seen.failed = true
        }
      } else {
        const reply = await responses.create({ model: 'm', input: '' })
        Object.assign(seen, { text: reply.output_text, finished: reply.status === 'completed' })
      }
    } else {
      const { messages } = new Anthropic(options)
      if (stream) {
        for await (const event of await messages.create({ model: 'm', max_tokens: 9, messages: [], stream: true })) {
          if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') seen.text += event.delta.text
          if (event.type === 'message_delta' && event.delta.stop_reason) seen.finished = true
        }
      } else {
        const { content, stop_reason: reason } = await messages.create({ model: 'm', max_tokens: 9, messages: [] })
        Object.assign(seen, { text: content.map((block) => block.type === 'text' ? block.text : '').join(''), finished: Boolean(reason) })
      }
    }
  } catch (error) {
    Object.assign(seen, { failed: true, status: (error as { status?: number }).status })
  }
  return seen
}
