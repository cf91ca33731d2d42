import { FileFault } from '../file/fault.ts'
import { dropField, setField } from '../file/edit.ts'
import { parseJson } from '../file/json.ts'
import { parseDateTime } from '../moment.ts'
import { digestOf, hashedName, idOf, plainToken } from './hashed.ts'
import type { KeyEntry, KeysFile } from './schema.ts'
import { shorten } from './shorten.ts'
import { newToken } from './token.ts'

/** What cannot be done with the keys that there are, in one line without a key. */
export class ChangeFault extends FileFault {
  override name = 'ChangeFault'
}

/** There is none that is called so. */
export class NoSuchKey extends ChangeFault {
  override name = 'NoSuchKey'
}

export type State = 'active' | 'expired' | 'disabled'

/** An entry as it may be shown: without any key. */
export interface Listed {
  /** Whose counts, rows and files are its: shared by the keys that were made of one by rotation. */
  id: string
  /** How the entry alone is called: the first digits of its SHA-256. */
  sha256: string
  label: string
  state: State
  /** Whether the file holds the key itself. */
  plain: boolean
  /** Where the real key is from, such as `${NAME}`; `undefined` where it is in the file. */
  reference: string | undefined
  entry: Omit<KeyEntry, 'api_key'>
}

/** A key that was just made: the one time that it is there to be shown. */
export interface Made extends Listed {
  token: string
}

export interface Rotated extends Made {
  old: Listed
}

/** How long an old key works on where nothing else is asked for. */
export const OVERLAP = '24h'

/** ms after which an old key, in whose place another was made, need not be known any more. */
const REMEMBERED = 30 * 24 * 3_600_000

/** A new content of the file, and what was done. */
export interface Changed<T> { bytes: Buffer, result: T }

/** Puts a new key in. */
export function create (bytes: Buffer, entry: KeyEntry, now: number): Changed<Made> {
  const twin = entry.name === undefined ? undefined : list(bytes, now).find(({ label }) => label === entry.name)
  if (twin !== undefined) throw new ChangeFault(`"name" is that of another key (${twin.id}): choose a different one, or rotate that key`)
  return add(bytes, entry, now)
}

/**
 * Makes a new key in the place of one, which goes on working for a while. The new one has all that the old one had: its fields,
 * its counts, and what was made with it.
 * @param overlap ms
 */
export function rotate (bytes: Buffer, which: string, overlap: number, now: number): Changed<Rotated> {
  const found = find(bytes, which, now)
  const old = found.filter(({ state }) => state === 'active').at(-1)
  if (old === undefined) throw new ChangeFault(`that key is ${found[0]?.state ?? 'gone'}: make a new one`)
  const entry = entriesOf(bytes).get(old.name) as KeyEntry
  const end = Math.min(now + overlap, expiry(old.entry))
  const ending = setField(bytes, ['virtual_keys', old.name, 'expires_at'], new Date(end).toISOString())
  const { bytes: made, result } = add(ending, { ...entry, id: old.id }, now)
  return { bytes: made, result: { ...result, old: describe(old.name, entriesOf(made).get(old.name) as KeyEntry, now) } }
}

/** Disables a key, and all that were made of it by rotation, unless it is called by its SHA-256 or itself. */
export function disable (bytes: Buffer, which: string, now: number): Changed<Listed[]> {
  const found = find(bytes, which, now)
  const made = found.reduce((text, { name, entry }) => entry.disabled === true ? text : setField(text, ['virtual_keys', name, 'disabled'], true), bytes)
  const names = new Set(found.map(({ name }) => name))
  return { bytes: withoutOld(made, now), result: [...entriesOf(made)].filter(([name]) => names.has(name)).map(([name, entry]) => describe(name, entry, now)) }
}

/** How an entry alone is called: enough of its SHA-256 for people. */
export function fingerprint ({ sha256 }: Pick<Listed, 'sha256'>): string {
  return `sha256:${sha256.slice(0, 12)}`
}

/** All keys, in the order of the file. */
export function list (bytes: Buffer, now: number): Listed[] {
  return [...entriesOf(bytes)].map(([name, entry]) => describe(name, entry, now))
}

function add (bytes: Buffer, entry: KeyEntry, now: number): Changed<Made> {
  const token = newToken()
  const name = hashedName(token)
  return { bytes: withoutOld(setField(bytes, ['virtual_keys', name], entry), now), result: { ...describe(name, entry, now), token } }
}

/**
 * Drops the old keys of rotations that were over long ago. The newest entry of an id stays, whatever has become of it: with
 * it the name, the limits and what was made with the key.
 */
function withoutOld (bytes: Buffer, now: number): Buffer {
  const entries = [...entriesOf(bytes)].map(([name, entry]) => ({ name, id: idOf(entry, digestOf(name)), over: expiry(entry) <= now - REMEMBERED }))
  const newest = new Map(entries.map(({ id, name }) => [id, name]))
  return entries.filter(({ id, name, over }) => over && newest.get(id) !== name).reduce((left, { name }) => dropField(left, ['virtual_keys', name]), bytes)
}

/** The entries that a name, an id, a SHA-256 or a key itself is that of: one key, and what was made of it by rotation. */
function find (bytes: Buffer, which: string, now: number): Array<Listed & { name: string }> {
  const all = [...entriesOf(bytes)].map(([name, entry]) => ({ ...describe(name, entry, now), name, digest: digestOf(name) }))
  const one = all.filter(({ digest }) => digest === digestOf(which) || (/^sha256:[0-9a-f]{12,64}$/.test(which) && digest.startsWith(which.slice(7))))
  if (one.length === 1) return one
  const found = all.filter(({ id, label }) => id === which || label === which)
  if (found.length === 0) throw new NoSuchKey('there is no key of that name or id')
  const ids = [...new Set(found.map(({ id }) => id))]
  if (ids.length > 1) throw new ChangeFault(`several keys are called so: say which by its id (${ids.slice(0, 10).join(', ')})`)
  return found
}

function entriesOf (bytes: Buffer): Map<string, KeyEntry> {
  return new Map(Object.entries((parseJson(bytes).value as KeysFile).virtual_keys))
}

/** A new entry is judged only afterwards, with the file it is put into: until then its fields may be anything. */
function describe (name: string, { api_key: apiKey, targets, ...entry }: KeyEntry, now: number): Listed {
  const digest = digestOf(name)
  return {
    id: idOf(entry, digest),
    sha256: digest,
    label: entry.name ?? shorten(name),
    state: entry.disabled === true ? 'disabled' : expiry(entry) <= now ? 'expired' : 'active',
    plain: plainToken(name) !== undefined,
    reference: isReference(apiKey) ? apiKey : undefined,
    entry: { ...entry, ...targets !== undefined && { targets: withoutKeys(targets) } }
  }
}

function isReference (apiKey: unknown): boolean {
  return String(apiKey).startsWith('${')
}

function withoutKeys (targets: NonNullable<KeyEntry['targets']>): NonNullable<KeyEntry['targets']> {
  if (!Array.isArray(targets)) return []
  return targets.map((target) => ({ ...target, api_key: isReference(target?.api_key) ? target.api_key : '(in the file)' }))
}

function expiry ({ expires_at: text }: Omit<KeyEntry, 'api_key'>): number {
  return text === undefined ? Infinity : parseDateTime(String(text)) ?? Infinity
}
