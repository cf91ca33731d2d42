import { written } from '../validator.ts'
import { formats } from './formats.ts'
import { KeysSchema, type KeysFile } from './schema.ts'

export const validate = written<KeysFile>(KeysSchema, { allErrors: true, formats })
