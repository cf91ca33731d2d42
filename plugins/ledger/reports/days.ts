import { calendarWindow } from '../../quota/window.ts'

/** Days that follow each other, all of 24 hours but the last, which is as long as it may be. */
export interface DayRun {
  /** ms since 1970, of the first. */
  startsAt: number
  until: number
  /** Of the first: days since 1970 of its date. */
  day: number
}

const DAY = 86_400_000
const WEEK = 7 * DAY
/** No ledger is older. */
const FIRST = Date.UTC(2025, 0, 1)

/** The days of a time zone between two moments, in as few runs as its clocks leave: about five a year. */
export function dayRuns (timezone: string, from: number, to: number): DayRun[] {
  const runs: DayRun[] = []
  let at = calendarWindow('day', timezone, Math.max(from, FIRST)).startsAt
  while (at < to) {
    const { startsAt, endsAt, name } = calendarWindow('day', timezone, at)
    const day = Date.parse(name) / DAY
    const last = runs.at(-1)
    const follows = last !== undefined && last.until === startsAt && last.day + (startsAt - last.startsAt) / DAY === day
    const run = follows ? last : { startsAt, until: startsAt, day }
    if (!follows) runs.push(run)
    // Most weeks are of seven days of 24 hours: that is seen at their end.
    const usual = calendarWindow('day', timezone, startsAt + WEEK + DAY / 2).startsAt === startsAt + WEEK
    at = run.until = usual ? startsAt + WEEK : endsAt
  }
  return runs
}

/** When a date begins in a time zone. @param date `YYYY-MM-DD` */
export function startOfDate (date: string, timezone: string): number {
  const window = calendarWindow('day', timezone, Date.parse(date) + DAY / 2)
  if (window.name === date) return window.startsAt
  return window.name > date ? calendarWindow('day', timezone, window.startsAt - 1).startsAt : window.endsAt
}
