/** Whole nano-dollars of an amount in dollars: what money is counted in. */
export function toNano (dollars: number): number {
  return Math.round(dollars * 1e9)
}

/** The last amount that was asked for: a reply's headers, its line and its record name the same. */
let last = { nano: 0, text: '0' }

/** An amount of nano-dollars as dollars, exactly: `1.06376125`. */
export function formatDollars (nano: number): string {
  if (nano === last.nano) return last.text
  const fraction = String(nano % 1e9).padStart(9, '0').replace(/0+$/, '')
  last = { nano, text: `${Math.trunc(nano / 1e9)}${fraction === '' ? '' : '.'}${fraction}` }
  return last.text
}
