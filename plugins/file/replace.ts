import { constants } from 'node:fs'
import { open, readFile, realpath, rename, stat, unlink, type FileHandle } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileFault } from './fault.ts'

/** Why a file cannot be replaced, and what to do. */
export class NotReplaceable extends FileFault {
  override name = 'NotReplaceable'
}

/** ms: a change takes some. */
const PATIENCE = 5000
const ATTEMPTS = 10

const MOUNTED = 'it is mounted as a single file, which cannot be replaced: mount the folder it is in, or change the file where it comes from'
const FOREIGN = 'its folder may not be written to by this user: run this as the owner of the file, or change the file where it comes from'

const reasons: Record<string, string> = {
  EBUSY: MOUNTED,
  EXDEV: MOUNTED,
  EROFS: 'its folder is read-only: mount it for writing, or change the file where it comes from',
  EACCES: FOREIGN,
  EPERM: FOREIGN,
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'its folder does not exist',
  EISDIR: 'it is a directory',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full'
}

/** Makes the new content of a file from the old; `undefined` where there is none. */
export type Change<T> = (bytes: Buffer | undefined) => { bytes: Buffer, result: T }

/**
 * Replaces a file whole, by rename, with its mode and owner kept. The new content is written to `NAME.lock` beside it, which
 * only one at a time can make, so no change is lost between processes that do it so. What others write meanwhile is seen, and
 * the change is made anew.
 * @param patience ms to wait for another change to end
 * @returns what the change said
 * @throws {NotReplaceable} and what `change` throws; the file is as it was then
 */
export async function replaceFile <T> (path: string, change: Change<T>, patience = PATIENCE): Promise<T> {
  try {
    // What a symbolic link leads to is replaced, not the link.
    const file = await orAbsent(realpath(path)) ?? path
    const lock = `${file}.lock`
    const result = await locked(lock, patience, async (handle) => {
      const result = await write(file, handle, change)
      await handle.close()
      await rename(lock, file)
      return result
    })
    await syncFolder(file)
    return result
  } catch (error) {
    const reason = reasons[(error as NodeJS.ErrnoException).code ?? '']
    if (reason === undefined || error instanceof FileFault) throw error
    throw new NotReplaceable(reason, { cause: error })
  }
}

/** Runs what takes the lock away at its end, by renaming it. */
async function locked <T> (lock: string, patience: number, act: (handle: FileHandle) => Promise<T>): Promise<T> {
  const handle = await acquire(lock, patience)
  try {
    return await act(handle)
  } catch (error) {
    await handle.close().catch(() => {})
    await unlink(lock).catch(() => {})
    throw error
  }
}

async function acquire (lock: string, patience: number): Promise<FileHandle> {
  const deadline = Date.now() + patience
  while (true) {
    try {
      return await open(lock, 'wx', 0o600)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      if (Date.now() > deadline) throw new NotReplaceable(`another change of it does not end: if none is under way, one was cut off, and ${basename(lock)} beside it can be removed`)
      await sleep(5 + Math.random() * 20)
    }
  }
}

async function write <T> (file: string, handle: FileHandle, change: Change<T>): Promise<T> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const before = await orAbsent(readFile(file))
    const { bytes, result } = change(before)
    await handle.truncate(0)
    await handle.write(bytes, 0, bytes.length, 0)
    await keepOwner(file, handle)
    await handle.sync()
    const now = await orAbsent(readFile(file))
    if (before === undefined ? now === undefined : now?.equals(before) === true) return result
  }
  throw new NotReplaceable('it changes all the time')
}

async function keepOwner (file: string, handle: FileHandle): Promise<void> {
  const old = await orAbsent(stat(file))
  if (old === undefined) return
  const made = await handle.stat()
  if (made.uid !== old.uid || made.gid !== old.gid) {
    await handle.chown(old.uid, old.gid).catch(() => {
      throw new NotReplaceable(`it belongs to another user (${old.uid}:${old.gid}), who could not read it any more: run this as that user`)
    })
  }
  await handle.chmod(old.mode & 0o777)
}

/** So that a loss of power leaves the new file, not the old one. Not every file system can do it. */
async function syncFolder (file: string): Promise<void> {
  const folder = await open(dirname(file), constants.O_RDONLY).catch(() => undefined)
  await folder?.sync().catch(() => {})
  await folder?.close().catch(() => {})
}

async function orAbsent <T> (reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
