import type { Conversation, Reasoning } from '../conversation.ts'
import type { ModelFacts } from '../dialect.ts'

/** Tokens for the answer where the client names no cap and the model's largest output is not known. */
const ANSWER = 4096
/** The least the vendor takes. */
const LEAST_BUDGET = 1024

type Effort = Exclude<NonNullable<Reasoning['effort']>, 'none'>

/** A word of effort as the vendor's own word, and as tokens for models that are told a budget. */
const efforts: Readonly<Record<Effort, { word: string, budget: number }>> = {
  minimal: { word: 'low', budget: 1024 },
  low: { word: 'low', budget: 1024 },
  medium: { word: 'medium', budget: 4096 },
  high: { word: 'high', budget: 16384 },
  xhigh: { word: 'xhigh', budget: 32000 },
  max: { word: 'max', budget: 32000 }
}

interface Thinking {
  maxTokens: number
  thinking?: Record<string, unknown>
  effort?: string
}

/** How the model is told to think, and the cap on its output, which includes what it thinks. */
export function encodeThinking (conversation: Conversation, facts: ModelFacts, lossy: Set<string>): Thinking {
  const { reasoning, maxOutputTokens: asked, names } = conversation
  const maxTokens = asked ?? facts.maxOutputTokens ?? ANSWER
  if (reasoning === undefined) return { maxTokens }
  if (reasoning.effort === 'none') {
    // Newer models think unasked, and the newest cannot be told not to.
    if (facts.thinking === 'adaptive') lossy.add(names.reasoning)
    return { maxTokens }
  }
  const none = (): Thinking => {
    lossy.add(names.reasoning)
    return { maxTokens }
  }
  // A forced call leaves no room for thought: the vendor refuses both together.
  const forced = conversation.toolChoice?.type === 'required' || conversation.toolChoice?.type === 'tool'
  if (forced) return none()
  if (facts.thinking === 'adaptive') {
    const effort = reasoning.effort === undefined ? wordOf(reasoning.budget) : efforts[reasoning.effort].word
    return { maxTokens, thinking: { type: 'adaptive', display: 'summarized' }, ...effort !== undefined && { effort } }
  }
  if (facts.thinking !== 'budget' || awaitsUnproven(conversation)) return none()
  const wanted = Math.max(LEAST_BUDGET, reasoning.budget ?? efforts[reasoning.effort ?? 'medium'].budget)
  const cap = asked ?? Math.min(Math.max(maxTokens, wanted + ANSWER), facts.maxOutputTokens ?? Infinity)
  const budget = Math.min(wanted, cap - 1)
  if (budget < LEAST_BUDGET) return none()
  return { maxTokens: cap, thinking: { type: 'enabled', budget_tokens: budget } }
}

/** The least effort whose budget is as large. */
function wordOf (budget: number | undefined): string | undefined {
  if (budget === undefined) return undefined
  return Object.values(efforts).find((effort) => effort.budget >= budget)?.word ?? efforts.max.word
}

/**
 * Whether the last answer waits for tool results and does not begin with proven reasoning. While a model thinks by
 * budget, the vendor refuses to go on from such an answer.
 */
function awaitsUnproven ({ turns }: Conversation): boolean {
  const last = turns.findLastIndex(({ role }) => role === 'assistant')
  if (last === -1) return false
  let first = last
  while (turns[first - 1]?.role === 'assistant') first--
  const parts = turns.slice(first, last + 1).flatMap((turn) => turn.parts)
  if (!parts.some(({ type }) => type === 'tool-call')) return false
  return !parts.some((part) => part.type === 'reasoning' && (part.signature !== undefined || part.redacted !== undefined))
}
