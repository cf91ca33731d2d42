import type { ErrorObject } from 'ajv'
import { FileFault } from '../file/fault.ts'
import { nearest } from '../nearest.ts'
import { innerFields, limitFields } from './limits.ts'
import { KeySchema, KeysSchema, MAX_KEY_LENGTH } from './schema.ts'
import { shorten } from './shorten.ts'

/** Why a keys file is refused, in one line that holds no real key and no whole virtual one. */
export class KeysFault extends FileFault {
  override name = 'KeysFault'
}

const HASH = 'a key that is stored as its hash must be "sha256:" and the 64 hex digits of its SHA-256'

const GROUP_NAME = 'the name of a group must have 1 to 64 letters, digits, dots, underscores and hyphens'

const SHAPE = 'the file is {"virtual_keys": {"vk_…": {"provider": …, "api_key": …}}}'

type FaultOf = (name: string, reason: string) => KeysFault

/** The first fault that the schema found, in words that say what to do. */
export function schemaFault (errors: ErrorObject[], keyFault: FaultOf, groupFault: FaultOf): KeysFault {
  // A misspelt field is also a missing one: the first says more.
  const error = errors.find(({ keyword }) => keyword === 'additionalProperties') ?? errors[0]
  const [, top, token, field] = (error?.instancePath ?? '').split('/').map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const extra: unknown = error?.params.additionalProperty
  const missing: unknown = error?.params.missingProperty
  if (top === undefined) {
    const none = errors.some(({ instancePath, params }) => instancePath === '' && params.missingProperty === 'virtual_keys')
    if (typeof extra === 'string') {
      const meant = suggestion(extra, Object.keys(KeysSchema.properties))
      if (!none) return new KeysFault(`unknown field ${quote(shorten(extra))} beside "virtual_keys"${meant}`)
      if (meant !== '') return new KeysFault(`unknown field ${quote(shorten(extra))}${meant}`)
    }
    return new KeysFault(none ? `"virtual_keys" is missing; ${SHAPE}` : `it must be an object; ${SHAPE}`)
  }
  const group = top === 'groups'
  const faultOf = group ? groupFault : keyFault
  if (token === undefined) {
    if (typeof extra === 'string') return faultOf(extra, group ? GROUP_NAME : /^sha256:/i.test(extra) ? HASH : `a virtual key must have 1 to ${MAX_KEY_LENGTH} visible ASCII characters, no spaces and no commas`)
    return new KeysFault(`"${top}" must be ${top === '$schema' ? 'a text' : 'an object'}${top === 'virtual_keys' ? `; ${SHAPE}` : ''}`)
  }
  const properties: Record<string, object> = group ? limitFields : KeySchema.properties
  if (field === undefined) {
    if (typeof extra === 'string') return faultOf(token, `unknown field ${quote(careful(extra))}${suggestion(extra, Object.keys(properties))}`)
    if (typeof missing === 'string') return faultOf(token, `"${missing}" is missing`)
    return faultOf(token, group ? 'it must be an object of limits' : 'it must be an object with "provider" and "api_key"')
  }
  if (typeof extra === 'string' && Object.hasOwn(limitFields, field)) {
    return faultOf(token, `"${field}" has an unknown field ${quote(careful(extra))}${suggestion(extra, innerFields(field))}`)
  }
  const schema = Object.entries(properties).find(([name]) => name === field)?.[1] as { errorMessage?: string } | undefined
  return faultOf(token, `"${field}" ${schema?.errorMessage ?? 'is not valid'}`)
}

export function unknownProvider (name: string, loaded: string[]): string {
  return `provider ${quote(careful(name))} is not loaded${suggestion(name, loaded)}; ` +
    `PROVIDERS loads ${loaded.join(', ')}: add the provider's name, package or path there`
}

export function suggestion (word: string, known: string[]): string {
  const near = nearest(word, known)
  return near === undefined || near === word ? '' : `, did you mean "${near}"?`
}

/** A word that somebody may have put a key in the place of: whole only where it cannot be one. */
export function careful (word: string): string {
  return word.length <= 12 || /^[a-z]{1,16}(_[a-z]{1,16}){0,3}$/.test(word) ? word : shorten(word)
}

export function quote (text: string): string {
  return JSON.stringify(text)
}
