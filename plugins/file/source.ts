import { constants, readFileSync } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { FileFault } from './fault.ts'

/** A file that a setting names. */
export interface Source {
  path: string
  setting: string
  /** What to do where it does not exist. */
  remedy: string
}

/** What a path holds at one moment: enough to see that it has changed, by rename and by symbolic link too. */
export interface Mark {
  text: string
  /** Changed so lately that a second change could have the same times. */
  fresh: boolean
  /** How many names the file has. */
  links: bigint
}

const reasons: Record<string, (source: Source) => string> = {
  ENOENT: ({ remedy }) => `it does not exist: ${remedy}`,
  EACCES: () => 'it may not be read by this user',
  EPERM: () => 'it may not be read by this user',
  EISDIR: ({ setting }) => `it is a directory; ${setting} must name a file`,
  ENOTDIR: () => 'it does not exist: a part of its path is not a directory'
}

/** A whole second, which is as coarse as a file system's clock gets. */
const COARSE = 1000

/** @throws {FileFault} */
export async function markOf (source: Source): Promise<Mark> {
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs, nlink } = await attempt(source, (path) => stat(path, { bigint: true }))
  return { text: [dev, ino, size, mtimeNs, ctimeNs].join(), fresh: Date.now() - Number(ctimeMs) < COARSE, links: nlink }
}

/** @throws {FileFault} */
export async function readBytes (source: Source): Promise<Buffer> {
  const stats = await attempt(source, (path) => stat(path))
  // Reading a pipe or a device could wait for ever.
  if (!stats.isFile() && !stats.isDirectory()) throw new FileFault('it is not a regular file')
  return await attempt(source, (path) => readFile(path))
}

/**
 * The same where nothing may be waited for: before there is a server.
 * @throws {FileFault}
 */
export function readBytesNow (source: Source): Buffer {
  try {
    return readFileSync(source.path)
  } catch (error) {
    throw unreadable(source, error)
  }
}

/**
 * Reads a file without which there is no start.
 * @throws {Error} that names the file, in one line
 */
export async function readAtStart<T> (source: Source, read: (bytes: Buffer) => T): Promise<{ bytes: Buffer, value: T }> {
  try {
    const bytes = await readBytes(source)
    return { bytes, value: read(bytes) }
  } catch (error) {
    throw error instanceof FileFault ? new Error(`${source.path}: ${error.message}`) : error
  }
}

async function attempt<T> (source: Source, read: (path: string) => Promise<T>): Promise<T> {
  try {
    return await read(source.path)
  } catch (error) {
    throw unreadable(source, error)
  }
}

function unreadable (source: Source, error: unknown): FileFault {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException
  return new FileFault(reasons[code]?.(source) ?? `it cannot be read (${code})`)
}

/** Whether others than its owner may read the file. Not judged on a read-only mount, whose modes are not the owner's. */
export async function isExposed (file: string): Promise<boolean> {
  if (process.platform === 'win32') return false
  if (((await stat(file)).mode & 0o077) === 0) return false
  const fault: unknown = await access(file, constants.W_OK).catch((error: unknown) => error)
  return (fault as NodeJS.ErrnoException | undefined)?.code !== 'EROFS'
}
