import type { Standing } from './dialect.ts'
import { formatWait } from './wait.ts'

/** https://platform.openai.com/docs/guides/rate-limits#rate-limits-in-headers */
export function limitHeaders ({ limit, remaining, resetIn }: Standing): Record<string, string> {
  return {
    'x-ratelimit-limit-requests': String(limit),
    'x-ratelimit-remaining-requests': String(remaining),
    'x-ratelimit-reset-requests': formatWait(resetIn)
  }
}
