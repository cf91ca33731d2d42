/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { Type, type Static } from 'typebox'
import { limitFields, LimitsSchema } from './limits.ts'

/** The longest virtual key. Longer credentials are not even looked up. */
export const MAX_KEY_LENGTH = 512

/** What travels as the value of a header. */
const VISIBLE = '^[\\x21-\\x7e]+$'

/** A hash, or what travels in a header whatever stands before it: visible ASCII without the comma, which separates values. */
const TOKEN = `^(sha256:[0-9a-fA-F]{64}|(?![sS][hH][aA]256:)[\\x21-\\x2b\\x2d-\\x7e]{1,${MAX_KEY_LENGTH}})$`

/** The name of a group: part of counters' names and of commands. */
const GROUP = '^[\\p{L}\\p{N}._-]{1,64}$'

const Provider = Type.String({
  minLength: 1,
  description: 'The provider that the real key is for: one that PROVIDERS loads.',
  errorMessage: 'must be the name of a provider'
})

const ApiKey = Type.String({
  pattern: VISIBLE,
  description: 'The real key at the provider, ${NAME} to take it from the environment variable NAME, or ${file:PATH} to take it from a file.',
  errorMessage: 'must be a real key, or ${NAME} for an environment variable, or ${file:PATH} for a file: visible ASCII characters without spaces, and not empty'
})

const TargetSchema = Type.Object({
  provider: Provider,
  api_key: ApiKey,
  model: Type.Optional(Type.String({ minLength: 1, description: 'The model that this target gets, whichever was asked for.' })),
  weight: Type.Optional(Type.Number({ minimum: 0, description: 'Its part of the conversations; 0 takes only those that all others fail. Default: 1.' }))
}, { additionalProperties: false })

const Timeout = (setting: string) => Type.Optional(Type.String({ format: 'timeout', description: `Instead of ${setting}.` }))

/**
 * One virtual key of keys.json. The shape is published: fields may be added, none may change. `errorMessage` is shown
 * by editors and, where it completes a sentence that begins with the field's name, by the gateway itself.
 */
export const KeySchema = Type.Object({
  provider: Type.Optional(Provider),
  api_key: Type.Optional(ApiKey),
  targets: Type.Optional(Type.Array(TargetSchema, {
    minItems: 1,
    description: 'In place of "provider" and "api_key": where requests may go, the first that answers. In the order given, or drawn by weight where any has one.',
    errorMessage: 'must be a list, not empty, of objects with "provider", "api_key" and perhaps "model" and "weight" (a number from 0)'
  })),
  name: Type.Optional(Type.String({
    pattern: '^[^\\p{Cc}\\p{Zl}\\p{Zp}]{1,100}$',
    description: 'What logs call the key. Without it they show the first characters of the key.',
    errorMessage: 'must be a text of 1 to 100 characters on one line'
  })),
  id: Type.Optional(Type.String({
    pattern: '^[0-9a-f]{12}$',
    description: 'Whose counts, ledger rows and files are the key\'s: that of the key it was made in the place of. Without it, the first 12 digits of its own SHA-256.',
    errorMessage: 'must be 12 hex digits, in lower case'
  })),
  groups: Type.Optional(Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1,
    uniqueItems: true,
    description: 'The groups that the key is in: it shares their limits with their other keys.',
    errorMessage: 'must be a list of names of "groups", not empty, each once'
  })),
  ...limitFields,
  models: Type.Optional(Type.Array(Type.String({ pattern: '^([^*]+\\*?|\\*)$' }), {
    minItems: 1,
    description: 'The models that the key may use. A * at the end stands for any rest. Without it, all.',
    errorMessage: 'must be a list of model names, not empty, with "*" only at the end of a name'
  })),
  model_aliases: Type.Optional(Type.Record(Type.String({ pattern: '^.+$' }), Type.String({ minLength: 1 }), {
    minProperties: 1,
    additionalProperties: false,
    description: 'Model names that clients send, each with the name that the provider gets instead.',
    errorMessage: 'must be an object of model names, such as {"fast": "model-small"}, none of them empty'
  })),
  upstream_dialects: Type.Optional(Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1,
    description: 'Which of the provider\'s own dialects may be spoken to it. Without it, all.',
    errorMessage: 'must be a list of dialects, not empty'
  })),
  on_disconnect: Type.Optional(Type.Enum(['cancel', 'drain'], {
    description: 'What becomes of a reply whose client has left: "cancel" lets go of the provider, "drain" reads on to the provider\'s own count, for DRAIN_TIMEOUT at most. Without it, cancel.',
    errorMessage: 'must be "cancel" or "drain"'
  })),
  lossy: Type.Optional(Type.Enum(['report', 'reject'], {
    description: 'What becomes of a request that cannot be said fully in the provider\'s format: reported, or refused with 400. Without it, LOSSY counts.',
    errorMessage: 'must be "report" or "reject"'
  })),
  allow_ips: Type.Optional(Type.Array(Type.String({ minLength: 1 }), {
    minItems: 1,
    description: 'The addresses and networks that the key may be used from, such as 10.0.0.0/8. Without it, all.',
    errorMessage: 'must be a list of addresses and networks, such as ["10.0.0.0/8", "2001:db8::/32"], not empty'
  })),
  retry: Type.Optional(Type.Enum(['safe', 'always'], {
    description: 'When a failed request is sent again: "safe" only where the provider is sure not to have taken it, "always" also where it may have, and may charge for both. Without it, safe.',
    errorMessage: 'must be "safe" or "always"'
  })),
  timeouts: Type.Optional(Type.Object({
    connect: Timeout('CONNECT_TIMEOUT'),
    request: Timeout('REQUEST_TIMEOUT'),
    idle: Timeout('IDLE_TIMEOUT'),
    first_token: Timeout('FIRST_TOKEN_TIMEOUT'),
    no_token: Timeout('NO_TOKEN_TIMEOUT')
  }, {
    minProperties: 1,
    additionalProperties: false,
    description: 'How long the key\'s requests wait, instead of the settings of these names.',
    errorMessage: 'must be an object of "connect", "request", "idle", "first_token" and "no_token", each a duration such as "90s"'
  })),
  expires_at: Type.Optional(Type.String({
    format: 'date-time',
    description: 'From when the key is refused: date, time and zone as in RFC 3339.',
    errorMessage: 'must be a date and time with its zone, such as 2027-01-31T23:59:59Z'
  })),
  disabled: Type.Optional(Type.Boolean({
    description: 'true: the key is refused.',
    errorMessage: 'must be true or false'
  })),
  log: Type.Optional(Type.Enum(['full', 'metadata', 'off'], {
    description: 'What is written to LOG_DIR of the key\'s requests. Without it, LOG_BODIES counts.',
    errorMessage: 'must be "full", "metadata" or "off"'
  }))
}, { additionalProperties: false })

export type KeyEntry = Static<typeof KeySchema>

/** The whole of keys.json. `keys.schema.json` in the project's folder is this, for editors. */
export const KeysSchema = Type.Object({
  $schema: Type.Optional(Type.String({ description: 'For editors: where this schema is.' })),
  virtual_keys: Type.Record(Type.String({ pattern: TOKEN }), KeySchema, {
    additionalProperties: false,
    description: 'The virtual keys: what apps send as their API key, or sha256: and the 64 hex digits of its SHA-256, and what each one stands for.'
  }),
  groups: Type.Optional(Type.Record(Type.String({ pattern: GROUP }), LimitsSchema, {
    additionalProperties: false,
    description: 'Groups of keys, such as teams, by name, with the limits that all their keys have together.'
  }))
}, {
  $schema: 'http://json-schema.org/draft-07/schema#',
  title: 'keys.json: the virtual keys of the gateway',
  additionalProperties: false
})

export type KeysFile = Static<typeof KeysSchema>

/** Whether a text from the environment can be a real key, as the schema asks of one in the file. */
export function isRealKey (text: string): boolean {
  return new RegExp(VISIBLE).test(text)
}
