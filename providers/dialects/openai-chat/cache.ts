import type { Fields } from '../fields.ts'

/** A prompt-cache breakpoint: as the vendor takes it, or as servers in front of another provider do. */
export function decodeCache (fields: Fields): { ttl?: '5m' | '1h' } | undefined {
  const breakpoint = fields.object('prompt_cache_breakpoint')
  breakpoint?.take('mode')
  const control = fields.object('cache_control')
  if (control === undefined) return breakpoint === undefined ? undefined : {}
  control.take('type')
  const ttl = control.string('ttl')
  return ttl === '5m' || ttl === '1h' ? { ttl } : {}
}
