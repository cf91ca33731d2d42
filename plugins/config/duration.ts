/** Nanoseconds in each of Go's units; both ways to write the micro sign. */
const units: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 }

const term = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y

/** The longest duration of Go: 2^63 - 1 nanoseconds. */
const LONGEST = 2 ** 63

/** The longest timer of Node: a longer one fires at once. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Reads a duration in Go's syntax, as `time.ParseDuration` does: `1h30m`, `500ms`, `1.5h`, and `0` without a unit.
 * Packages for this accept what Go refuses (`1d`, `10`, `30 s`) or fail on `1h30m`.
 * @returns milliseconds
 * @throws {Error} whose message completes a sentence that begins with the text
 */
export function parseDuration (text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  const body = text.replace(/^[-+]/, '')
  if (body === '0') return 0
  if (/^(\d+\.?\d*|\.\d+)$/.test(body)) throw new Error('has no unit (ns, us, ms, s, m, h)')
  let nanoseconds = 0
  term.lastIndex = 0
  do {
    const [, amount, unit] = term.exec(body) ?? []
    if (amount === undefined || unit === undefined) throw new Error('is not a duration in Go\'s syntax')
    nanoseconds += Number(amount) * (units[unit] ?? NaN)
  } while (term.lastIndex < body.length)
  if (nanoseconds >= LONGEST) throw new Error('is longer than a duration can be')
  return sign * Math.round(nanoseconds) / 1e6
}

/** A duration that is not negative. */
export function parsePeriod (text: string): number {
  const milliseconds = parseDuration(text)
  if (milliseconds < 0) throw new Error('is negative')
  return milliseconds
}

/** A period that a timer can wait for, in whole milliseconds. Rounded up, so that only `0` means no limit. */
export function parseTimeout (text: string): number {
  const milliseconds = Math.ceil(parsePeriod(text))
  if (milliseconds > LONGEST_TIMER) throw new Error('is longer than 596h, the longest a timer can wait (0 means no limit)')
  return milliseconds
}

/** A period that the process can wait for at its end, beside what else it does then. */
export function parsePatience (text: string): number {
  const milliseconds = parsePeriod(text)
  if (milliseconds > 24 * 3600_000) throw new Error('is longer than 24h')
  return milliseconds
}
