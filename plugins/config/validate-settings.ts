import { written } from '../validator.ts'
import { formats } from './formats.ts'
import { Settings, type RawSettings } from './schema.ts'

export const validate = written<RawSettings>(Settings, { useDefaults: true, formats })
