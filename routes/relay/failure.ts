import type { Dialect } from '../../providers/dialects/dialect.ts'
import type { ErrorInfo } from '../../providers/dialects/events.ts'
import { isObject } from '../../providers/dialects/json.ts'
import { GatewayError, type ErrorCode } from '../../plugins/errors.ts'
import type { Outcome } from '../../plugins/logging/exchange.ts'
import { retryAfter } from '../../plugins/upstream/retry.ts'
import type { Headers } from './headers.ts'

/** An error reply of a provider, as the client gets it. */
export interface Failure {
  status: number
  headers: Record<string, string>
  /** JSON text in the client's dialect. */
  body: string
  /** Set where the gateway's own credential was refused: the operator's to mend, not the client's. */
  credentialRefused: boolean
  code: string
}

/**
 * Keeps a provider's status and message, in the client's dialect. Not kept: what a client would take for its own
 * fault (a refused credential), pages of HTML, and the real key where the provider quotes it.
 */
export function failure (
  status: number, headers: Headers, body: Buffer, upstream: Dialect, client: Dialect, redact: (text: string) => string
): Failure {
  if (status === 401 || status === 403 || status === 407) {
    const { info } = new GatewayError('upstream_credential_refused')
    return { status: info.status, headers: {}, body: encode(client, info), credentialRefused: true, code: info.code }
  }
  const text = redact(body.toString('utf8'))
  const parsed = parse(text)
  const said = parsed === undefined ? undefined : upstream.errors.decode(parsed)
  const kept = status >= 400 && status < 600 ? status : 502
  // Where it names none itself, it is by its status that clients know it.
  const code = said === undefined || said.code === NAMELESS ? codeOf(kept) : said.code
  const native = upstream === client && said !== undefined && isNative(parsed, client)
  const encoded = client.errors.encode({ ...said, status: kept, code, message: said?.message || `The provider answered with status ${status}.` })
  return {
    status: kept,
    headers: waiting(headers),
    body: native ? plain(completed(text, parsed, encoded as NativeError), redact) : redact(JSON.stringify(encoded)),
    credentialRefused: false,
    code
  }
}

/** How long the provider asks to wait, in seconds. */
function waiting (headers: Headers): Record<string, string> {
  const kept: Record<string, string> = {}
  const seconds = retryAfter(headers)
  if (seconds !== undefined) kept['retry-after'] = String(Math.ceil(seconds))
  const retry = headers['x-should-retry']
  if (retry === 'true' || retry === 'false') kept['x-should-retry'] = retry
  return kept
}

/** JSON can write any character as its number, a key's too: then its body is written anew. */
function plain (text: string, redact: (text: string) => string): string {
  const told = JSON.stringify(JSON.parse(text))
  const clear = redact(told)
  return clear === told ? text : clear
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Whether the body has the dialect's own shape, so that it can stay as it is: some providers answer as another dialect would. */
function isNative (body: unknown, dialect: Dialect): body is NativeError {
  if (!isObject(body) || !isObject(body['error']) || typeof body['error']['message'] !== 'string') return false
  const own = Object.entries(dialect.errors.encode(SAMPLE) as object)
  return own.every(([name, value]) => typeof value !== 'string' || body[name] === value)
}

const SAMPLE: ErrorInfo = { status: 500, code: 'upstream_error', message: '' }

/** An error as dialects have it: whatever else is in it, and an error with a message. */
type NativeError = Record<string, unknown> & { error: Record<string, unknown> }

/** The body as it is, or with what clients of the dialect look for and it leaves out. */
function completed (text: string, body: NativeError, full: NativeError): string {
  const whole = Object.keys(full).every((name) => Object.hasOwn(body, name)) && Object.keys(full.error).every((name) => Object.hasOwn(body.error, name))
  return whole ? text : JSON.stringify({ ...full, ...body, error: { ...full.error, ...body.error } })
}

function encode (dialect: Dialect, error: ErrorInfo): string {
  return JSON.stringify(dialect.errors.encode(error))
}

/** What dialects call an error without a name. */
const NAMELESS = 'upstream_error'

function codeOf (status: number): string {
  if (status === 404) return 'not_found'
  if (status === 429) return 'rate_limit_exceeded'
  return status < 500 ? 'invalid_request' : NAMELESS
}

/** How an exchange ends that the provider did not answer. */
export function outcomeOf ({ code }: GatewayError): Outcome {
  return outcomes[code] ?? 'upstream_broke'
}

const outcomes: Partial<Record<ErrorCode, Outcome>> = {
  upstream_timeout: 'timeout',
  upstream_unreachable: 'upstream_unreachable',
  upstream_busy: 'upstream_unreachable',
  upstream_broke: 'upstream_broke',
  upstream_bad_reply: 'upstream_error'
}
