import type { Dialect } from './dialect.ts'

/** What a dialect's clients call the cap on an answer; `undefined` where they have none. */
export function capName ({ cap, translation }: Dialect): string | undefined {
  return translation?.names.maxOutputTokens ?? Object.keys(cap?.(1, {}, {}) ?? {})[0]
}
