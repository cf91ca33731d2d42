import { hash } from 'node:crypto'
import type { VirtualKey } from './key.ts'
import type { KeyEntry } from './schema.ts'

/** How a name of keys.json begins that holds the SHA-256 of a virtual key, and not the key itself. */
const PREFIX = 'sha256:'

/** The SHA-256 of a virtual key in hex, from the name of its entry. */
export function digestOf (name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length).toLowerCase() : hash('sha256', name)
}

/** Whose counts, rows and files are an entry's: it says so, or they are its own, by the first digits of the digest. */
export function idOf ({ id }: Pick<KeyEntry, 'id'>, digest: string): string {
  return id ?? digest.slice(0, 12)
}

/** The name that an entry has for a virtual key that is not to be in the file. */
export function hashedName (token: string): string {
  return `${PREFIX}${hash('sha256', token)}`
}

/** The virtual key itself, where the name is not a hash of it. */
export function plainToken (name: string): string | undefined {
  return name.startsWith(PREFIX) ? undefined : name
}

const learned = new WeakMap<object, string>()

/** Remembers the text of a key that is stored as a hash, once a request has shown it. */
export function learn (key: VirtualKey, token: string): void {
  if (key.token === undefined) learned.set(key, token)
}

/** The virtual key itself: of one that is stored as a hash, only once a request has shown it. Nothing can quote it before. */
export function tokenOf (key: Pick<VirtualKey, 'token'>): string | undefined {
  return key.token ?? learned.get(key)
}
