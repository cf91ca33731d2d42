/**
 * Makes JSON text that was cut off whole again: what is not complete at the end is left out, what is open is closed.
 * A call cut by the output cap has such arguments, and a whole reply has no other way to hold them.
 *
 * Each character is looked at once: a model that writes brackets for ever, or a file full of quotes, is cut by the cap too.
 */
export function closeJson (text: string): string {
  const open: string[] = []
  let end = 0
  let isKey = false
  for (let at = 0; at < text.length;) {
    const sign = text[at]
    const next = sign === '"' ? endOfString(text, at) : at + 1
    if (sign === '{' || sign === '[') {
      open.push(sign === '{' ? '}' : ']')
      isKey = sign === '{'
      end = next
    } else if (sign === '}' || sign === ']') {
      open.pop()
      isKey = false
      end = next
    } else if (sign === ',') {
      isKey = open.at(-1) === '}'
    } else if (sign === ':') {
      isKey = false
    } else if (sign === '"') {
      // The text was cut in the middle of it.
      if (next === -1) break
      if (!isKey) end = next
    } else if (!isKey && sign !== undefined && !SPACE.test(sign)) {
      // A number or a word is whole where something stands behind it.
      DELIMITER.lastIndex = at
      const behind = DELIMITER.exec(text)
      if (behind === null) break
      end = at = behind.index
      continue
    }
    at = next
  }
  return text.slice(0, end) + open.reverse().join('')
}

const SPACE = /\s/
const DELIMITER = /[\s,\]}]/g

/** The place behind a string's last quote; -1 where it has none. */
function endOfString (text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0
    while (text[quote - 1 - slashes] === '\\') slashes++
    if (slashes % 2 === 0) return quote + 1
  }
  return -1
}
