import type { Limit } from '../keys/limits.ts'
import type { Gauge } from './store.ts'
import { calendarWindow } from './window.ts'

/** What makes a window the longer one to wait for. */
const ORDER: ReadonlyArray<Limit['per']> = ['total', 'month', 'week', 'day', 'hour', 'minute', 'held']

/** Of several limits that refuse, the first is told: the one that is longest to wait for. */
export function byWait (a: Limit, b: Limit): number {
  return ORDER.indexOf(a.per) - ORDER.indexOf(b.per)
}

/**
 * The counter of a limit. Its name does not tell the limit, so that a limit may change while its count stays.
 *
 * @param time ms since 1970
 */
export function gaugeOf ({ owner, unit, per, timezone = 'UTC' }: Limit, time: number): Gauge {
  switch (per) {
    case 'minute': return { counter: `${owner} ${unit} minute`, owner, unit, window: MINUTE }
    case 'hour': return { counter: `${owner} ${unit} hour`, owner, unit, window: HOUR }
    case 'held': return { counter: `${owner} ${unit}`, owner, unit, window: HELD }
    case 'total': return { counter: `${owner} ${unit} total`, owner, unit, window: { kind: 'calendar', startsAt: 0, endsAt: Infinity } }
  }
  const { name, startsAt, endsAt } = calendarWindow(per, timezone, time)
  return { counter: `${owner} ${unit} ${per} ${name} ${timezone}`, owner, unit, window: { kind: 'calendar', startsAt, endsAt } }
}

const MINUTE = { kind: 'length', ms: 60_000 } as const
const HOUR = { kind: 'length', ms: 3_600_000 } as const
const HELD = { kind: 'held' } as const
