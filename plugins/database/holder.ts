import { readFileSync, statSync } from 'node:fs'

/**
 * Which process holds the lock of a file, as Linux tells it; undefined elsewhere, where that process is in another container,
 * and on file systems whose number the kernel says otherwise here. No file is opened: closing it would free our own locks.
 */
export function holderOf (file: string): number | undefined {
  try {
    const { dev, ino } = statSync(file)
    const [major, minor] = [(dev >>> 8) & 0xfff, (dev & 0xff) | ((dev >>> 12) & 0xfff00)].map((part) => part.toString(16).padStart(2, '0'))
    // Such as `5: POSIX  ADVISORY  WRITE 2285 fe:00:10068323 1073741824 1073742335`.
    const line = new RegExp(`^\\d+: POSIX +\\S+ +WRITE (\\d+) ${major}:${minor}:${ino} `, 'm')
    const pid = Number(line.exec(readFileSync('/proc/locks', 'utf8'))?.[1] ?? 0)
    return pid === 0 || pid === process.pid ? undefined : pid
  } catch {
    return undefined
  }
}
