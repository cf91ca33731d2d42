import type { Fields } from '../fields.ts'

/** A prompt-cache breakpoint, as servers in front of a caching provider take it. */
export function decodeCache (fields: Fields): { ttl?: '5m' | '1h' } | undefined {
  const control = fields.object('cache_control')
  if (control === undefined) return undefined
  control.take('type')
  const ttl = control.string('ttl')
  return ttl === '5m' || ttl === '1h' ? { ttl } : {}
}
