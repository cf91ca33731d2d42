/** Enough of a key to recognise it, never the whole: at most 8 characters, and at most half. */
export function shorten (key: string): string {
  // A hash gives nothing away, and its first digits are the key's id.
  if (/^sha256:[0-9a-f]{64}$/i.test(key)) return `${key.slice(0, 19)}…`
  return `${key.slice(0, Math.min(8, Math.floor(key.length / 2)))}…`
}
