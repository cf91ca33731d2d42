import { ProviderSchema, type Provider } from '../../providers/provider.ts'
import { written } from '../validator.ts'

export const validate = written<Provider>(ProviderSchema)
