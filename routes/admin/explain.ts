import { Type, type Static } from 'typebox'
import { isObject, objectsOf } from '../../providers/dialects/json.ts'
import { BUCKET_NAMES, BUCKETS } from '../../plugins/ledger/buckets.ts'
import type { LedgerRow } from '../../plugins/ledger/reports/index.ts'
import type { Outcome } from '../../plugins/logging/index.ts'
import { formatDollars } from '../../plugins/money.ts'
import type { UsageSource } from '../../plugins/tokens/index.ts'
import { RequestSchema, tellRequest } from './request.ts'

const Term = Type.Object({
  bucket: Type.String(),
  tokens: Type.Integer(),
  usd_per_million: Type.String(),
  usd: Type.String({ description: 'Their product, not rounded.' })
})

const Limit = Type.Object({
  name: Type.String(),
  owner: Type.String({ description: 'The key\'s id, or `group:NAME`.' }),
  unit: Type.String(),
  per: Type.Optional(Type.String()),
  limit: Type.Optional(Type.Number({ description: 'In its unit, money in billionths of a dollar.' })),
  used: Type.Optional(Type.Number({ description: 'Spent and held, with what was held for this request.' })),
  held: Type.Optional(Type.Number({ description: 'For this request.' })),
  resets_at: Type.Optional(Type.String({ description: 'When its window ends, of an hour or a minute.' })),
  dry_run: Type.Boolean({ description: 'It refuses nothing.' }),
  exceeded: Type.Boolean({ description: 'A dry run: it would have refused.' })
})

/** A row with the decision explained. */
export const ExplainedSchema = Type.Object({
  ...RequestSchema.properties,
  explanation: Type.String({ description: 'What became of it, in words.' }),
  decision: Type.Object({
    limits: Type.Array(Limit, { description: 'All that counted it, as they stood when it was let through.' }),
    hold_nano: Type.Integer({ description: 'What was reserved of its budgets.' }),
    hold_usd: Type.String(),
    held_tokens: Type.Integer(),
    output_cap: Type.Union([Type.Integer(), Type.Null()], { description: 'Tokens at which the gateway capped each answer.' })
  }),
  price: Type.Union([Type.Object({
    version: Type.String(),
    model: Type.String({ description: 'The entry of the price list.' }),
    terms: Type.Array(Term),
    usd_per_request: Type.String(),
    arithmetic: Type.String()
  }), Type.Null()], { description: 'What its cost was reckoned with.' })
})

export function explain (row: LedgerRow): Static<typeof ExplainedSchema> {
  const { seen, cap } = limitsOf(row.limits)
  return {
    ...tellRequest(row),
    explanation: `${outcomeOf(row)} ${usageOf(row)} ${costOf(row)}`,
    decision: { limits: seen, hold_nano: row.hold, hold_usd: formatDollars(row.hold), held_tokens: row.heldTokens, output_cap: cap },
    price: priceOf(row)
  }
}

/** What may be written down as the end of a request, in words. */
export const outcomes: Record<string, string> = {
  done: 'The reply went out whole.',
  refused: 'The provider refused the request.',
  client_gone: 'The client left before the end.',
  timeout: 'The provider was silent for too long.',
  upstream_unreachable: 'No connection to the provider could be made.',
  upstream_broke: 'The provider broke off its reply.',
  upstream_error: 'The provider answered with an error.',
  incomplete: 'The stream ended without its terminator.',
  shutdown: 'The gateway was stopped meanwhile.',
  interrupted: 'The gateway died while the request was under way, and what became of it nobody knows.'
} satisfies Record<Outcome | 'interrupted', string>

function outcomeOf ({ outcome, error, requests }: LedgerRow): string {
  if (outcome === undefined) return 'The request is under way.'
  const counted = requests === 0 ? ' It never reached the provider, and counts as no request.' : requests === 1 ? '' : ` It counts as ${requests} requests.`
  return `${(outcomes[outcome] ?? `It ended as ${outcome}.`).slice(0, -1)}${error === undefined ? '' : ` (${error})`}.${counted}`
}

const SOURCES: Record<string, string> = {
  provider: 'The provider told its usage.',
  partial: 'The provider told a part of its usage before the reply broke off, and only that is counted.',
  estimated: 'Its usage was counted or estimated from what had been sent.',
  none: 'Its usage is not known.'
} satisfies Record<UsageSource, string>

function usageOf ({ outcome, usageSource = 'none' }: LedgerRow): string {
  return outcome === undefined ? 'Its usage is not known yet.' : SOURCES[usageSource] ?? `Its usage is known from: ${usageSource}.`
}

function costOf ({ outcome, cost, hold, usage, rates }: LedgerRow): string {
  if (outcome === undefined) return hold === 0 ? 'Nothing is held of a budget.' : `$${formatDollars(hold)} is held until it ends.`
  if (cost === undefined) return Object.keys(usage).length === 0 ? 'It is not charged.' : 'No price is known for the model, so its cost is not known.'
  if (rates !== undefined) return `It cost $${formatDollars(cost)}.`
  return outcome === 'interrupted' ? `It is charged at its hold, the most it can have cost: $${formatDollars(cost)}.` : `It is charged $${formatDollars(cost)}.`
}

function priceOf ({ priceVersion: version, priceModel: model, rates, usage, cost }: LedgerRow): Static<typeof ExplainedSchema>['price'] {
  if (version === undefined || model === undefined || rates === undefined || cost === undefined) return null
  const used = BUCKETS.flatMap((bucket) => (usage[bucket] ?? 0) === 0 ? [] : [{ name: BUCKET_NAMES[bucket], tokens: usage[bucket] ?? 0, rate: rates[bucket] ?? 0 }])
  const request = rates['request'] ?? 0
  const products = used.map(({ tokens, rate }) => `${tokens} × $${formatDollars(rate)}`)
  const sum = [
    ...products.length === 0 ? [] : [products.length === 1 ? `${products[0]} / 1,000,000` : `(${products.join(' + ')}) / 1,000,000`],
    ...request === 0 ? [] : [`$${formatDollars(request)} for the request`]
  ]
  return {
    version,
    model,
    terms: used.map(({ name, tokens, rate }) => ({ bucket: name, tokens, usd_per_million: formatDollars(rate), usd: product(tokens, rate) })),
    usd_per_request: formatDollars(request),
    arithmetic: `${sum.length === 0 ? 'nothing was used' : sum.join(' + ')} = $${formatDollars(cost)}, rounded once to a billionth`
  }
}

/** Tokens at nano-dollars per million, in dollars: fifteen decimals at most, and all of them right. */
function product (tokens: number, rate: number): string {
  const digits = (BigInt(tokens) * BigInt(rate)).toString().padStart(16, '0')
  const fraction = digits.slice(-15).replace(/0+$/, '')
  return `${digits.slice(0, -15)}${fraction === '' ? '' : `.${fraction}`}`
}

/** The limits as they were written down at admission; what is not there is left out. */
function limitsOf (limits: unknown): { seen: Array<Static<typeof Limit>>, cap: number | null } {
  const { seen, cap } = isObject(limits) ? limits : {}
  return { seen: objectsOf(seen).map(limitOf), cap: typeof cap === 'number' ? cap : null }
}

function limitOf ({ name, owner, unit, per, limit, used, held, resetAt, dryRun, exceeded }: Record<string, unknown>): Static<typeof Limit> {
  return {
    name: String(name),
    owner: String(owner),
    unit: String(unit),
    ...typeof per === 'string' && { per },
    ...typeof limit === 'number' && { limit },
    ...typeof used === 'number' && { used },
    ...typeof held === 'number' && { held },
    ...typeof resetAt === 'number' && { resets_at: new Date(resetAt).toISOString() },
    dry_run: dryRun === true,
    exceeded: exceeded === true
  }
}
