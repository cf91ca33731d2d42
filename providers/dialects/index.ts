import { anthropicMessages } from './anthropic-messages/index.ts'
import type { Dialect } from './dialect.ts'
import { openaiChat } from './openai-chat/index.ts'
import { endpoints } from './openai-endpoints/index.ts'
import { openaiResponses } from './openai-responses/index.ts'
import { stored } from './openai-stored/index.ts'

/** Every dialect of the gateway, by id. */
export const dialects: ReadonlyMap<string, Dialect> = new Map(
  [openaiChat, openaiResponses, anthropicMessages, ...endpoints, ...stored].map((dialect) => [dialect.id, dialect])
)

/** The one that answers where no route says which. */
export const defaultDialect: Dialect = openaiChat

/** The headers in which any client may send its key, whatever dialect it speaks. */
export const credentialHeaders = ['authorization', 'x-api-key', 'api-key', 'x-goog-api-key'] as const
