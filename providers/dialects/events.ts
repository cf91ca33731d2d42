/**
 * The neutral event model: what every dialect's reply means.
 *
 *     reply   = reply-start (block | usage | foreign)* (reply-end | error)   or an error alone
 *     block   = block-start block-delta* block-end                           one `index` each; blocks may interleave
 *
 * The last `usage` counts. A tool call without a delta has no arguments; of several signatures of one block the
 * last counts.
 *
 * A stream is decoded into these events and encoded from them; a whole reply is the same events all at once, so
 * N dialects cost N translations and never N × M. A reply without `reply-end` or `error` was cut off: no encoder
 * may dress it as finished.
 */
export type Event =
  | ReplyStart
  | { type: 'block-start', index: number, block: Block }
  | { type: 'block-delta', index: number, delta: Delta }
  | { type: 'block-end', index: number }
  /** `mismatch` tells where the provider's own sums are not those of the buckets. */
  | { type: 'usage', usage: Usage, mismatch?: string }
  | { type: 'reply-end', finish: Finish }
  | { type: 'error', error: ErrorInfo }
  | { type: 'foreign', dialect: string, value: unknown }

export interface ReplyStart {
  type: 'reply-start'
  id: string
  model: string
  /** What is known of it so early: the prompt's tokens, where the provider counts them first. */
  usage?: Usage
}

export type Block =
  | { type: 'text' }
  | { type: 'reasoning' }
  | { type: 'refusal' }
  /** `custom` tells a call whose arguments are `{"input": "…"}` because its tool takes text. */
  | { type: 'tool-call', id: string, name: string, custom?: boolean }
  /** A block that only its own dialect understands, whole. */
  | { type: 'foreign', dialect: string, value: { type: string } }

export type Delta =
  | { type: 'text', text: string }
  /** A piece of a tool call's arguments: JSON text, cut anywhere. */
  | { type: 'arguments', json: string }
  /** Opaque proof of the reasoning: bytes to carry back, never to judge. */
  | { type: 'signature', signature: string }
  /** Reasoning the provider encrypted: opaque too, with no text beside it. */
  | { type: 'redacted', data: string }
  | { type: 'citation', citation: Citation }
  /** Log probabilities of the text so far unaccounted for: `{ token, logprob, bytes, top_logprobs }` each. */
  | { type: 'logprobs', entries: Array<Record<string, unknown>> }
  | { type: 'foreign', dialect: string, value: { type: string } }

/** A source the text leans on. `raw` is the dialect's own object, for the way back. */
export interface Citation {
  url?: string
  title?: string
  quote?: string
  raw?: { dialect: string, value: unknown }
}

/**
 * Why a reply ended. `reason` is ours, `raw` the provider's own word for it.
 *
 * - `stop` the model was done, or a stop sequence came up
 * - `length` the output cap or the context window was reached
 * - `tool-calls` the model waits for tool results
 * - `refusal` the model or a filter declined
 * - `pause` the provider wants the turn sent back to go on
 */
export interface Finish {
  reason: 'stop' | 'length' | 'tool-calls' | 'refusal' | 'pause'
  raw?: string
  /** The stop sequence that came up, where the provider says which. */
  stopSequence?: string
  /** Why it was declined, in the provider's words. */
  explanation?: string
}

/**
 * Tokens in disjoint buckets: their sum is the total. A bucket that is absent was not reported; zero was.
 * Providers report nested numbers (cached inside prompt, reasoning inside completion): dialects take them apart.
 */
export interface Usage {
  /** Prompt tokens neither read from nor written to a cache. */
  input?: number
  cacheRead?: number
  cacheWrite5m?: number
  cacheWrite1h?: number
  /** Generated tokens other than `reasoning`. */
  output?: number
  reasoning?: number
  audioInput?: number
  audioOutput?: number
}

/** An error on its way to a client. Each dialect has its own shape for it. */
export interface ErrorInfo {
  /** HTTP status; inside a stream, the status it would have had. */
  status: number
  /** Machine-readable word, such as `rate_limit_exceeded`. */
  code: string
  message: string
  /** The request field at fault. */
  param?: string
  /** What a limit counts that refuses, where it is one of the gateway's own. Default: requests. */
  limited?: 'requests' | 'tokens'
  /** When such a limit has more, in ms since 1970, where that is too long for a client to wait. */
  resetsAt?: number
  /** The provider's own error type, where the error is the provider's and the dialect is the same. */
  type?: string
}
