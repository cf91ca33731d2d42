/** Enough of a key to recognise it, never the whole: at most 8 characters, and at most half. */
export function shorten (key: string): string {
  return `${key.slice(0, Math.min(8, Math.floor(key.length / 2)))}…`
}
