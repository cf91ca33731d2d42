/** Microseconds on the clock that all processes of a machine share. */
export function now (): number {
  const [seconds, nanoseconds] = process.hrtime()
  return seconds * 1e6 + Math.round(nanoseconds / 1000)
}

/** Digits of a stamp. */
const DIGITS = 15

/** A mark in a piece of a stream that tells when it was sent. `@` stands nowhere else in a reply. */
export const stamp = (time: number): string => `@${String(time).padStart(DIGITS, '0')}`

export const STAMP_LENGTH = DIGITS + 1
