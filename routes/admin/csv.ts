/** A line of a table as RFC 4180 has it. */
export function csvLine (cells: readonly unknown[]): string {
  return `${cells.map(cell).join(',')}\r\n`
}

/** A text that a spreadsheet would take for a formula is shown to be a text: models are named by clients. */
function cell (value: unknown): string {
  const text = value === undefined || value === null ? '' : String(value)
  const safe = typeof value === 'string' && /^\s*[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}
