import { parseMoment } from '../moment.ts'
import type { Day, Price } from './schema.ts'

const MINUTE = 60_000
const DAY = 86_400_000
/** In the order of `Date.getUTCDay`. */
const DAYS: readonly Day[] = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

/** When a price holds. */
export function schedule ({ from, hours, days, except }: Pick<Price, 'from' | 'hours' | 'days' | 'except'>): (time: number) => boolean {
  const start = from === undefined ? -Infinity : parseMoment(from) ?? Infinity
  const windows = hours?.map((text) => {
    const [first = 0, end = 0] = text.split('-').map((clock) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3)))
    return { first: first * MINUTE, end: end * MINUTE }
  })
  return (time) => {
    if (time < start) return false
    const clock = time % DAY
    if (windows !== undefined && !windows.some((window) => within(clock, window))) return false
    const date = new Date(time)
    if (days !== undefined && !days.some((day) => day === DAYS[date.getUTCDay()])) return false
    return except === undefined || !except.includes(date.toISOString().slice(0, 10))
  }
}

function within (clock: number, { first, end }: { first: number, end: number }): boolean {
  return first <= end ? clock >= first && clock < end : clock >= first || clock < end
}
