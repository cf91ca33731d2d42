import { constants } from 'node:fs'
import { access, readFile, stat } from 'node:fs/promises'
import { KeysFault } from './file.ts'

/** What a path holds at one moment: enough to see that it has changed, by rename and by symbolic link too. */
export interface Mark {
  text: string
  /** Changed so lately that a second change could have the same times. */
  fresh: boolean
}

const reasons: Record<string, string> = {
  ENOENT: 'it does not exist: copy keys.json.example there, or set KEYS_FILE',
  EACCES: 'it may not be read by this user',
  EPERM: 'it may not be read by this user',
  EISDIR: 'it is a directory; KEYS_FILE must name a file',
  ENOTDIR: 'it does not exist: a part of its path is not a directory'
}

/** A whole second, which is as coarse as a file system's clock gets. */
const COARSE = 1000

/** @throws {KeysFault} */
export async function markOf (file: string): Promise<Mark> {
  const { dev, ino, size, mtimeNs, ctimeNs, ctimeMs } = await attempt(() => stat(file, { bigint: true }))
  return { text: [dev, ino, size, mtimeNs, ctimeNs].join(), fresh: Date.now() - Number(ctimeMs) < COARSE }
}

/** @throws {KeysFault} */
export async function readBytes (file: string): Promise<Buffer> {
  const stats = await attempt(() => stat(file))
  // Reading a pipe or a device could wait for ever.
  if (!stats.isFile() && !stats.isDirectory()) throw new KeysFault('it is not a regular file')
  return await attempt(() => readFile(file))
}

async function attempt<T> (read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException
    throw new KeysFault(reasons[code] ?? `it cannot be read (${code})`)
  }
}

/** Whether others than its owner may read the file. Not judged on a read-only mount, whose modes are not the owner's. */
export async function isExposed (file: string): Promise<boolean> {
  if (process.platform === 'win32') return false
  if (((await stat(file)).mode & 0o077) === 0) return false
  const fault: unknown = await access(file, constants.W_OK).catch((error: unknown) => error)
  return (fault as NodeJS.ErrnoException | undefined)?.code !== 'EROFS'
}
