import type { Part } from '../conversation.ts'
import type { Fields } from '../fields.ts'

/** `cache_control`: a prompt-cache breakpoint behind the block it stands in. */
export function decodeCache (fields: Fields): Part['cache'] {
  const control = fields.object('cache_control')
  if (control === undefined) return undefined
  control.take('type')
  const ttl = control.string('ttl')
  return ttl === '5m' || ttl === '1h' ? { ttl } : {}
}

export function encodeCache ({ cache }: Pick<Part, 'cache'>): Record<string, unknown> {
  if (cache === undefined) return {}
  return { cache_control: cache.ttl === undefined ? { type: 'ephemeral' } : { type: 'ephemeral', ttl: cache.ttl } }
}
