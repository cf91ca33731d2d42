import { fields, list, text, type Fields } from './fields.ts'

/** Schemas may refer to themselves: below this depth values are null. */
const MAX_DEPTH = 12

/**
 * A value that a JSON Schema allows: the first of an enum, a string that is its property's name, the number 1, true,
 * a list of one item, an object with every property.
 */
export function example (schema: unknown, name = 'value'): unknown {
  return valueOf(fields(schema), name, fields(schema), 0)
}

function valueOf (schema: Fields, name: string, root: Fields, depth: number): unknown {
  if (depth > MAX_DEPTH) return null
  if ('const' in schema) return schema.const
  if (Array.isArray(schema.enum)) return schema.enum[0]
  if (typeof schema.$ref === 'string') return valueOf(resolve(schema.$ref, root), name, root, depth + 1)

  const branch = list(schema.anyOf ?? schema.oneOf ?? schema.allOf)[0]
  if (branch !== undefined) return valueOf(fields(branch), name, root, depth + 1)

  switch (typeOf(schema)) {
    case 'object': return Object.fromEntries(Object.entries(fields(schema.properties))
      .map(([key, property]) => [key, valueOf(fields(property), key, root, depth + 1)]))
    case 'array': return [valueOf(fields(schema.items), name, root, depth + 1)]
    case 'integer':
    case 'number': return typeof schema.minimum === 'number' ? Math.max(1, schema.minimum) : 1
    case 'boolean': return true
    case 'null': return null
    default: return name
  }
}

function typeOf (schema: Fields): string {
  if (Array.isArray(schema.type)) return text(schema.type.find(type => type !== 'null'))
  return text(schema.type) || ('properties' in schema ? 'object' : 'string')
}

/** Only references into the schema itself: `#`, `#/$defs/name`. */
function resolve (reference: string, root: Fields): Fields {
  return reference.split('/').slice(1).reduce<Fields>((at, step) => fields(at[step]), root)
}
