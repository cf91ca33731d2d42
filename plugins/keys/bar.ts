import type { VirtualKey } from './key.ts'

/** Why a key that the file has is refused: for the operator, not for the client. */
export type Bar = 'KEY_DISABLED' | 'KEY_EXPIRED'

/** `undefined` where it is good. */
export function barOf ({ disabled, expiresAt = Infinity }: Pick<VirtualKey, 'disabled' | 'expiresAt'>): Bar | undefined {
  if (disabled) return 'KEY_DISABLED'
  return expiresAt <= Date.now() ? 'KEY_EXPIRED' : undefined
}
