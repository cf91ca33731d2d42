import fp from 'fastify-plugin'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { BadRequest, Untranslatable } from '../providers/dialects/dialect.ts'
import { BadForm } from '../providers/dialects/multipart.ts'
import { BadJson } from '../providers/dialects/scan.ts'
import type { ErrorInfo } from '../providers/dialects/events.ts'
import { conceal } from './keys/conceal.ts'
import { routeDialect } from './route-dialect.ts'

/** Every error of the gateway's own: code, status, and what it says where nothing more exact is known. */
export const errorTable = {
  invalid_json: [400, 'The request body is not valid JSON.'],
  invalid_request: [400, 'The request is not valid.'],
  unsupported_parameter: [400, 'The request asks for something the key\'s provider cannot do.'],
  unsupported_endpoint: [400, 'The key\'s provider does not have this endpoint.'],
  malformed_http: [400, 'The request is not valid HTTP.'],
  upgrade_unsupported: [400, 'The gateway speaks HTTP/1.1 and switches to no other protocol: send the request without "Upgrade".'],
  price_unknown: [400, 'What the model costs is not known, and this key has a budget.'],
  unbounded_cost: [400, 'Nothing bounds what the request may use, and this key has a limit on it.'],
  invalid_api_key: [401, 'Missing or unknown API key. Send a virtual key of this gateway as "Authorization: Bearer KEY" or "x-api-key: KEY".'],
  model_not_allowed: [403, 'This key may not use the model.'],
  ip_not_allowed: [403, 'This key may not be used from this address.'],
  not_found: [404, 'Unknown path.'],
  previous_response_not_found: [404, 'The earlier response does not exist.'],
  model_not_found: [404, 'The model does not exist, or this key may not use it.'],
  method_not_allowed: [405, 'This path does not take the method.'],
  request_timeout: [408, 'The request took too long to arrive.'],
  keys_file_unusable: [409, 'The keys file cannot be read or changed.'],
  request_too_large: [413, 'The request body is larger than the gateway takes.'],
  uri_too_long: [414, 'The URL is too long.'],
  unsupported_media_type: [415, 'Send the body as "Content-Type: application/json", uncompressed.'],
  expectation_failed: [417, 'The gateway meets no expectation but 100-continue.'],
  websocket_unsupported: [426, 'There are no WebSockets here: send a POST request.'],
  rate_limit_exceeded: [429, 'This key has used up its requests.'],
  budget_exceeded: [429, 'This key has used up its budget.'],
  too_many_failed_lookups: [429, 'Too many requests with an unknown API key from this address. Wait, then use a virtual key of this gateway.'],
  too_many_requests: [429, 'Too many requests from this address.'],
  headers_too_large: [431, 'The request headers are larger than the gateway takes.'],
  client_closed_request: [499, 'The client left while it was sending.'],
  internal_error: [500, 'The gateway failed. Its log has the reason, under this request id.'],
  upstream_unreachable: [502, 'The gateway could not reach the provider.'],
  upstream_broke: [502, 'The provider broke off its reply.'],
  upstream_bad_reply: [502, 'The provider sent a reply that is not valid.'],
  upstream_error: [502, 'The provider failed.'],
  upstream_credential_refused: [502, 'The provider refused the gateway\'s own credential for this key. Your key is fine: tell whoever runs the gateway.'],
  storage_unavailable: [503, 'The gateway cannot keep whose anything is: its data folder cannot be used. Tell whoever runs the gateway.'],
  ledger_unavailable: [503, 'The gateway cannot write its ledger, and does not serve this key without it. Try again later, and tell whoever runs the gateway.'],
  limits_unavailable: [503, 'The gateway cannot reach where it counts limits, so it cannot tell whether this fits the key\'s. Try again in a moment.'],
  overloaded: [503, 'The gateway has more to do than it can. Try again in a moment.'],
  upstream_busy: [503, 'Too many requests to the provider are under way, and too many wait. Try again in a moment.'],
  shutting_down: [503, 'The gateway is shutting down. Try again.'],
  upstream_timeout: [504, 'The provider did not answer in time.'],
  request_loop: [508, 'The request came back to the gateway it left from: a provider\'s base URL points at the gateway itself.']
} as const satisfies Record<string, readonly [status: number, message: string]>

export type ErrorCode = keyof typeof errorTable

export interface ErrorDetails {
  message?: string
  param?: string
  /** What the limit that refuses counts. */
  limited?: 'requests' | 'tokens'
  /** When that has more, in ms since 1970, where it is too long for a client to wait. */
  resetsAt?: number
  /** The limit that refuses, by its name in keys.json: for the operator, not for the client. */
  limit?: string
  /** The label of the key that is refused: for the operator, not for the client. */
  key?: string | undefined
  /** The model that cannot be priced or bounded, by the name that the provider knows: likewise. */
  model?: string | undefined
  /** Why, likewise. */
  reason?: string | undefined
  headers?: Record<string, string>
  cause?: unknown
}

/** An error that the client is told of, as it stands. Anything else it sees only as `internal_error`. */
export class GatewayError extends Error {
  override name = 'GatewayError'
  readonly code: ErrorCode
  readonly status: number
  readonly param: string | undefined
  readonly limited: ErrorDetails['limited']
  readonly resetsAt: number | undefined
  readonly limit: string | undefined
  readonly key: string | undefined
  readonly model: string | undefined
  readonly headers: Record<string, string>
  readonly #reason: string | undefined

  constructor (code: ErrorCode, details: ErrorDetails = {}) {
    const [status, message] = errorTable[code]
    super(details.message ?? message, { cause: details.cause })
    this.code = code
    this.status = status
    this.param = details.param
    this.limited = details.limited
    this.resetsAt = details.resetsAt
    this.limit = details.limit
    this.key = details.key
    this.model = details.model
    this.#reason = details.reason
    this.headers = details.headers ?? {}
    if (status === 401) this.headers['www-authenticate'] = 'Bearer'
  }

  /** What was given, or else what the system or TLS called its cause, such as `ECONNREFUSED`: a word without names or addresses. For the log, not for clients. */
  get reason (): string | undefined {
    return this.#reason ?? reasonOf(this.cause)
  }

  get info (): ErrorInfo {
    const { status, code, message, param, limited, resetsAt } = this
    return { status, code, message, ...param !== undefined && { param }, ...limited !== undefined && { limited }, ...resetsAt !== undefined && { resetsAt } }
  }
}

function reasonOf (cause: unknown): string | undefined {
  if (cause instanceof AggregateError) return reasonOf(cause.errors[0])
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : undefined
}

/** What an address is told that asks too often without a key. */
export function tooManyRequests (_request: unknown, { ttl }: { ttl: number }): GatewayError {
  return new GatewayError('too_many_requests', { headers: { 'retry-after': String(Math.max(1, Math.ceil(ttl / 1000))) } })
}

/** What Fastify and the HTTP parser call the same conditions. */
const foreignCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_EMPTY_TYPE: 'unsupported_media_type',
  FST_ERR_BAD_URL: 'not_found',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long',
  FST_ERR_REQUEST_TIMEOUT: 'request_timeout',
  // The connection ended inside the body.
  ECONNRESET: 'client_closed_request'
}

/** The gateway's own error for anything thrown. `undefined` for what the client must not see. */
export function toGatewayError (error: unknown): GatewayError | undefined {
  if (error instanceof GatewayError) return error
  if (error instanceof BadJson) return new GatewayError('invalid_json', { message: error.message })
  if (error instanceof BadForm) return new GatewayError('invalid_request', { message: error.message })
  if (error instanceof BadRequest) return new GatewayError('invalid_request', { message: error.message, param: error.param })
  if (error instanceof Untranslatable) return new GatewayError('unsupported_parameter', { message: error.message, param: error.param })
  const { code, statusCode } = error as Partial<FastifyError>
  const known = foreignCodes[code ?? '']
  if (known !== undefined) return new GatewayError(known)
  // What Fastify refused by the schema of a route.
  if (statusCode === 400) return new GatewayError('invalid_request')
  return undefined
}

/** Answers in the route's dialect. */
export function sendError (request: FastifyRequest, reply: FastifyReply, error: GatewayError): void {
  const { errors } = routeDialect(request)
  const info = { ...error.info, status: errors.statusOf?.(error.info) ?? error.status }
  // It may quote what the client sent.
  if (info.message !== errorTable[error.code][1]) info.message = conceal(info.message)
  reply
    .code(info.status)
    .headers(error.headers)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(errors.encode(info))
}

/** The error handler: every failure leaves through here, in the dialect of its route. */
export default fp(async (fastify) => {
  fastify.setErrorHandler((error: unknown, request, reply) => {
    const known = toGatewayError(error)
    if (known === undefined) request.log.error({ err: error }, 'request failed')
    sendError(request, reply, known ?? new GatewayError('internal_error'))
  })
}, { name: 'errors', fastify: '5.x' })
