/** Whether a model's name, in lower case, is one of some names. */
export type Matches = (name: string) => boolean

/**
 * Names with a `*` at an end for any rest, and `#` for a digit: less than a regular expression, and no trap for one.
 */
export function matcher (patterns: readonly string[]): Matches {
  const parts = patterns.map((pattern) => {
    const text = pattern.toLowerCase()
    const open = { start: text.startsWith('*'), end: text.length > 1 && text.endsWith('*') }
    return { text: text.slice(open.start ? 1 : 0, open.end ? -1 : undefined), open }
  })
  return (name) => parts.some(({ text, open }) => {
    const last = name.length - text.length
    if (last < 0) return false
    if (!open.start) return (open.end || last === 0) && stands(text, name, 0)
    if (!open.end) return stands(text, name, last)
    for (let at = 0; at <= last; at++) if (stands(text, name, at)) return true
    return false
  })
}

function stands (text: string, name: string, at: number): boolean {
  for (let index = 0; index < text.length; index++) {
    const [wanted, found] = [text[index], name[at + index] ?? '']
    if (wanted === '#' ? found < '0' || found > '9' : wanted !== found) return false
  }
  return true
}

/**
 * What else a dated name may be listed as: its date written `-YYYY-MM-DD` instead of `-YYYYMMDD`, and last the name
 * without a date at its end, since a snapshot costs what its model costs unless it is listed itself.
 */
export function otherNames (name: string): string[] {
  const [, stem, year, month, day] = /^(.+)-(20\d\d)-?(0[1-9]|1[0-2])-?(0[1-9]|[12]\d|3[01])$/.exec(name) ?? []
  return stem === undefined ? [] : [`${stem}-${year}-${month}-${day}`, stem]
}
