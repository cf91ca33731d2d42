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
  stream: boolean
  /** Fields without a neutral meaning, by the name the client gave them. */
  extras: Record<string, unknown>
  /** What the client calls the things that have a neutral meaning: an encoder names by it what it cannot say. */
  names: Names
}

export type Names = Readonly<Record<
  | 'maxOutputTokens' | 'temperature' | 'topP' | 'stop' | 'output' | 'outputDescription' | 'reasoning' | 'user'
  | 'tools' | 'toolChoice' | 'parallelToolCalls'
  | 'role' | 'image' | 'imageDetail' | 'document' | 'audio' | 'reasoningPart' | 'arguments' | 'toolResult' | 'isError' | 'cache',
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
  /** `arguments` is JSON text, as the model wrote it. */
  | { type: 'tool-call', id: string, name: string, arguments: string }
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

export interface Tool {
  name: string
  description?: string
  /** JSON Schema of the arguments; absent for a tool without any. */
  parameters?: Record<string, unknown>
  strict?: boolean
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
}
