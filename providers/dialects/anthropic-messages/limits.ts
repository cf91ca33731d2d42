import type { Standing } from '../dialect.ts'

/** https://platform.claude.com/docs/en/api/rate-limits#response-headers */
export function limitHeaders ({ limit, remaining, resetAt }: Standing): Record<string, string> {
  return {
    'anthropic-ratelimit-requests-limit': String(limit),
    'anthropic-ratelimit-requests-remaining': String(remaining),
    'anthropic-ratelimit-requests-reset': new Date(Math.ceil(resetAt / 1000) * 1000).toISOString().replace('.000Z', 'Z')
  }
}
