import { answersOf, capOf, Tally } from '../bound.ts'
import type { Bound } from '../dialect.ts'
import { objectOf } from '../json.ts'
import { input, promptCache, tools } from '../openai-bound.ts'

/**
 * Fields that make the provider call models more often than once, or choose a dearer one, or that leave the reply
 * without the usage it will have. Those behind `multi_agent` are of servers in front of others.
 */
const FEES = ['background', 'context_management', 'multi_agent', 'plugins', 'models', 'fallbacks', 'search_parameters', 'audio']

/** What a request may cost at most: https://platform.openai.com/docs/api-reference/responses/create */
export function bound (body: Record<string, unknown>): Bound {
  const tally = new Tally()
  tally.refuseFields(body, FEES)
  tally.model(body.model)
  tally.serviceTier(body.service_tier)
  const { mode } = objectOf(body.reasoning)
  if (mode !== undefined && mode !== null && mode !== 'standard') tally.refuse('reasoning.mode')
  promptCache(tally, body)
  input(tally, body)
  tools(tally, body.tools, 'tools')
  tally.bound.choices = answersOf(body.n)
  tally.output(capOf(body.max_output_tokens))
  return tally.bound
}

export function cap (tokens: number, { max_output_tokens: said }: Record<string, unknown>): Record<string, unknown> {
  return (capOf(said) ?? Infinity) <= tokens ? {} : { max_output_tokens: tokens }
}
