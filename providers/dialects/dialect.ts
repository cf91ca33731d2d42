import type { TSchema } from 'typebox'
import type { Conversation, Names } from './conversation.ts'
import type { ErrorInfo, Event, Usage } from './events.ts'
import type { JsonObject } from './json.ts'
import type { SseEvent } from './sse.ts'

/**
 * A dialect is a wire format: paths, request body, reply body, stream framing, error shape, where usage hides.
 * It knows nothing of endpoints and keys (a provider does) and nothing of sockets, clocks and Fastify: it is pure,
 * and tested with strings.
 *
 * Laws, which `test/laws.ts` holds for every dialect that translates:
 *
 * 1. `decode ∘ encode = id` on events the dialect can say.
 * 2. Any split of a stream's bytes gives the same events, inside a UTF-8 character and between CR and LF too.
 * 3. `fold ∘ unfold = id`: a whole reply and its stream mean the same.
 * 4. The encoder is total on the grammar of `events.ts`.
 * 5. A cut stream never decodes to `reply-end`.
 * 6. Nothing is dropped in silence: what an encoder cannot say, it names.
 */
export interface Dialect {
  id: string
  /** What the route does, in a few words, for its document. */
  summary: string
  /** What OpenTelemetry's conventions for generative AI call it, where they have a word (`gen_ai.operation.name`). */
  genAiOperation?: string
  /** The gateway's own paths for it, the first one canonical. */
  paths: readonly string[]
  /** What the gateway reads of a request body. The document of the route is made from it. */
  request: TSchema
  /** The little of it that is judged where a body passes through: the provider is the judge of the rest. */
  admission: TSchema
  /** Client headers that cross to a provider of the same dialect. */
  requestHeaders: readonly string[]
  /** Provider headers that cross back. */
  replyHeaders: readonly string[]
  /** Query parameters that cross to a provider of the same dialect. */
  query?: readonly string[]
  /** The header by which its clients are known on paths that all dialects share, such as the list of models. */
  marker?: string
  /** What its clients call the request's id, beside `x-request-id`. */
  requestIdHeader?: string
  /** Where a key stands, in the vendor's own headers; those of the default dialect where there are none. */
  limitHeaders? (standing: Standing): Record<string, string>
  /** What keeps the connection of a silent stream alive: bytes that mean nothing to its clients. Default: a comment. */
  heartbeat?: string
  /** What admission needs to know beside `mentions`. `body` satisfies `admission`. */
  peek (body: Record<string, unknown>): Call
  /** The top-level list whose entries may stand, by their `id` alone, for what the provider keeps, and which of them do. */
  references?: { list: string, refers: (entry: JsonObject) => boolean }
  /**
   * Same dialect on both sides: what of the request must change all the same. The named top-level fields are
   * replaced in the bytes, every other byte stays.
   */
  patch? (body: Record<string, unknown>, call: Call): Record<string, unknown>
  /** What the request may cost at most. Absent: that cannot be bounded. Asked of the body that goes to the provider. */
  bound? (body: Record<string, unknown>): Bound
  /**
   * The top-level fields to change so that no answer is longer than `tokens`, by the name that the server knows: a cap by
   * another name caps nothing. None where the body says so already. Absent: answers cannot be capped.
   */
  cap? (tokens: number, body: Record<string, unknown>, facts: ModelFacts): Record<string, unknown>
  errors: ErrorCodec
  stream: StreamReader
  models?: ModelList
  counter?: TokenCounter
  /** Absent where the dialect is only ever passed through: then a reply also keeps the form the provider gave it. */
  translation?: Translation
  /** Whether a request may be a form (`multipart/form-data`) as well as JSON. */
  forms?: boolean
  /** How the types of replies begin that are neither JSON nor a stream of events. Such a reply passes as it comes. */
  media?: readonly string[]
  /** Set where the paths lead to what the provider keeps: what can be asked for below them, in place of a plain POST. */
  operations?: readonly Operation[]
}

/** A request to what a provider keeps, such as a file. */
export interface Operation {
  method: 'GET' | 'POST' | 'DELETE'
  /** Below the dialect's path. `:id` is what is kept and belongs to a key; segments behind it are parts of that. */
  path: string
  summary: string
  /** What the body is, where there is one. */
  body?: 'json' | 'form'
  /** The names that may stand in the query. */
  query?: readonly string[]
  /** Set where the reply lists what is kept: the page to ask for, and how many entries a client gets that names no number. */
  list?: { page: number, limit: number }
  /** Whether the reply may be of any type, such as a file's content. */
  content?: boolean
  /** Whether what `:id` names is gone after it. */
  removes?: boolean
}

/** What a request asks for, read without translating it. */
export interface Call {
  model: string
  stream: boolean
  /** How many answers were asked for. */
  choices: number
  /** Whether the client itself asked for usage in the stream. */
  wantsUsage: boolean
  /** What the provider keeps and the request leans on, such as an earlier response, by the field that names it. */
  refers?: Array<{ param: string, id: string }>
  /** The same of parts of such things: another key's are refused, what no key is known to have made passes. */
  mentions?: Array<{ param: string, id: string }>
  /** The models are named inside a file, where no key's list could hold them. */
  hidesModels?: boolean
  /** How many requests are in the file that is to be kept. */
  requests?: number
  /** The kept file whose requests are to be made, all of them for this one. */
  runs?: string
}

/** How much a request can cost, as far as its body tells. */
export interface Bound {
  /** The prompt is the body's text alone: a token has at least one byte of it. Else (images, files, earlier turns that the provider keeps) only the model's context window bounds it. */
  plain: boolean
  /** Tokens that the provider may put around a plain body's text, such as how to call tools. */
  added: number
  /** The dearest rate that parts of the prompt may be charged at, where they may be written to a cache. */
  cacheWrite?: '5m' | '1h'
  /** The most tokens of output that one answer may have, by the request itself. Reasoning is in it. */
  output?: number
  /** Answers asked for. */
  choices: number
  /** Whether tokens are generated at all: not so for embeddings and the like. */
  generates: boolean
  /** Set where nothing is charged for it, such as reading what is kept. */
  free?: true
  /** Names of what costs by no known rate or without bound, such as `tools[1] (web_search_20250305)`, `audio`, `service_tier`. */
  unbounded: string[]
}

/** Where a key stands in a limit on its requests. */
export interface Standing {
  limit: number
  remaining: number
  /** ms until all of them are free again. */
  resetIn: number
  /** The same moment, in ms since 1970. */
  resetAt: number
}

export interface ErrorCodec {
  /** The JSON body of an error reply. */
  encode (error: ErrorInfo): unknown
  /** The status that the vendor has for an error of the gateway's own, where it may be another than the error's. */
  statusOf? (error: ErrorInfo): number
  /**
   * The error as the last events of a stream.
   *
   * @param reply what the stream has told of its reply, where it has begun
   */
  events (error: ErrorInfo, reply?: { id?: string, model?: string }): SseEvent[]
  /** What a provider says in an error body or event; `undefined` where it is not this dialect's. */
  decode (body: unknown): Omit<ErrorInfo, 'status'> & { status?: number } | undefined
}

/**
 * Reads a stream or a reply that passes through, to know what it cost and whether it ended. Sees a copy.
 */
export interface StreamReader {
  /** Every event is a JSON object, or the stream's last word. One that is neither, no client can read: it is left out. */
  json?: boolean
  /** The largest frame worth looking at, in bytes, where the dialect's are large: it is held until it is whole. */
  largest?: number
  /** Cheap test on a frame's raw bytes: could `read` find anything in it? */
  matters (frame: Buffer): boolean
  read (event: SseEvent, body: unknown): Reading
  /** The same for a whole reply. */
  readWhole (body: Record<string, unknown>): Reading
  /** Puts a stream's events together to the whole reply they mean. */
  fold (): Fold
  /** Tokens that a tool call takes beside its name and arguments, about. */
  perCall?: number
  /** Whether a frame has a place for what the model writes, and nothing in it: a sign of life, and no more. Asked of small ones. */
  hollow? (frame: Buffer): boolean
  /** What the model wrote of a whole reply. Absent where no text is generated. */
  written? (body: Record<string, unknown>): Written
  /** Whether a frame only says once more what frames before it said: asked of large ones. */
  repeats? (frame: Buffer): boolean
  /** A whole reply as the stream it could have been. */
  unfold (body: Record<string, unknown>): SseEvent[]
}

export interface Reading {
  /** The reply's own. */
  id?: string
  model?: string
  usage?: Usage
  /** Where the provider's own sums are not those of the buckets, in a few words. */
  mismatch?: string
  /** The dialect's own word for why the answer ended. */
  finish?: string
  /** Which of the answers asked for ended with this event, by index. */
  ended?: number[]
  error?: Omit<ErrorInfo, 'status'> & { status?: number }
  /** The stream's own terminator: nothing comes after it. An error is one too, unless this is `false`. */
  end?: boolean
  /** A further word behind the end, which some servers have of another dialect: alone it ends nothing. */
  farewell?: boolean
  /** Ids of what the provider keeps, such as a stored response: they are this key's from now on. */
  stored?: string[]
  /** The error is not said as the dialect's clients would find it: to be said anew, as the stream's last word. */
  foreign?: boolean
  /** Sent only because the gateway asked for it: not for a client that did not. */
  unasked?: boolean
  /** The event tells of the reply, and holds nothing that the model wrote. */
  around?: boolean
}

export interface Written {
  /** The answer, with the names and arguments of tool calls. */
  text: string
  reasoning: string
  /** How many tool calls there are. */
  calls: number
}

export interface Fold {
  push (event: SseEvent): void
  /** The whole reply so far. */
  body (): Record<string, unknown>
}

/** Counts a prompt's tokens without answering it. */
export interface TokenCounter {
  summary: string
  /** The gateway's own paths for it, the first one canonical. */
  paths: readonly string[]
  /** The fields of a request that such an endpoint takes: it refuses others. */
  fields: readonly string[]
  /** What a request must have and such a question need not. */
  required: Record<string, unknown>
  encode (tokens: number): Record<string, unknown>
  /** `undefined` where the body is none of the dialect's. */
  decode (body: unknown): number | undefined
}

export interface ModelList {
  /** Query of the provider's list, so that one page holds all. */
  query?: string
  decode (body: unknown): Model[]
  encode (models: Model[]): unknown
  encodeOne (model: Model): unknown
}

export interface Model {
  id: string
  /** Unix seconds. */
  created?: number
  owner?: string
  name?: string
}

/** Four functions: request and events, decode and encode. */
export interface Translation {
  /** What its clients call the things that have a neutral meaning. */
  names: Names
  decodeRequest (body: Record<string, unknown>): Conversation
  /** @throws {Untranslatable} where leaving it out would change what the request means. */
  encodeRequest (conversation: Conversation, facts: ModelFacts): Encoded
  decodeEvents (): EventDecoder
  encodeEvents (options: EncodeOptions): EventEncoder
  /** Whether a stream's last events say once more all the text before them, so that it is held until then. */
  holdsText?: boolean
}

export interface EventDecoder {
  push (event: SseEvent): Event[]
  /** The bytes are at an end: what was still to be said. A finish only where the provider had named one. */
  end (): Event[]
  /** Whether the provider has named a finish, so that the bytes may end now. */
  readonly finished?: boolean
}

export interface EventEncoder {
  push (event: Event): SseEvent[]
  /** Names of what the events held and this dialect cannot say. */
  readonly lossy: ReadonlySet<string>
}

export interface EncodeOptions {
  /** Unix seconds, for dialects that date their replies. */
  now: number
  /** Whether the client asked for usage in the stream. */
  usage: boolean
  /** The client's own request body, for what of it a reply repeats and for the tools it named. */
  request?: Record<string, unknown>
  /** Tokens of the prompt, estimated: for a dialect that tells them before the provider has. */
  inputEstimate?: () => number
}

/** What is known of the model a request is encoded for, and of the server that has it: not where that is, which is the `Target` of plugins/providers.ts. */
export interface ModelFacts {
  /** Its largest output in tokens. */
  maxOutputTokens?: number
  /** How it is told to think: by a token budget, by a word of effort, or not at all. */
  thinking?: 'budget' | 'adaptive' | 'none'
  /** Whether it takes `temperature` and `top_p`. */
  sampling?: boolean
  /** What the server calls the cap on its output, where the dialect has had more than one name for it. */
  capName?: 'max_tokens' | 'max_completion_tokens'
  /** Whether it takes back the reasoning of earlier turns as plain text. */
  reasoningText?: boolean
  /** Whether it knows tools that take text instead of JSON. */
  customTools?: boolean
}

export interface Encoded {
  body: Record<string, unknown>
  /** Names of the client's fields that the body does not say, or not fully. */
  lossy: string[]
}

/** A request that cannot be said in the other dialect without meaning something else. Answered with 400. */
export class Untranslatable extends Error {
  override name = 'Untranslatable'
  readonly param: string
  constructor (param: string, message: string) {
    super(message)
    this.param = param
  }
}

/** A request body whose shape is wrong, with the field at fault. Answered with 400. */
export class BadRequest extends Error {
  override name = 'BadRequest'
  readonly param: string
  constructor (param: string, message: string) {
    super(message)
    this.param = param
  }
}
