/**
 * LiteLLM's `model_prices_and_context_window.json`: entries by model, in dollars per token. Read of it are the prices of
 * tokens; entries without any, such as those for images, are left out.
 */
import { objectOf, isObject } from '../../providers/dialects/json.ts'
import type { Model, Price, Tier } from './schema.ts'

const MILLION = 1e6

const fields = {
  input: 'input_cost_per_token',
  output: 'output_cost_per_token',
  cache_read: 'cache_read_input_token_cost',
  cache_write: 'cache_creation_input_token_cost',
  cache_write_1h: 'cache_creation_input_token_cost_above_1hr',
  reasoning: 'output_cost_per_reasoning_token',
  audio_input: 'input_cost_per_audio_token',
  audio_output: 'output_cost_per_audio_token'
} as const

type Rate = keyof typeof fields

/** Whether a parsed file has that shape. */
export function isLiteLlm (value: unknown): value is Record<string, unknown> {
  return isObject(value) && !('providers' in value) && Object.values(value).some((entry) => isObject(entry) && 'litellm_provider' in entry)
}

/** Its models by provider, by the names that the file has for them. */
export function fromLiteLlm (file: Record<string, unknown>): Map<string, Model[]> {
  const models = new Map<string, Model[]>()
  for (const [name, value] of Object.entries(file)) {
    const entry = objectOf(value)
    const provider = entry['litellm_provider']
    if (typeof provider !== 'string' || name === 'sample_spec') continue
    const id = name.startsWith(`${provider}/`) ? name.slice(provider.length + 1) : name
    const prices = pricesOf(entry)
    if (prices === undefined || /[*#]/.test(id)) continue
    const window = tokens(entry['max_input_tokens'])
    const output = tokens(entry['max_output_tokens'])
    const model = { id, prices, ...window !== undefined && { context_window: window }, ...output !== undefined && { max_output_tokens: output } }
    models.set(provider, [...models.get(provider) ?? [], model])
  }
  return models
}

function pricesOf (entry: Record<string, unknown>): Price[] | undefined {
  const base = ratesOf(entry)
  // Prices by the range of a prompt's length, and such as have none for tokens, say more than can be read here.
  if (base.input === undefined || 'tiered_pricing' in entry) return undefined
  const tiers = tiersOf(entry)
  const batch = ratesOf(entry, '_batches')
  const price = { ...base, input: base.input, output: base.output ?? 0, ...tiers.length > 0 && { tiers }, ...Object.keys(batch).length > 0 && { batch } }
  const cheaper = objectOf(entry['off_peak_pricing'])
  const hours = [cheaper['hours_utc']].flat().filter((text) => typeof text === 'string')
  // Its rates replace those of the tiers too.
  return hours.length === 0 ? [price] : [price, { ...price, ...ratesOf(cheaper), hours, ...tiers.length > 0 && { tiers: tiers.map((tier) => ({ ...tier, ...ratesOf(cheaper) })) } }]
}

function ratesOf (entry: Record<string, unknown>, suffix = ''): Partial<Record<Rate, number>> {
  return Object.fromEntries(Object.entries(fields).flatMap(([rate, field]) => {
    const value = entry[field + suffix]
    return typeof value === 'number' && value >= 0 ? [[rate, perMillion(value)]] : []
  }))
}

/** Fields such as `input_cost_per_token_above_200k_tokens`. */
function tiersOf (entry: Record<string, unknown>): Tier[] {
  const thresholds = new Set(Object.keys(entry).flatMap((field) => /_above_(\d+)k_tokens$/.exec(field)?.[1] ?? []))
  return [...thresholds].map(Number).sort((a, b) => a - b)
    .map((thousands) => ({ above: thousands * 1000, ...ratesOf(entry, `_above_${thousands}k_tokens`) }))
}

/** A product of two floating numbers, without its noise beyond what rates are counted in. */
function perMillion (perToken: number): number {
  return Math.round(perToken * MILLION * 1e9) / 1e9
}

function tokens (value: unknown): number | undefined {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined
}
