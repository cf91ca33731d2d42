import type { Limit } from '../keys/limits.ts'
import type { Gauge } from './store.ts'
import { calendarWindow } from './window.ts'

/** What makes a window the longer one to wait for. */
const ORDER: ReadonlyArray<Limit['per']> = ['total', 'month', 'week', 'day', 'hour', 'minute', 'held']

/** Of several limits that refuse, the first is told: the one that is longest to wait for. */
export function byWait (a: Limit, b: Limit): number {
  return ORDER.indexOf(a.per) - ORDER.indexOf(b.per)
}

/** Counters whose name is the same at any time, made once. */
const lasting = new WeakMap<Limit, Gauge>()

/**
 * The counter of a limit. Its name does not tell the limit, so that a limit may change while its count stays.
 *
 * @param time ms since 1970
 */
export function gaugeOf (limit: Limit, time: number): Gauge {
  let gauge = lasting.get(limit)
  if (gauge !== undefined) return gauge
  const { owner, unit, per, timezone = 'UTC' } = limit
  switch (per) {
    case 'minute': gauge = { counter: `${owner} ${unit} minute`, owner, unit, window: MINUTE }; break
    case 'hour': gauge = { counter: `${owner} ${unit} hour`, owner, unit, window: HOUR }; break
    case 'held': gauge = { counter: `${owner} ${unit}`, owner, unit, window: HELD }; break
    case 'total': gauge = { counter: `${owner} ${unit} total`, owner, unit, window: ALL }; break
    default: {
      const { name, startsAt, endsAt } = calendarWindow(per, timezone, time)
      return { counter: `${owner} ${unit} ${per} ${name} ${timezone}`, owner, unit, window: { kind: 'calendar', startsAt, endsAt } }
    }
  }
  lasting.set(limit, gauge)
  return gauge
}

const MINUTE = { kind: 'length', ms: 60_000 } as const
const HOUR = { kind: 'length', ms: 3_600_000 } as const
const HELD = { kind: 'held' } as const
const ALL = { kind: 'calendar', startsAt: 0, endsAt: Infinity } as const
