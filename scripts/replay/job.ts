/** The dialect in which an SDK asks. */
export type Api = 'openai-chat' | 'openai-responses' | 'anthropic-messages'

/** One request by one SDK. */
export interface Job {
  api: Api
  baseUrl: string
  key: string
  /** `events` of a stream as they come, the `final` reply that the SDK puts together from one, or a `whole` reply. */
  mode: 'events' | 'final' | 'whole'
  body: Record<string, unknown>
}

/** What the SDK made of the reply. */
export interface Outcome {
  /** The reply of `whole` and `final`. */
  reply?: unknown
  /** Of a stream, those before a failure too. */
  events?: unknown[]
  error?: {
    /** Absent where the error came in the stream, or is the SDK's own. */
    status?: number
    /** The SDK's words. */
    message: string
    /** The provider's words in them. */
    said?: string
  }
}
