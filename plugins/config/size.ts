const units: Record<string, number> = { B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30 }

/**
 * Reads a size such as `32MB`: a number, then `B`, `KB`, `MB` or `GB`, each 1024 of the one before. The unit is
 * required, so that nobody who writes `32` gets a limit of 32 bytes.
 * @returns bytes, above zero
 * @throws {Error} whose message completes a sentence that begins with the text
 */
export function parseSize (text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) throw new Error('is not a size')
  if (unit === '') throw new Error('has no unit (B, KB, MB, GB)')
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined
  if (factor === undefined) throw new Error('has an unknown unit (known: B, KB, MB, GB)')
  const bytes = Math.round(Number(amount) * factor)
  if (bytes < 1) throw new Error('is not above zero')
  if (!Number.isSafeInteger(bytes)) throw new Error('is too large')
  return bytes
}
