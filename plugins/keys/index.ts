import { hash } from 'node:crypto'
import { resolve } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import fp from 'fastify-plugin'
import { keepReloading } from '../file/reload.ts'
import { isExposed, readAtStart, readBytes } from '../file/source.ts'
import { atOnce, inSlices, type Work } from '../slices.ts'
import { authenticator } from './authenticate.ts'
import { barOf } from './bar.ts'
import { beware, indexing } from './conceal.ts'
import { list, type Changed, type Listed } from './changes.ts'
import { readingKeys, readKeys } from './file.ts'
import type { KeySet, VirtualKey } from './key.ts'
import { changeKeys } from './keyring.ts'
import { SecretFiles } from './secret.ts'
import { realKeys } from './targets.ts'

export type { VirtualKey } from './key.ts'
export type { KeyTarget } from './targets.ts'

export interface Keys {
  /** The key of that text; `undefined` where it is unknown, disabled or expired. */
  find (token: string): VirtualKey | undefined
  /** The same, disabled and expired ones too. */
  known (token: string): VirtualKey | undefined
  /** One of that id, disabled and expired ones too: a key and what was made in its place share it, and their limits. */
  withId (id: string): VirtualKey | undefined
  /** All of them, disabled and expired ones too. */
  all (): Iterable<VirtualKey>
  /** How many there are, the disabled and expired ones too. */
  readonly size: number
  /** Whether the file, and those it names, are what is in force, as far as is known. */
  readonly healthy: boolean
  /**
   * Changes the file, whole or not at all. What was changed is in force at its end.
   * @throws {FileFault}
   */
  change <T> (change: (bytes: Buffer) => Changed<T>): Promise<T>
  /**
   * What the file has, without any key.
   * @throws {FileFault}
   */
  list (): Promise<Listed[]>
}

export interface KeysOptions {
  /** Where `${NAME}` in keys.json is looked up. Default: the process's own environment. */
  env?: NodeJS.ProcessEnv | undefined
  /** Milliseconds between two looks at the file. */
  pollInterval?: number
}

declare module 'fastify' {
  interface FastifyInstance {
    keys: Keys
    /** An onRequest hook for the scope whose routes need a key. */
    authenticate (request: FastifyRequest): Promise<void>
  }
  interface FastifyRequest {
    /** Set by `authenticate`: there only in the scope that has the hook, and not before it has run. */
    key: VirtualKey
  }
}

/**
 * `fastify.keys`: the virtual keys of keys.json, read again when the file changes, and the hook that asks for one. A
 * file that is not right in every point ends the start with one line, and changes nothing when it comes later.
 */
export default fp<KeysOptions>(async (fastify, { env = process.env, pollInterval = 1000 }) => {
  const { keysFile, providers, adminKey } = fastify.config
  const file = resolve(keysFile)
  const source = { path: file, setting: 'KEYS_FILE', remedy: 'copy keys.json.example there, or set KEYS_FILE' }
  const files = new SecretFiles()
  const judging = { providers, env, adminKey }
  // Knows what was loaded, so that nothing else reads by it.
  const surroundings = { ...judging, files }
  const { bytes, value: first } = await readAtStart(source, (content) => readKeys(content, surroundings))
  let keys: KeySet = first

  if (keys.size === 0) fastify.log.warn({ file }, 'the keys file has no virtual keys: every request will be refused')
  if (await isExposed(file)) fastify.log.warn({ file }, `others than its owner can read the keys file: chmod 600 ${keysFile}`)

  let secrets = atOnce(secretsOf(first, adminKey))
  fastify.addHook('onClose', beware({ secrets: () => secrets, has: (text) => keys.has(hash('sha256', text)) }))

  const ids = new WeakMap<KeySet, Map<string, VirtualKey>>()
  const inTurn = turns()
  fastify.decorate('keys', {
    find (token) {
      const key = keys.get(hash('sha256', token))
      return key === undefined || barOf(key) !== undefined ? undefined : key
    },
    known: (token) => keys.get(hash('sha256', token)),
    withId (id) {
      let byId = ids.get(keys)
      if (byId === undefined) ids.set(keys, byId = new Map([...keys.values()].map((key) => [key.id, key])))
      return byId.get(id)
    },
    all: () => keys.values(),
    get size () { return keys.size },
    get healthy () { return reload.healthy },
    change: (change) => inTurn(async () => {
      const result = await changeKeys(file, change, (content) => { readKeys(content, judging) })
      await reload.look()
      return result
    }),
    async list () {
      const content = await readBytes(source)
      readKeys(content, judging)
      return list(content, Date.now())
    }
  })
  fastify.decorateRequest('key')
  fastify.decorate('authenticate', authenticator(fastify))

  const reload = keepReloading({
    source,
    name: 'keys',
    interval: pollInterval,
    beside: files,
    bytes,
    log: fastify.log,
    async load (content) {
      const read = await inSlices(readingKeys(content, surroundings))
      const news = await inSlices(difference(keys, read))
      secrets = await inSlices(secretsOf(read, adminKey))
      keys = read
      fastify.log.info({ file, ...news }, 'keys reloaded')
    }
  })
  fastify.addHook('onClose', reload.stop)
}, { name: 'keys', fastify: '5.x', dependencies: ['config', 'errors', '@fastify/rate-limit'] })

/** Runs one after the other. */
function turns (): <T>(act: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (act) => {
    const made = last.then(act)
    last = made.catch(() => {})
    return made
  }
}

/** All that must not come to light, ready to be found. */
function * secretsOf (keys: KeySet, adminKey: string | undefined): Work<Set<string>> {
  const secrets = new Set(adminKey === undefined ? [] : [adminKey])
  for (const key of keys.values()) {
    if (key.token !== undefined) secrets.add(key.token)
    for (const real of realKeys(key)) secrets.add(real)
    yield
  }
  yield * indexing(secrets)
  return secrets
}

function * difference (old: KeySet, now: KeySet): Work<{ added: number, removed: number, changed: number }> {
  let kept = 0
  let changed = 0
  for (const [id, key] of now) {
    const before = old.get(id)
    if (before !== undefined) {
      kept++
      if (!isDeepStrictEqual(key, before)) changed++
    }
    yield
  }
  return { added: now.size - kept, removed: old.size - kept, changed }
}
