/** A request that is answered with an error, in the shape of the dialect it came in. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly status: number
  readonly param: string | null

  constructor (status: number, message: string, param: string | null = null) {
    super(message)
    this.status = status
    this.param = param
  }
}

interface Words { chat: { type: string, code: string | null }, messages: string }

const BAD_REQUEST: Words = { chat: { type: 'invalid_request_error', code: null }, messages: 'invalid_request_error' }
const SERVER_ERROR: Words = { chat: { type: 'server_error', code: null }, messages: 'api_error' }

const WORDS = new Map<number, Words>([
  [401, { chat: { type: 'invalid_request_error', code: 'invalid_api_key' }, messages: 'authentication_error' }],
  [403, { chat: { type: 'invalid_request_error', code: 'forbidden' }, messages: 'permission_error' }],
  [404, { chat: { type: 'invalid_request_error', code: 'not_found' }, messages: 'not_found_error' }],
  [413, { chat: { type: 'invalid_request_error', code: 'request_too_large' }, messages: 'request_too_large' }],
  [429, { chat: { type: 'requests', code: 'rate_limit_exceeded' }, messages: 'rate_limit_error' }],
  [529, { chat: { type: 'server_error', code: 'overloaded' }, messages: 'overloaded_error' }]
])

function words (status: number): Words {
  return WORDS.get(status) ?? (status < 500 ? BAD_REQUEST : SERVER_ERROR)
}

/** `{"error":{"message","type","param","code"}}` */
export function chatError ({ status, message, param }: Refusal): object {
  return { error: { message, ...words(status).chat, param } }
}

/** `{"type":"error","error":{"type","message"}}` */
export function messagesError ({ status, message }: Refusal, requestId: string): object {
  return { type: 'error', error: { type: words(status).messages, message }, request_id: requestId }
}
