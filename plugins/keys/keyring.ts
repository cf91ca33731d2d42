import { FileFault } from '../file/fault.ts'
import { NotReplaceable, replaceFile } from '../file/replace.ts'
import { ChangeFault, type Changed } from './changes.ts'
import { KeysFault } from './faults.ts'

const EMPTY = Buffer.from('{\n  "virtual_keys": {}\n}\n')

/**
 * Changes keys.json, whole or not at all. A file that is not there is made.
 * @param check throws where a content is not right in every point
 * @throws {FileFault} and the file is as it was
 */
export async function changeKeys <T> (file: string, change: (bytes: Buffer) => Changed<T>, check: (bytes: Buffer) => void): Promise<T> {
  return await replaceFile(file, (before = EMPTY) => {
    try {
      check(before)
    } catch (error) {
      throw error instanceof FileFault ? new NotReplaceable(`it has a fault, which must be mended first: ${error.message}`) : error
    }
    const changed = change(before)
    try {
      check(changed.bytes)
    } catch (error) {
      // Of a key that is not in the file no line need be told.
      throw error instanceof KeysFault && typeof error.cause === 'string' ? new ChangeFault(error.cause) : error
    }
    return changed
  })
}
