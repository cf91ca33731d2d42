/* eslint no-template-curly-in-string: off -- in keys.json, ${NAME} is a reference. */
import { hash } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { FileFault } from '../file/fault.ts'
import { markOf, readBytes, type Source } from '../file/source.ts'
import { isRealKey } from './schema.ts'

export interface Secrets {
  env: NodeJS.ProcessEnv
  /** Where `${file:…}` is read. Default: the files themselves. */
  files?: Pick<SecretFiles, 'read'> | undefined
}

/** Longer than any key. */
const MOST_BYTES = 16 * 1024

/**
 * What finds real keys: as written, from the environment, or from files. Reads a file once, however many keys name it.
 * @param fault makes the error to be thrown, of a reason that quotes no key
 */
export function secretReader ({ env, files = new SecretFiles() }: Secrets): (text: string, fault: (reason: string) => Error) => string {
  const read = new Map<string, string>()
  return (text, fault) => {
    const [, path, name] = /^\$\{(?:file:([^{}]+)|([A-Za-z_][A-Za-z0-9_]*))\}$/.exec(text) ?? []
    if (path !== undefined) {
      if (!isAbsolute(path)) throw fault('"api_key" must be ${file:PATH} with a path from the root, such as ${file:/run/secrets/provider}')
      let secret = read.get(path)
      if (secret === undefined) read.set(path, secret = contentOf(path, files, fault))
      return secret
    }
    if (name === undefined) {
      if (text.startsWith('$') || text.includes('${')) throw fault('"api_key" must be ${NAME} and nothing else to take an environment variable, or ${file:PATH} to take a file')
      return text
    }
    const secret = env[name]
    if (typeof secret !== 'string' || secret === '') throw fault(`"api_key" takes the environment variable ${name}, which is not set`)
    if (!isRealKey(secret)) throw fault(`"api_key" takes the environment variable ${name}, which holds spaces, control characters or non-ASCII characters`)
    return secret
  }
}

function contentOf (path: string, files: Pick<SecretFiles, 'read'>, fault: (reason: string) => Error): string {
  let secret
  try {
    secret = files.read(path)
  } catch (error) {
    throw error instanceof FileFault ? fault(`"api_key" takes the file ${path}: ${error.message}`) : error
  }
  if (secret === '') throw fault(`"api_key" takes the file ${path}: it is empty`)
  if (!isRealKey(secret)) throw fault(`"api_key" takes the file ${path}: it holds spaces, control characters, non-ASCII characters or more than one line`)
  return secret
}

const reasons: Record<string, string> = {
  ENOENT: 'it does not exist',
  ENOTDIR: 'it does not exist',
  EACCES: 'it may not be read by this user',
  EPERM: 'it may not be read by this user'
}

interface Seen { mark: string | undefined, state: string }

/** The files that real keys were read from, and whether they have changed since. Remembers digests of them, and no content. */
export class SecretFiles {
  readonly #read = new Map<string, string>()
  readonly #seen = new Map<string, Seen>()

  /**
   * A file's text without the line's end that editors put behind it.
   * @throws {FileFault}
   */
  read (path: string): string {
    try {
      // Reading a pipe or a device could wait for ever.
      const stats = statSync(path)
      if (!stats.isFile()) throw new FileFault('it is not a regular file')
      if (stats.size > MOST_BYTES) throw new FileFault('it is too large for a key')
      const bytes = readFileSync(path)
      this.#read.set(path, hash('sha256', bytes))
      return bytes.toString('utf8').replace(/\r?\n$/, '')
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException
      const fault = error instanceof FileFault ? error : new FileFault(reasons[code] ?? `it cannot be read (${code})`)
      this.#read.set(path, fault.message)
      throw fault
    }
  }

  /** Tells the contents apart that were read. */
  loaded (): string {
    return told(this.#read)
  }

  /** The same of what the files hold now. */
  async look (): Promise<string> {
    const states = await Promise.all([...this.#read.keys()].map(async (path) => [path, await this.#stateOf(path)] as const))
    return told(new Map(states))
  }

  async #stateOf (path: string): Promise<string> {
    const source: Source = { path, setting: 'api_key', remedy: '' }
    try {
      const { text, fresh } = await markOf(source)
      const seen = this.#seen.get(path)
      if (seen?.mark === text) return seen.state
      const state = hash('sha256', await readBytes(source))
      this.#seen.set(path, { mark: fresh ? undefined : text, state })
      return state
    } catch (error) {
      if (!(error instanceof FileFault)) throw error
      this.#seen.delete(path)
      // In the words of `read`, so that the same fault is no news.
      return this.#faultOf(path)
    }
  }

  #faultOf (path: string): string {
    const before = this.#read.get(path) ?? ''
    return /^[0-9a-f]{64}$/.test(before) ? 'it cannot be read' : before
  }
}

function told (states: ReadonlyMap<string, string>): string {
  return [...states].map(([path, state]) => `\n${path} ${state}`).sort().join('')
}
