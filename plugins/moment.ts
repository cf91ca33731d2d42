/**
 * RFC 3339 with a zone, as milliseconds since the epoch. `undefined` for anything else, also for a day that its month
 * does not have, which `Date.parse` moves to the next.
 */
export function parseDateTime (text: string): number | undefined {
  const [, date] = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)$/i.exec(text) ?? []
  const time = Date.parse(text.toUpperCase())
  if (date === undefined || Number.isNaN(time)) return undefined
  const midnight = new Date(`${date}T00:00:00Z`)
  return midnight.toISOString().startsWith(date) ? time : undefined
}

/** A date, which begins in UTC, or a date and time with its zone, as milliseconds since 1970. */
export function parseMoment (text: string): number | undefined {
  return parseDateTime(isDate(text) ? `${text}T00:00:00Z` : text)
}

export function isDate (text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && parseDateTime(`${text}T00:00:00Z`) !== undefined
}

/** The second that was asked for last, and its text but for the milliseconds. */
let current = { second: 0, text: '1970-01-01T00:00:00.' }

/** ms since 1970 as RFC 3339 has it. Of the requests of one second only the first asks the calendar. */
export function timestamp (time: number): string {
  const second = Math.floor(time / 1000)
  if (second !== current.second) current = { second, text: new Date(second * 1000).toISOString().slice(0, -4) }
  return `${current.text}${String(time - second * 1000).padStart(3, '0')}Z`
}
