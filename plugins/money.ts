/** Whole nano-dollars of an amount in dollars: what money is counted in. */
export function toNano (dollars: number): number {
  return Math.round(dollars * 1e9)
}

/** An amount of nano-dollars as dollars, exactly: `1.06376125`. */
export function formatDollars (nano: number): string {
  const fraction = String(nano % 1e9).padStart(9, '0').replace(/0+$/, '')
  return `${Math.trunc(nano / 1e9)}${fraction === '' ? '' : '.'}${fraction}`
}
