import { Type, type Static } from 'typebox'
import { formatDollars, toNano } from '../money.ts'
import { nearest } from '../nearest.ts'

/** One limit of a key, its own or one of a group that it is in. */
export interface Limit {
  /** The field of keys.json that sets it. */
  name: LimitName
  /** The key's id, or `group:NAME`. */
  owner: string
  /** What logs call the owner: the key's label, or the group's name. */
  label: string
  unit: 'requests' | 'tokens' | 'money' | 'parallel'
  /** The window it counts in; `held` counts what is under way. */
  per: Per
  /** In its unit, money in nano-dollars. Infinity: expressly none. */
  limit: number
  /** Of a calendar window: in which its days begin. */
  timezone?: string
  /** It refuses nothing, and the log tells what it would have. */
  dryRun: boolean
}

export type Per = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'total' | 'held'
export type LimitName = keyof typeof limitFields

/** A budget beyond it was meant otherwise, and nano-dollars of more are no exact number. */
const DEAREST = 1_000_000

const Whole = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const Trial = Type.Object({ limit: Whole, dry_run: Type.Optional(Type.Boolean()) }, { additionalProperties: false })
const Count = (description: string) => Type.Optional(Type.Union([Whole, Trial], {
  description,
  errorMessage: 'must be a whole number from 0, or such as {"limit": 100, "dry_run": true}'
}))

const Budget = Type.Object({
  usd: Type.Number({ minimum: 0, maximum: DEAREST, description: 'Dollars, to nine decimals.' }),
  per: Type.Enum(['day', 'week', 'month', 'total'], { description: 'A calendar window: weeks begin on Monday, and a total never begins anew.' }),
  timezone: Type.Optional(Type.String({ description: 'Where its days begin, such as Europe/Berlin. Without it, UTC.' })),
  dry_run: Type.Optional(Type.Boolean({ description: 'true: it refuses nothing, and the log tells what it would have.' }))
}, { additionalProperties: false })

/** The limits that a key or a group may have, as fields of keys.json. */
export const limitFields = {
  max_requests_per_hour: Type.Optional(Type.Union([Whole, Type.Literal('unlimited'), Trial], {
    description: 'How many requests in an hour: 0 allows none, "unlimited" sets no limit. Without it, MAX_REQUESTS_PER_HOUR counts for a key, and none for a group.',
    errorMessage: 'must be a whole number from 0, "unlimited", or such as {"limit": 100, "dry_run": true}'
  })),
  requests_per_minute: Count('How many requests in a minute.'),
  tokens_per_minute: Count('How many tokens in a minute, of prompts and answers together.'),
  tokens_per_day: Count('How many tokens in a day, which begins at midnight UTC.'),
  max_parallel_requests: Count('How many requests at the same time.'),
  budget: Type.Optional(Type.Union([Budget, Type.Array(Budget, { minItems: 1 })], {
    description: 'How much money may be spent. Several budgets, in a list, all count.',
    errorMessage: `must be such as {"usd": 20, "per": "month", "timezone": "Europe/Berlin"}, with "usd" from 0 to ${DEAREST} and "per" one of "day", "week", "month" and "total", or a list of such`
  }))
}

export const LimitsSchema = Type.Object(limitFields, { additionalProperties: false })

export type LimitsEntry = Static<typeof LimitsSchema>
type BudgetEntry = Static<typeof Budget>

/** What each count is of; windows that are longest first, since the first that refuses is the one that is told. */
const counts = [
  { name: 'tokens_per_day', unit: 'tokens', per: 'day', timezone: 'UTC' },
  { name: 'max_requests_per_hour', unit: 'requests', per: 'hour' },
  { name: 'requests_per_minute', unit: 'requests', per: 'minute' },
  { name: 'tokens_per_minute', unit: 'tokens', per: 'minute' },
  { name: 'max_parallel_requests', unit: 'parallel', per: 'held' }
] as const

/** The fields inside a limit, for whoever misspells one. */
export function innerFields (name: string): string[] {
  return Object.keys((name === 'budget' ? Budget : Trial).properties)
}

/** @param fault makes the error of a reason */
export function toLimits (entry: LimitsEntry, owner: Pick<Limit, 'owner' | 'label'>, fault: (reason: string) => Error): Limit[] {
  const found: Limit[] = [entry.budget ?? []].flat().map((budget) => ({ name: 'budget', ...owner, unit: 'money', ...toBudget(budget, fault) }))
  const twice = found.find(({ per }, index) => found.findIndex((other) => other.per === per) < index)
  if (twice !== undefined) throw fault(`"budget" is there twice for "${twice.per}"`)
  for (const count of counts) {
    const value = entry[count.name]
    if (value === undefined) continue
    const { limit, dry_run: dryRun = false } = typeof value === 'object' ? value : { limit: value === 'unlimited' ? Infinity : value }
    found.push({ ...owner, ...count, limit, dryRun })
  }
  return found
}

function toBudget ({ usd, per, timezone, dry_run: dryRun = false }: BudgetEntry, fault: (reason: string) => Error): Pick<Limit, 'per' | 'limit' | 'timezone' | 'dryRun'> {
  const limit = toNano(usd)
  // A text of at most nine decimals is read as the very number that this division gives.
  if (limit / 1e9 !== usd) throw fault(`"budget" has "usd" with more than nine decimals: the nearest is ${formatDollars(limit)}`)
  if (per === 'total') {
    if (timezone !== undefined) throw fault('"budget" for "total" takes no "timezone": it never begins anew')
    return { per, limit, dryRun }
  }
  if (timezone !== undefined && !isTimeZone(timezone)) {
    const near = nearest(timezone, timeZones())
    throw fault(`"budget" has an unknown "timezone"${near === undefined ? ': it must be such as Europe/Berlin or UTC' : `, did you mean "${near}"?`}`)
  }
  return { per, limit, timezone: timezone ?? 'UTC', dryRun }
}

/** An offset such as `+05:37` is none: days of a ledger begin on quarters of an hour, as those of all places do. */
export function isTimeZone (name: string): boolean {
  if (/^[+-]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }) !== undefined
  } catch {
    return false
  }
}

function * timeZones (): Generator<string> {
  yield 'UTC'
  yield * Intl.supportedValuesOf('timeZone')
}
