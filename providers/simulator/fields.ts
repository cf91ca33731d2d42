/** Unknown JSON, read without trust: what has the wrong type reads as empty. */
export type Fields = Record<string, unknown>

export function fields (value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Fields : {}
}

export function list (value: unknown): unknown[] {
  return Array.isArray(value) ? value : []
}

export function text (value: unknown): string {
  return typeof value === 'string' ? value : ''
}
