import { Type, type Static } from 'typebox'

/**
 * A provider: an endpoint, how it takes its key, and the dialects it speaks. This is the whole of what a provider
 * plugin exports by default:
 *
 *     export default {
 *       name: 'acme',
 *       baseUrl: 'https://api.acme.example/v1',
 *       auth: { header: 'authorization', scheme: 'Bearer' },
 *       dialects: { 'openai-chat': { path: '/chat/completions' } },
 *       models: { path: '/models', dialect: 'openai-chat' }
 *     }
 *
 * It holds data, no behaviour of its own: sockets, timeouts, streaming, quota and logs are the gateway's.
 */
export const ProviderSchema = Type.Object({
  /** As in `keys.json`; also names the setting `NAME_BASE_URL`. */
  name: Type.String({ pattern: '^[a-z][a-z0-9-]*$' }),
  /** Where it is reached unless `NAME_BASE_URL` says otherwise. Without one, the setting is required. */
  baseUrl: Type.Optional(Type.String()),
  /** The header that carries the real key, and the word before it. */
  auth: Type.Object({ header: Type.String(), scheme: Type.Optional(Type.String()) }, { additionalProperties: false }),
  /** Sent with every request, such as a version; a client's own value of the same header wins where it may cross. */
  headers: Type.Optional(Type.Record(Type.String(), Type.String())),
  /** The dialects it speaks natively, by id, dearest to it first, each with its path below the base URL. */
  dialects: Type.Record(Type.String(), Type.Object({
    path: Type.String({ pattern: '^/' }),
    /** Where it counts a prompt's tokens without answering it. Without it, the gateway estimates. */
    counter: Type.Optional(Type.String({ pattern: '^/' })),
    /** What it calls the cap on its output in Chat Completions: the newer name, or the one that every server knows. */
    capName: Type.Optional(Type.Union([Type.Literal('max_tokens'), Type.Literal('max_completion_tokens')])),
    /** Whether it takes back the reasoning of earlier turns as plain text. */
    reasoningText: Type.Optional(Type.Boolean()),
    /** Whether it knows custom tools, which take text; elsewhere they become functions. */
    customTools: Type.Optional(Type.Boolean())
  }, { additionalProperties: false }), { minProperties: 1 }),
  /** Where it lists its models, and in whose shape. Without it, `/models` shows the key's own list. */
  models: Type.Optional(Type.Object({ path: Type.String({ pattern: '^/' }), dialect: Type.String() }, { additionalProperties: false })),
  /** The provider of the price catalogue whose prices it has. Without it, only PRICES_FILE knows what it costs. */
  prices: Type.Optional(Type.String()),
  /** What is known of its models; the first entry whose `match` begins the model's name counts. (A key's `targets` are another thing: who is asked.) */
  targets: Type.Optional(Type.Array(Type.Object({
    match: Type.String(),
    maxOutputTokens: Type.Optional(Type.Integer()),
    thinking: Type.Optional(Type.Union([Type.Literal('budget'), Type.Literal('adaptive'), Type.Literal('none')])),
    sampling: Type.Optional(Type.Boolean()),
    /** The encoding of its texts, where there is a tokenizer for it: counts what a reply that was cut off did not tell. */
    tokenizer: Type.Optional(Type.Union([Type.Literal('o200k_base'), Type.Literal('cl100k_base')])),
    /** Which of the provider's dialects is best for the model, where a request must be translated. */
    dialect: Type.Optional(Type.String())
  }, { additionalProperties: false })))
}, { additionalProperties: false })

export type Provider = Static<typeof ProviderSchema>
