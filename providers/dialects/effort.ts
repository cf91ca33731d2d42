import type { Reasoning } from './conversation.ts'

type Effort = NonNullable<Reasoning['effort']>

/** The words of effort, least first. */
export const EFFORTS: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']

export function isEffort (word: string | undefined): word is Effort {
  return EFFORTS.some((effort) => effort === word)
}

/** A budget in tokens, as the word nearest to it. */
const BUDGETS: ReadonlyArray<readonly [atMost: number, effort: Effort]> = [
  [2048, 'low'],
  [8192, 'medium'],
  [Infinity, 'high']
]

/** The word for a budget, where a dialect knows words alone. */
export function effortOf (budget: number): Effort | undefined {
  return BUDGETS.find(([atMost]) => budget <= atMost)?.[1]
}
