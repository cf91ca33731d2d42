import { Type, type Static } from 'typebox'

/** The largest rate taken for meant, in dollars per million tokens: a rate per token, written by mistake, is no such number. */
const DEAREST = 100_000

const Dollars = (description: string) => Type.Number({
  minimum: 0,
  maximum: DEAREST,
  description,
  errorMessage: `must be dollars per million tokens: a number from 0 to ${DEAREST}`
})

const rates = {
  cache_read: Type.Optional(Dollars('Prompt tokens read from a cache. Without it, as `input`.')),
  cache_write: Type.Optional(Dollars('Prompt tokens written to a cache. Without it, as `input`.')),
  cache_write_1h: Type.Optional(Dollars('The same, kept for an hour. Without it, as `cache_write`.')),
  reasoning: Type.Optional(Dollars('Generated tokens of reasoning. Without it, as `output`.')),
  audio_input: Type.Optional(Dollars('Prompt tokens of audio. Without it, as `input`.')),
  audio_output: Type.Optional(Dollars('Generated tokens of audio. Without it, as `output`.'))
}

const DaySchema = Type.Enum(['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'])

export type Day = Static<typeof DaySchema>

/** Rates in dollars per million tokens, and when they count: of a model's prices, the last that holds. */
const PriceSchema = Type.Object({
  input: Dollars('Prompt tokens that no cache had.'),
  output: Dollars('Generated tokens.'),
  ...rates,
  per_request: Type.Optional(Type.Number({
    minimum: 0,
    maximum: DEAREST,
    description: 'Dollars for each request, beside its tokens.',
    errorMessage: 'must be dollars per request: a number from 0'
  })),
  from: Type.Optional(Type.String({
    format: 'moment',
    description: 'From when: a date, or date, time and zone as in RFC 3339.',
    errorMessage: 'must be a date such as 2027-01-31, or a date and time with its zone, such as 2027-01-31T16:00:00Z'
  })),
  hours: Type.Optional(Type.Array(Type.String({ pattern: '^([01]\\d|2[0-3]):[0-5]\\d-([01]\\d|2[0-3]):[0-5]\\d$' }), {
    minItems: 1,
    description: 'Only at these times of day, UTC.',
    errorMessage: 'must be a list of times of day in UTC, such as ["22:30-06:00"]'
  })),
  days: Type.Optional(Type.Array(DaySchema, {
    minItems: 1,
    description: 'Only on these days of the week, UTC.',
    errorMessage: 'must be a list of days of the week, such as ["sat", "sun"]'
  })),
  except: Type.Optional(Type.Array(Type.String({ format: 'date' }), {
    minItems: 1,
    description: 'But not on these dates, UTC.',
    errorMessage: 'must be a list of dates, such as ["2027-01-01"]'
  })),
  tiers: Type.Optional(Type.Array(Type.Object({
    above: Type.Integer({ minimum: 0, description: 'Counts where the prompt has more tokens than this, for all of its tokens.', errorMessage: 'must be a number of tokens' }),
    input: Type.Optional(Dollars('')),
    output: Type.Optional(Dollars('')),
    ...rates
  }, { additionalProperties: false }), {
    minItems: 1,
    description: 'Rates that replace those above for long prompts.',
    errorMessage: 'must be a list of objects with "above" and rates'
  })),
  batch: Type.Optional(Type.Union([
    Type.Number({ minimum: 0, maximum: 1 }),
    Type.Object({ input: Type.Optional(Dollars('')), output: Type.Optional(Dollars('')), ...rates }, { additionalProperties: false })
  ], {
    description: 'In a batch: which part of the rates counts, such as 0.5, or rates that replace them. Without it, what a batch costs is not known.',
    errorMessage: 'must be a part such as 0.5, or an object with rates'
  }))
}, { additionalProperties: false, errorMessage: 'must be an object with "input" and "output"' })

export type Price = Static<typeof PriceSchema>
export type Tier = NonNullable<Price['tiers']>[number]
export type Batch = NonNullable<Price['batch']>

const ModelSchema = Type.Object({
  id: Type.String({ minLength: 1, errorMessage: 'must be a name' }),
  match: Type.Optional(Type.Array(Type.String({ pattern: '^(\\*|\\*?[^*]+\\*?)$' }), {
    minItems: 1,
    description: 'Names it goes by: `*` at an end stands for any rest, `#` for a digit. Without it, its id. Case does not count.',
    errorMessage: 'must be a list of model names, with "*" only at their ends'
  })),
  not: Type.Optional(Type.Array(Type.String({ pattern: '^\\*?[^*]+\\*?$' }), {
    minItems: 1,
    description: 'Names that `match` must not take.',
    errorMessage: 'must be a list of model names, with "*" only at their ends'
  })),
  context_window: Type.Optional(Type.Integer({ minimum: 1, errorMessage: 'must be a number of tokens' })),
  max_output_tokens: Type.Optional(Type.Integer({ minimum: 1, errorMessage: 'must be a number of tokens' })),
  prices: Type.Optional(Type.Array(PriceSchema, { minItems: 1, errorMessage: 'must be a list of prices' })),
  unpriced: Type.Optional(Type.String({
    minLength: 1,
    description: 'Why it has no price, instead of `prices`.',
    errorMessage: 'must be a text'
  })),
  reason: Type.Optional(Type.String({ description: 'Why these are not the source\'s own prices.', errorMessage: 'must be a text' })),
  as_of: Type.Optional(Type.String({ format: 'date', description: 'When they were looked up.', errorMessage: 'must be a date such as 2027-01-31' }))
}, { additionalProperties: false, errorMessage: 'must be an object with "id" and "prices"' })

export type Model = Static<typeof ModelSchema>

/** The built-in catalogue, prices.json. The first model that matches a name counts. */
export const CatalogueSchema = Type.Object({
  source: Type.Object({ package: Type.String(), version: Type.String(), date: Type.String({ format: 'date' }), licence: Type.String(), copyright: Type.String(), url: Type.String() }, { additionalProperties: false }),
  /** Of `providers`, as `hashOf` makes it. */
  hash: Type.String(),
  providers: Type.Record(Type.String(), Type.Object({
    /** What other catalogues call it. */
    aliases: Type.Optional(Type.Array(Type.String())),
    /** Whose models it also sells, at their prices. */
    resells: Type.Optional(Type.Array(Type.String())),
    /** Which part of its rates counts in a batch, where a price says nothing else. */
    batch: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
    models: Type.Array(ModelSchema)
  }, { additionalProperties: false }))
}, { additionalProperties: false })

export type CatalogueFile = Static<typeof CatalogueSchema>

/** A PRICES_FILE: what it says goes before the catalogue. */
export const OverridesSchema = Type.Object({
  providers: Type.Record(Type.String(), Type.Object({
    same_as: Type.Optional(Type.String({
      minLength: 1,
      description: 'The provider of the catalogue that has the prices of all its other models.',
      errorMessage: 'must be the name of a provider'
    })),
    models: Type.Optional(Type.Array(ModelSchema, { errorMessage: 'must be a list of models' }))
  }, { additionalProperties: false, errorMessage: 'must be an object with "models" or "same_as"' }))
}, { additionalProperties: false })

export type OverridesFile = Static<typeof OverridesSchema>
