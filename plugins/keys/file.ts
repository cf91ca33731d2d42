/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { hash } from 'node:crypto'
import type { ErrorObject } from 'ajv'
import { isObject } from '../../providers/dialects/json.ts'
import type { Provider } from '../../providers/provider.ts'
import { parseTimeout } from '../config/duration.ts'
import { formatFault } from '../config/formats.ts'
import { FileFault } from '../file/fault.ts'
import { parsingJson } from '../file/json.ts'
import { atOnce, type Work } from '../file/slices.ts'
import { parseDateTime } from '../moment.ts'
import { nearest } from '../nearest.ts'
import { isNetwork } from '../networks.ts'
import { validator } from '../validator.ts'
import { innerFields, limitFields, toLimits, type Limit } from './limits.ts'
import { digestOf, plainToken } from './hashed.ts'
import type { Timeouts } from '../upstream/timeouts.ts'
import { KeySchema, KeysSchema, MAX_KEY_LENGTH, type KeyEntry, type KeysFile } from './schema.ts'
import { secretReader, type Secrets } from './secret.ts'
import { accountsOf, realKeys, toTargets, type KeyTarget } from './targets.ts'
import { shorten } from './shorten.ts'

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

/** Why a keys file is refused, in one line that holds no real key and no whole virtual one. */
export class KeysFault extends FileFault {
  override name = 'KeysFault'
}

export interface Surroundings extends Secrets {
  providers: Provider[]
  /** The key of `/admin/*`, which must open nothing else. */
  adminKey?: string | undefined
}

/** Shorter texts are also parts of ordinary words. */
const RECOGNISABLE = 16

const ajv = validator({ allErrors: true })
ajv.addFormat('date-time', (text) => parseDateTime(text) !== undefined)
ajv.addFormat('timeout', (text) => formatFault('timeout', text) === undefined)
const validate = ajv.compile<KeysFile>(KeysSchema)

/** Its SHA-256 in hex. */
export function digest (content: string | Buffer): string {
  return hash('sha256', content)
}

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
    if (!validate(portion)) throw describe(validate.errors ?? [], faultOf, groupFault)
    yield
  }
  const file = value as KeysFile
  const groups = new Map(Object.entries(file.groups ?? {}).map(([name, entry]) =>
    [name, toLimits(entry, { owner: `group:${name}`, label: name }, (reason) => groupFault(name, reason))]))
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
  name: string, hash: string, entry: KeyEntry, groups: ReadonlyMap<string, Limit[]>, providers: Provider[],
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
  const id = entry.id ?? hash.slice(0, 12)
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
  const own = digest(adminKey)
  for (const [id, key] of keys) {
    if (id === own || realKeys(key).includes(adminKey)) throw fault(id, `ADMIN_KEY is the same text as ${id === own ? 'this key' : 'its "api_key"'}: make it one of its own`)
  }
}

/** Real keys must not be handed to apps, and no key may come to light through a name that logs show. */
function * checkSecrets (keys: KeySet, fault: (id: string, reason: string) => KeysFault): Work<void> {
  const real = new Set([...keys.values()].flatMap(realKeys))
  for (const secret of real) {
    const id = digest(secret)
    if (keys.has(id)) throw fault(id, 'the same text is also used as a real key ("api_key")')
    yield
  }
  for (const [id, key] of keys) {
    const { token, label } = key
    const holds = [token, ...realKeys(key)].some((secret) => secret !== undefined && secret.length >= RECOGNISABLE && label.includes(secret))
    // What ends so was made by us, of a key's beginning.
    if (holds || real.has(label) || (!label.endsWith('…') && keys.has(digest(label)))) throw fault(id, '"name" holds a key, which logs would show')
    yield
  }
}

/** What stands in every refusal, headers and logs must not be a key. */
function checkGroupNames (keys: KeySet, names: Iterable<string>, fault: (name: string, reason: string) => KeysFault): void {
  const secrets = [...keys.values()].flatMap((key) => [key.token ?? '', ...realKeys(key)]).filter((secret) => secret !== '')
  for (const name of names) {
    if (keys.has(digest(name)) || secrets.some((secret) => name === secret || (secret.length >= RECOGNISABLE && name.includes(secret)))) {
      throw fault(name, 'its name holds a key, which logs would show')
    }
  }
}

const HASH = 'a key that is stored as its hash must be "sha256:" and the 64 hex digits of its SHA-256'

const GROUP_NAME = 'the name of a group must have 1 to 64 letters, digits, dots, underscores and hyphens'

const SHAPE = 'the file is {"virtual_keys": {"vk_…": {"provider": …, "api_key": …}}}'

type FaultOf = (name: string, reason: string) => KeysFault

function describe (errors: ErrorObject[], keyFault: FaultOf, groupFault: FaultOf): KeysFault {
  // A misspelt field is also a missing one: the first says more.
  const error = errors.find(({ keyword }) => keyword === 'additionalProperties') ?? errors[0]
  const [, top, token, field] = (error?.instancePath ?? '').split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const extra: unknown = error?.params.additionalProperty
  const missing: unknown = error?.params.missingProperty
  if (top === undefined) {
    const none = errors.some(({ instancePath, params }) => instancePath === '' && params.missingProperty === 'virtual_keys')
    if (typeof extra === 'string') {
      const meant = suggestion(extra, Object.keys(KeysSchema.properties))
      if (!none) return new KeysFault(`unknown field ${quote(shorten(extra))} beside "virtual_keys"${meant}`)
      if (meant !== '') return new KeysFault(`unknown field ${quote(shorten(extra))}${meant}`)
    }
    return new KeysFault(none ? `"virtual_keys" is missing; ${SHAPE}` : `it must be an object; ${SHAPE}`)
  }
  const group = top === 'groups'
  const faultOf = group ? groupFault : keyFault
  if (token === undefined) {
    if (typeof extra === 'string') return faultOf(extra, group ? GROUP_NAME : /^sha256:/i.test(extra) ? HASH : `a virtual key must have 1 to ${MAX_KEY_LENGTH} visible ASCII characters, no spaces and no commas`)
    return new KeysFault(`"${top}" must be ${top === '$schema' ? 'a text' : 'an object'}${top === 'virtual_keys' ? `; ${SHAPE}` : ''}`)
  }
  const properties: Record<string, object> = group ? limitFields : KeySchema.properties
  if (field === undefined) {
    if (typeof extra === 'string') return faultOf(token, `unknown field ${quote(careful(extra))}${suggestion(extra, Object.keys(properties))}`)
    if (typeof missing === 'string') return faultOf(token, `"${missing}" is missing`)
    return faultOf(token, group ? 'it must be an object of limits' : 'it must be an object with "provider" and "api_key"')
  }
  if (typeof extra === 'string' && Object.hasOwn(limitFields, field)) {
    return faultOf(token, `"${field}" has an unknown field ${quote(careful(extra))}${suggestion(extra, innerFields(field))}`)
  }
  const schema = Object.entries(properties).find(([name]) => name === field)?.[1] as { errorMessage?: string } | undefined
  return faultOf(token, `"${field}" ${schema?.errorMessage ?? 'is not valid'}`)
}

function unknownProvider (name: string, loaded: string[]): string {
  return `provider ${quote(careful(name))} is not loaded${suggestion(name, loaded)}; ` +
    `PROVIDERS loads ${loaded.join(', ')}: add the provider's name, package or path there`
}

function suggestion (word: string, known: string[]): string {
  const near = nearest(word, known)
  return near === undefined || near === word ? '' : `, did you mean "${near}"?`
}

/** A word that somebody may have put a key in the place of: whole only where it cannot be one. */
function careful (word: string): string {
  return word.length <= 12 || /^[a-z]{1,16}(_[a-z]{1,16}){0,3}$/.test(word) ? word : shorten(word)
}

function quote (text: string): string {
  return JSON.stringify(text)
}
