import { existsSync, mkdirSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** For their owner alone. */
const MODE = 0o700

/**
 * Makes a folder with those above it that are missing. One by one: Node's `recursive` never ends where a folder is there
 * and says of what is asked of it that it is not there (ENOENT), as `/proc` does. What is there already stays as it is,
 * be it a folder or not.
 * @throws the system's error
 */
export async function makeFolder (path: string): Promise<void> {
  const exists = (folder: string): Promise<boolean> => stat(folder).then(() => true, () => false)
  const missing: string[] = []
  for (const folder of upwards(path)) {
    if (await exists(folder)) break
    missing.unshift(folder)
  }
  for (const folder of missing) {
    await mkdir(folder, { mode: MODE }).catch(async (error: unknown) => {
      // Somebody else may have made it meanwhile.
      if (!await exists(folder)) throw error
    })
  }
}

/** The same for what cannot wait. */
export function makeFolderSync (path: string): void {
  const missing: string[] = []
  for (const folder of upwards(path)) {
    if (existsSync(folder)) break
    missing.unshift(folder)
  }
  for (const folder of missing) {
    try {
      mkdirSync(folder, { mode: MODE })
    } catch (error) {
      if (!existsSync(folder)) throw error
    }
  }
}

/** A path, the folder it is in, and so on to the root. */
function * upwards (path: string): Generator<string> {
  let folder = resolve(path)
  yield folder
  while (dirname(folder) !== folder) yield folder = dirname(folder)
}
