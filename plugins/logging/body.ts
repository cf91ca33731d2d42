import type { Redact } from './redact.ts'

/**
 * Kept beyond the limit until secrets are cleared, so that a cut never leaves the first half of one. Longer than any
 * key in any encoding.
 */
export const MARGIN = 4096

/** A body as it goes into a line: JSON text without line ends, and how it was cut where it was. */
export interface Recorded {
  json: string
  cut: Cut | undefined
}

/** Bytes in all, and bytes kept. */
export interface Cut { bytes: number, kept: number }

/** A whole body. JSON stays as it was written, byte for byte; anything else becomes a string. */
export function wholeBody (text: string, json: boolean, redact: Redact): Recorded {
  const clear = redact(text)
  // A secret made of digits or of JSON's own signs may have stood outside a string.
  if (!json || (clear !== text && !isJson(clear))) return { json: JSON.stringify(clear), cut: undefined }
  // JSON has line ends only between its tokens, where all white space is the same.
  return { json: clear.replace(/[\r\n]+/g, ' '), cut: undefined }
}

/**
 * The first part of a body, as a string.
 * @param bytes its beginning: `limit` and `MARGIN`, or all there is
 * @param total how long the body was
 */
export function cutBody (bytes: Buffer, total: number, limit: number, redact: Redact): Recorded {
  const clear = Buffer.from(redact(bytes.toString('utf8')))
  let end = Math.min(limit, bytes.length < total ? clear.length - MARGIN : clear.length)
  // Not in the middle of a character: the first byte left out must not continue one.
  while (end > 0 && end < clear.length && (clear.readUInt8(end) & 0xc0) === 0x80) end--
  return { json: JSON.stringify(clear.toString('utf8', 0, end)), cut: { bytes: total, kept: end } }
}

export function isJson (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
