/** A stretch of the calendar that a limit counts in: from `startsAt` until before `endsAt`, in ms since 1970. */
export interface CalendarWindow {
  /** Such as `2026-11-26`, `2026-W48` or `2026-11`. */
  name: string
  startsAt: number
  endsAt: number
}

export type CalendarPer = 'day' | 'week' | 'month'

/** A day of the calendar, in no time zone. `month` is from 1. */
interface Day { year: number, month: number, day: number }

const DAY = 86_400_000
/** No clock is further behind UTC, or before it. */
const FURTHEST = 16 * 3_600_000

/** Of each kind of window the last one asked for: nearly every request asks for the same. */
const last = new Map<string, CalendarWindow>()
const formatters = new Map<string, Intl.DateTimeFormat>()

/**
 * The window that a moment is in. A day begins with the first moment of its date in the time zone, which is not midnight
 * where a clock is put forward at that hour; a week is ISO 8601's and begins on Monday.
 *
 * @param time ms since 1970
 */
export function calendarWindow (per: CalendarPer, timezone: string, time: number): CalendarWindow {
  const key = `${per} ${timezone}`
  const known = last.get(key)
  if (known !== undefined && time >= known.startsAt && time < known.endsAt) return known
  let first = firstDay(per, dateAt(timezone, time))
  let startsAt = startOf(timezone, first)
  // A clock that will be put back over midnight shows the next date for a moment before that begins.
  if (startsAt > time) {
    first = firstDay(per, shift(first, -1))
    startsAt = startOf(timezone, first)
  }
  const window = { name: nameOf(per, first), startsAt, endsAt: startOf(timezone, following(per, first)) }
  last.set(key, window)
  return window
}

function firstDay (per: CalendarPer, { year, month, day }: Day): Day {
  if (per === 'day') return { year, month, day }
  return per === 'month' ? { year, month, day: 1 } : shift({ year, month, day }, -weekday({ year, month, day }))
}

function following (per: CalendarPer, first: Day): Day {
  return per === 'month' ? shift({ ...first, month: first.month + 1 }, 0) : shift(first, per === 'week' ? 7 : 1)
}

function nameOf (per: CalendarPer, first: Day): string {
  const date = new Date(utc(first)).toISOString().slice(0, 10)
  if (per !== 'week') return date.slice(0, per === 'month' ? 7 : 10)
  // A week is of the year that its Thursday is in.
  const { year } = shift(first, 3)
  const number = Math.floor((utc(shift(first, 3)) - utc({ year, month: 1, day: 1 })) / (7 * DAY)) + 1
  return `${year}-W${String(number).padStart(2, '0')}`
}

/** The first moment whose date in the time zone is that one, or where that one is left out, a later one. */
function startOf (timezone: string, date: Day): number {
  const midnight = utc(date)
  let [before, after] = [midnight - FURTHEST, midnight + FURTHEST]
  // Clocks are put forward and back by whole seconds.
  while (after - before > 1000) {
    const middle = Math.floor((before + after) / 2000) * 1000
    if (utc(dateAt(timezone, middle)) >= midnight) after = middle
    else before = middle
  }
  return after
}

function dateAt (timezone: string, time: number): Day {
  let formatter = formatters.get(timezone)
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en', { timeZone: timezone, calendar: 'gregory', year: 'numeric', month: 'numeric', day: 'numeric' })
    formatters.set(timezone, formatter)
  }
  const parts = formatter.formatToParts(time)
  const number = (name: Intl.DateTimeFormatPartTypes): number => Number(parts.find(({ type }) => type === name)?.value)
  return { year: number('year'), month: number('month'), day: number('day') }
}

function shift (date: Day, days: number): Day {
  const moved = new Date(utc(date) + days * DAY)
  return { year: moved.getUTCFullYear(), month: moved.getUTCMonth() + 1, day: moved.getUTCDate() }
}

/** 0 for Monday. */
function weekday (date: Day): number {
  return (new Date(utc(date)).getUTCDay() + 6) % 7
}

function utc ({ year, month, day }: Day): number {
  return Date.UTC(year, month - 1, day)
}
