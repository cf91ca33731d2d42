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
