import { defaultDialect } from '../../providers/dialects/index.ts'
import type { Dialect } from '../../providers/dialects/dialect.ts'
import type { Limit } from '../keys/limits.ts'
import type { Level } from './store.ts'

/** How a key stands in one of its limits, or its groups'. */
export interface LimitStanding {
  name: Limit['name']
  /** The key's id, or `group:NAME`. */
  owner: string
  unit: Limit['unit']
  per: Limit['per']
  timezone?: string
  limit: number
  /** Spent and held. */
  used: number
  remaining: number
  /** ms since 1970, when all of it is free again; `null` where it is, where that is never, and of what is under way. */
  resetAt: number | null
  dryRun: boolean
}

/** @param levels in the order of the limits */
export function standings (limits: Limit[], levels: Level[]): LimitStanding[] {
  const now = Date.now()
  return limits.map(({ name, owner, unit, per, timezone, limit, dryRun }, index) => {
    const { used, resetIn } = levels[index] ?? { used: 0, resetIn: 0 }
    return {
      name,
      owner,
      unit,
      per,
      ...timezone !== undefined && { timezone },
      limit,
      used,
      remaining: Math.max(0, limit - used),
      resetAt: resetIn === 0 || resetIn === Infinity ? null : Math.round(now + resetIn),
      dryRun
    }
  })
}

/** The vendor's headers for the limit on requests that has fewest left. */
export function remainingHeaders (limits: Limit[], levels: Level[], dialect: Dialect): Record<string, string> {
  let least: { limit: number, remaining: number, resetIn: number } | undefined
  limits.forEach(({ unit, limit, dryRun }, index) => {
    const { used, resetIn } = levels[index] ?? { used: 0, resetIn: 0 }
    const remaining = Math.max(0, limit - used)
    if (unit === 'requests' && !dryRun && remaining < (least?.remaining ?? Infinity)) least = { limit, remaining, resetIn }
  })
  if (least === undefined) return {}
  return (dialect.limitHeaders ?? defaultDialect.limitHeaders)?.({ ...least, resetAt: Date.now() + least.resetIn }) ?? {}
}
