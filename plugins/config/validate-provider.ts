import { ProviderSchema, type Provider } from '../../providers/provider.ts'
import { judgeOf } from '../validator.ts'

/** Judges what a plugin gives as a provider: the build puts the code that comes of it in the place of this file. */
export const validate = judgeOf<Provider>(ProviderSchema)
