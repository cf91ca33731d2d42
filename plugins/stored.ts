import fp from 'fastify-plugin'
import { GatewayError } from './errors.ts'
import type { VirtualKey } from './keys/index.ts'

declare module 'fastify' {
  interface FastifyInstance {
    stored: Stored
  }
}

/** Whose something is that a provider keeps. */
export interface Owned {
  /** The id of the virtual key that made it. */
  key: string
  /** How many requests it holds, where it is a file of them. */
  requests?: number
}

export interface Stored {
  /** @throws {GatewayError} `storage_unavailable` where it cannot be known whose anything is. */
  check (): void
  /** Whether any key may have made anything: where none has, nobody need look. */
  readonly any: boolean
  /** Whose it is; `undefined` where no key is known to have made it. */
  owner (provider: string, id: string): Owned | undefined
  /** Whether the key made it. */
  owns (key: VirtualKey, id: string): boolean
  /** They are the key's from now on. What belongs to a key already stays its. @param provider default: the key's */
  own (key: VirtualKey, ids: readonly string[], requests?: number, provider?: string): void
  /** It is gone. */
  forget (key: VirtualKey, id: string): void
}

const ANY = 'SELECT 1 FROM stored LIMIT 1'
const FIND = 'SELECT key, requests FROM stored WHERE provider = ? AND id = ?'
const OWN = 'INSERT OR IGNORE INTO stored (provider, id, key, requests, made_at) VALUES (?, ?, ?, ?, ?)'
const FORGET = 'DELETE FROM stored WHERE provider = ? AND id = ?'

/**
 * Which virtual key made what a provider keeps: all keys of a provider may share one account there, so that only the
 * gateway can hold them apart. What is on its way to the database is answered from memory.
 */
export default fp(async (fastify) => {
  const { database } = fastify
  const waiting = new Map<string, { owned: Owned | undefined }>()

  // Without a database some other process may know of some.
  let any = database === null || database.get(ANY) !== undefined

  const stored: Stored = {
    get any () { return any },
    check () {
      if (database === null) throw new GatewayError('storage_unavailable')
    },
    owner (provider, id) {
      const recent = waiting.get(nameOf(provider, id))
      if (recent !== undefined) return recent.owned
      const row = database?.get(FIND, provider, id)
      if (row === undefined) return undefined
      const owned: Owned = { key: String(row['key']) }
      if (row['requests'] !== null) owned.requests = Number(row['requests'])
      return owned
    },
    owns: (key, id) => stored.owner(key.provider, id)?.key === key.id,
    own (key, ids, requests, provider = key.provider) {
      if (database === null) return
      any ||= ids.length > 0
      for (const id of ids) {
        if (stored.owner(provider, id) !== undefined) continue
        const owned = requests === undefined ? { key: key.id } : { key: key.id, requests }
        write(provider, id, owned, OWN, [provider, id, key.id, requests ?? null, Date.now()])
      }
    },
    forget (key, id) {
      write(key.provider, id, undefined, FORGET, [key.provider, id])
    }
  }

  function write (provider: string, id: string, owned: Owned | undefined, sql: string, values: Array<string | number | null>): void {
    const name = nameOf(provider, id)
    const entry = { owned }
    waiting.set(name, entry)
    database?.write(sql, values, () => { if (waiting.get(name) === entry) waiting.delete(name) })
  }

  fastify.decorate('stored', stored)
}, { name: 'stored', fastify: '5.x', dependencies: ['database', 'errors'] })

function nameOf (provider: string, id: string): string {
  return `${provider} ${id}`
}
