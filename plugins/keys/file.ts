/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { hash } from 'node:crypto'
import { isObject } from '../../providers/dialects/json.ts'
import type { Provider } from '../../providers/provider.ts'
import { parseTimeout } from '../config/duration.ts'
import { parsingJson } from '../file/json.ts'
import { parseDateTime } from '../moment.ts'
import { isNetwork } from '../networks.ts'
import { atOnce, type Work } from '../slices.ts'
import type { Timeouts } from '../upstream/timeouts.ts'
import { careful, KeysFault, quote, schemaFault, suggestion, unknownProvider } from './faults.ts'
import { digestOf, idOf, plainToken } from './hashed.ts'
import type { KeySet, VirtualKey } from './key.ts'
import { toLimits, type Limit } from './limits.ts'
import { groupOwner } from './owner.ts'
import type { KeyEntry, KeysFile } from './schema.ts'
import { secretReader, type Secrets } from './secret.ts'
import { shorten } from './shorten.ts'
import { accountsOf, realKeys, toTargets } from './targets.ts'
import { validate } from './validate-keys.ts'

export interface Surroundings extends Secrets {
  providers: Provider[]
  /** The key of `/admin/*`, which must open nothing else. */
  adminKey?: string | undefined
}

/** Shorter texts are also parts of ordinary words. */
const RECOGNISABLE = 16

/** How many keys are judged by the schema in one go. */
const PORTION = 50

/** @throws {FileFault} */
export function readKeys (bytes: Buffer, surroundings: Surroundings): KeySet {
  return atOnce(readingKeys(bytes, surroundings))
}

/**
 * The same in steps, since a file may hold a hundred thousand keys.
 * @throws {FileFault}
 */
export function * readingKeys (bytes: Buffer, surroundings: Surroundings): Work<KeySet> {
  const { value, lines } = yield * parsingJson(bytes, (field) => field === 'groups' ? 'group' : 'virtual key')
  const faultOf = (token: string, reason: string): KeysFault =>
    new KeysFault(`line ${lines().get(token)}, key ${quote(shorten(token))}: ${reason}`, { cause: reason })
  const groupFault = (name: string, reason: string): KeysFault =>
    new KeysFault(`line ${lines().get(name)}, group ${quote(careful(name))}: ${reason}`)

  for (const portion of portionsOf(value)) {
    if (!validate(portion)) throw schemaFault(validate.errors ?? [], faultOf, groupFault)
    yield
  }
  const file = value as KeysFile
  const groups = new Map(Object.entries(file.groups ?? {}).map(([name, entry]) =>
    [name, toLimits(entry, { owner: groupOwner(name), label: name }, (reason) => groupFault(name, reason))]))
  const keys = new Map<string, VirtualKey>()
  const secretOf = secretReader(surroundings)
  const names = new Map<string, string>()
  for (const [name, entry] of Object.entries(file.virtual_keys)) {
    const fault = (reason: string) => faultOf(name, reason)
    const id = digestOf(name)
    const twin = names.get(id)
    if (twin !== undefined) throw fault(`it is the same key as that of line ${lines().get(twin)}: remove one of the two`)
    names.set(id, name)
    keys.set(id, toKey(name, id, entry, groups, surroundings.providers, secretOf, fault))
    yield
  }
  const keyFault = (id: string, reason: string): KeysFault => faultOf(names.get(id) ?? '', reason)
  yield * checkSecrets(keys, keyFault)
  checkGroupNames(keys, groups.keys(), groupFault)
  checkAdminKey(keys, surroundings, keyFault)
  return keys
}

/** The file with some of its keys at a time, the first time with whatever else is in it. */
function * portionsOf (file: unknown): Generator<unknown> {
  if (!isObject(file) || !isObject(file['virtual_keys'])) return yield file
  const entries = file['virtual_keys']
  const tokens = Object.keys(entries)
  yield { ...file, virtual_keys: some(entries, tokens.slice(0, PORTION)) }
  for (let at = PORTION; at < tokens.length; at += PORTION) yield { virtual_keys: some(entries, tokens.slice(at, at + PORTION)) }
}

function some (entries: Record<string, unknown>, names: string[]): Record<string, unknown> {
  return Object.fromEntries(names.map((name) => [name, entries[name]]))
}

function toKey (
  name: string, digest: string, entry: KeyEntry, groups: ReadonlyMap<string, Limit[]>, providers: Provider[],
  secretOf: ReturnType<typeof secretReader>, fault: (reason: string) => KeysFault
): VirtualKey {
  const accounts = accountsOf(entry, fault)
  const spoken = accounts.map(({ provider: named }) => {
    const provider = providers.find(({ name }) => name === named)
    if (provider === undefined) throw fault(unknownProvider(named, providers.map(({ name }) => name)))
    return provider
  })
  const foreign = entry.upstream_dialects?.find((dialect) => !spoken.some(({ dialects }) => Object.hasOwn(dialects, dialect)))
  if (foreign !== undefined) {
    const known = new Set(spoken.flatMap(({ dialects }) => Object.keys(dialects)))
    throw fault(`"upstream_dialects" names ${quote(careful(foreign))}, which provider "${spoken.map(({ name }) => name).join('", "')}" does not speak (it speaks ${[...known].join(', ')})`)
  }
  const targets = toTargets(accounts, (text) => secretOf(text, fault))
  const unknown = entry.groups?.find((name) => !groups.has(name))
  if (unknown !== undefined) {
    throw fault(`"groups" names ${quote(careful(unknown))}, which is none of the file's "groups"${suggestion(unknown, [...groups.keys()])}`)
  }
  const odd = entry.allow_ips?.find((text) => !isNetwork(text))
  if (odd !== undefined) throw fault(`"allow_ips" has ${quote(careful(odd))}, which is neither an address nor a network such as 10.0.0.0/8 or 2001:db8::/32`)
  const expiresAt = entry.expires_at === undefined ? undefined : parseDateTime(entry.expires_at)
  const id = idOf(entry, digest)
  const label = entry.name ?? shorten(name)
  return {
    id,
    label,
    token: plainToken(name),
    provider: targets[0].provider,
    apiKey: targets[0].apiKey,
    ...(entry.targets !== undefined && { targets }),
    disabled: entry.disabled ?? false,
    groups: entry.groups ?? [],
    limits: [...toLimits(entry, { owner: id, label }, fault), ...(entry.groups ?? []).flatMap((name) => groups.get(name) ?? [])],
    ...(entry.models !== undefined && { models: entry.models }),
    ...(entry.allow_ips !== undefined && { allowIps: entry.allow_ips }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(entry.log !== undefined && { log: entry.log }),
    ...(entry.model_aliases !== undefined && { modelAliases: new Map(Object.entries(entry.model_aliases)) }),
    ...(entry.lossy !== undefined && { lossy: entry.lossy }),
    ...(entry.on_disconnect !== undefined && { onDisconnect: entry.on_disconnect }),
    ...(entry.retry !== undefined && { retry: entry.retry }),
    ...(entry.timeouts !== undefined && { timeouts: toTimeouts(entry.timeouts) }),
    ...(entry.upstream_dialects !== undefined && { upstreamDialects: entry.upstream_dialects })
  }
}

function toTimeouts ({ connect, request, idle, first_token: firstToken, no_token: noToken }: NonNullable<KeyEntry['timeouts']>): Partial<Timeouts> {
  const given = Object.entries({ connect, request, idle, firstToken, noToken }).flatMap(([name, text]) => text === undefined ? [] : [[name, parseTimeout(text)]])
  return Object.fromEntries(given) as Partial<Timeouts>
}

/** Whoever has one key must not have the other by it. */
function checkAdminKey (keys: KeySet, { adminKey }: Surroundings, fault: (id: string, reason: string) => KeysFault): void {
  if (adminKey === undefined) return
  const own = hash('sha256', adminKey)
  for (const [id, key] of keys) {
    if (id === own || realKeys(key).includes(adminKey)) throw fault(id, `ADMIN_KEY is the same text as ${id === own ? 'this key' : 'its "api_key"'}: make it one of its own`)
  }
}

/** Real keys must not be handed to apps, and no key may come to light through a name that logs show. */
function * checkSecrets (keys: KeySet, fault: (id: string, reason: string) => KeysFault): Work<void> {
  const real = new Set([...keys.values()].flatMap(realKeys))
  for (const secret of real) {
    const id = hash('sha256', secret)
    if (keys.has(id)) throw fault(id, 'the same text is also used as a real key ("api_key")')
    yield
  }
  for (const [id, key] of keys) {
    const { token, label } = key
    const holds = [token, ...realKeys(key)].some((secret) => secret !== undefined && secret.length >= RECOGNISABLE && label.includes(secret))
    // What ends so was made by us, of a key's beginning.
    if (holds || real.has(label) || (!label.endsWith('…') && keys.has(hash('sha256', label)))) throw fault(id, '"name" holds a key, which logs would show')
    yield
  }
}

/** What stands in every refusal, headers and logs must not be a key. */
function checkGroupNames (keys: KeySet, names: Iterable<string>, fault: (name: string, reason: string) => KeysFault): void {
  const secrets = [...keys.values()].flatMap((key) => [key.token ?? '', ...realKeys(key)]).filter((secret) => secret !== '')
  for (const name of names) {
    if (keys.has(hash('sha256', name)) || secrets.some((secret) => name === secret || (secret.length >= RECOGNISABLE && name.includes(secret)))) {
      throw fault(name, 'its name holds a key, which logs would show')
    }
  }
}
