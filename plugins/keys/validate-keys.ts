import { judgeOf } from '../validator.ts'
import { formats } from './formats.ts'
import { KeysSchema, type KeysFile } from './schema.ts'

/** Judges keys.json: the build puts the code that comes of it in the place of this file. */
export const validate = judgeOf<KeysFile>(KeysSchema, { allErrors: true, formats })
