/**
 * The neutral request: a conversation as every dialect means it.
 *
 * Only what at least two dialects can say has a field of its own. Everything else a client sends stays in `extras`
 * under the client's own name for it, so that an encoder either says it or reports it: nothing is dropped in silence.
 */
export interface Conversation {
  model: string
  turns: Turn[]
  tools?: Tool[]
  toolChoice?: ToolChoice
  parallelToolCalls?: boolean
  maxOutputTokens?: number
  temperature?: number
  topP?: number
  stop?: string[]
  output?: OutputFormat
  reasoning?: Reasoning
  /** An opaque id of the end user, for the provider's abuse detection. */
  user?: string
  /** Text that the client stores beside the reply. */
  metadata?: Record<string, unknown>
  /** How much to say, in the word of the dialects that know it. */
  verbosity?: string
  /** Which of the provider's queues to take, in the word of the dialects that know it. */
  serviceTier?: string
  /** What steers the request to a prompt cache, and how long the cache is kept. */
  promptCache?: { key?: string, retention?: string }
  /** Asks for the log probabilities of the answer's tokens, and of so many alternatives to each. */
  logprobs?: { top?: number }
  stream: boolean
  /** Fields without a neutral meaning, by the name the client gave them. */
  extras: Record<string, unknown>
  /** What the client calls the things that have a neutral meaning: an encoder names by it what it cannot say. */
  names: Names
}

export type Names = Readonly<Record<
  | 'maxOutputTokens' | 'temperature' | 'topP' | 'stop' | 'output' | 'outputDescription' | 'reasoning' | 'user'
  | 'tools' | 'toolChoice' | 'parallelToolCalls' | 'toolFormat'
  | 'metadata' | 'verbosity' | 'serviceTier' | 'promptCache' | 'logprobs'
  | 'role' | 'image' | 'imageDetail' | 'document' | 'audio' | 'reasoningPart' | 'arguments' | 'toolResult' | 'isError' | 'cache' | 'foreign',
  string
>>

export interface Turn {
  role: 'system' | 'developer' | 'user' | 'assistant' | 'tool'
  parts: Part[]
}

export type Part = (
  | { type: 'text', text: string }
  | { type: 'image', source: Source, detail?: string }
  | { type: 'document', source: Source, name?: string }
  | { type: 'audio', data: string, format: string }
  | { type: 'reasoning', text: string, signature?: string, redacted?: string }
  | { type: 'refusal', text: string }
  /** `arguments` is JSON text, as the model wrote it; of a call to a custom tool, `{"input": "…"}`. */
  | { type: 'tool-call', id: string, name: string, arguments: string, custom?: boolean }
  | { type: 'tool-result', callId: string, parts: Part[], isError?: boolean }
  | { type: 'foreign', dialect: string, value: unknown }
) & {
  /** A prompt-cache breakpoint behind this part. */
  cache?: { ttl?: '5m' | '1h' }
}

export type Source =
  | { type: 'url', url: string }
  | { type: 'base64', mediaType: string, data: string }
  | { type: 'text', text: string }
  | { type: 'file', id: string }

/**
 * A tool of the client's. Names are flat: a dialect that groups tools joins group and name (`namespace`), and finds
 * both again by the request it was given. A custom tool takes text instead of JSON; to a dialect that knows none it is
 * a function whose one argument is `input`.
 */
export interface Tool {
  name: string
  description?: string
  /** JSON Schema of the arguments; absent for a tool without any. */
  parameters?: Record<string, unknown>
  strict?: boolean
  /** Set where the tool takes text; `format` constrains that text, in the client's own words. */
  custom?: { format?: Record<string, unknown> }
  /** The group that the tool is of, and its name within. */
  namespace?: { name: string, description?: string, tool: string }
  cache?: { ttl?: '5m' | '1h' }
}

export type ToolChoice = { type: 'auto' } | { type: 'none' } | { type: 'required' } | { type: 'tool', name: string }

export type OutputFormat =
  | { type: 'json' }
  | { type: 'json-schema', name?: string, description?: string, schema: Record<string, unknown>, strict?: boolean }

/** How hard to think: by word, by token budget, or both as the client said them. */
export interface Reasoning {
  effort?: 'none' | 'minimal' | 'low' | 'medium' | 'high' | 'xhigh' | 'max'
  budget?: number
  /** The model decides how long, guided by `effort`. */
  adaptive?: boolean
  /** The client asks to be told what the model thinks, as far as the provider tells it. */
  shown?: boolean
}
