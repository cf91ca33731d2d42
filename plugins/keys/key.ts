import type { Timeouts } from '../upstream/timeouts.ts'
import type { Limit } from './limits.ts'
import type { KeyTarget } from './targets.ts'

export interface VirtualKey {
  /** The first 12 hex digits of its SHA-256, or of that of the key in whose place it was made. */
  id: string
  /** Its name, or its shortened form. */
  label: string
  /** The virtual key itself, for redaction only; not known where the file has only its hash. */
  token: string | undefined
  provider: string
  /** The real key. */
  apiKey: string
  /** Where requests may go, if the file lists that. The first is `provider` and `apiKey` too. */
  targets?: readonly [KeyTarget, ...KeyTarget[]]
  /** The names of the groups whose limits it shares. */
  groups: readonly string[]
  /** Its own and its groups'; what is in none has no limit, but for the setting that all keys share. */
  limits: Limit[]
  models?: string[]
  /** Addresses and networks; what comes from elsewhere is refused. */
  allowIps?: string[]
  /** Milliseconds since the epoch. */
  expiresAt?: number
  disabled: boolean
  log?: 'full' | 'metadata' | 'off'
  modelAliases?: Map<string, string>
  upstreamDialects?: string[]
  lossy?: 'report' | 'reject'
  /** What becomes of a reply whose client has left. Default: `cancel`. */
  onDisconnect?: 'cancel' | 'drain'
  /** Whether a request may go out again that the provider may have taken. Default: `safe`. */
  retry?: 'safe' | 'always'
  /** In place of the settings. */
  timeouts?: Partial<Timeouts>
}

/** By the SHA-256 of the token: neither the time of a look-up nor a name such as `__proto__` tells anything. */
export type KeySet = ReadonlyMap<string, VirtualKey>
