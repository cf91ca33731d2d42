import { judgeOf } from '../validator.ts'
import { formats } from './formats.ts'
import { Settings, type RawSettings } from './schema.ts'

/** Judges the settings that name no provider: the build puts the code that comes of it in the place of this file. */
export const validate = judgeOf<RawSettings>(Settings, { useDefaults: true, formats })
