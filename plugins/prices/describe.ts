import type { ErrorObject } from 'ajv'
import { FileFault } from '../file/fault.ts'
import { nearest } from '../nearest.ts'
import { OverridesSchema } from './schema.ts'

/** A schema as far as it is walked here. */
interface Node {
  properties?: Record<string, Node>
  patternProperties?: Record<string, Node>
  items?: Node
  anyOf?: Node[]
  type?: unknown
  enum?: unknown
  errorMessage?: string
}

/** What is wrong with a PRICES_FILE: the entry, the field, and what belongs there. */
export function describe (value: unknown, errors: ErrorObject[]): FileFault {
  // A misspelt field is also a missing one: the first says more.
  const error = errors.find(({ keyword }) => keyword === 'additionalProperties') ?? errors[0]
  const path = (error?.instancePath ?? '').split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  const place = placeOf(value, path)
  return new FileFault(`${place}${place === '' ? '' : ': '}${reasonOf(error, path)}`)
}

/** Such as `provider "acme", model "large", price 2`. */
function placeOf (value: unknown, [, provider, , model, field, price]: string[]): string {
  if (provider === undefined) return ''
  const parts = [`provider "${provider}"`]
  if (model !== undefined) parts.push(`model ${nameOf(value, provider, model) ?? Number(model) + 1}`)
  if (field === 'prices' && price !== undefined) parts.push(`price ${Number(price) + 1}`)
  return parts.join(', ')
}

function nameOf (value: unknown, provider: string, model: string): string | undefined {
  const entry = ['providers', provider, 'models', model, 'id']
    .reduce<unknown>((inner, part) => (inner as Record<string, unknown> | undefined)?.[part], value)
  return typeof entry === 'string' ? JSON.stringify(entry.slice(0, 100)) : undefined
}

function reasonOf (error: ErrorObject | undefined, path: string[]): string {
  if (path.length === 0) return 'it must be an object with the field "providers", or LiteLLM\'s model_prices_and_context_window.json'
  const { schema, field, message } = schemaAt(path)
  const extra: unknown = error?.params['additionalProperty']
  if (typeof extra === 'string') {
    const near = nearest(extra, Object.keys(fieldsOf(schema)))
    return `unknown field ${JSON.stringify(extra.slice(0, 40))}${near === undefined ? '' : `, did you mean "${near}"?`}`
  }
  const missing: unknown = error?.params['missingProperty']
  if (typeof missing === 'string') return `"${missing}" is missing`
  return `${field === undefined ? 'it' : `"${field}"`} ${message ?? 'is not valid'}`
}

/** What an object may hold, where it may be one. */
function fieldsOf ({ properties, anyOf = [] }: Node): Record<string, Node> {
  return properties ?? anyOf.find((choice) => choice.properties !== undefined)?.properties ?? {}
}

/** The schema of what lies at a path; and of the innermost part of it that has a message, its field and that. */
function schemaAt (path: string[]): { schema: Node, field: string | undefined, message: string | undefined } {
  let schema: Node = OverridesSchema
  let field: string | undefined
  let message: string | undefined
  for (const part of path) {
    const inner: Node | undefined = fieldsOf(schema)[part]
    schema = inner ?? schema.items ?? Object.values(schema.patternProperties ?? {})[0] ?? {}
    if (schema.errorMessage !== undefined) [field, message] = [inner === undefined ? undefined : part, schema.errorMessage]
  }
  return { schema, field, message }
}
