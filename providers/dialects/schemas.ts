import { Type } from 'typebox'
import type { TSchema } from 'typebox'

/** Pieces that the dialects' request schemas share. Further fields are allowed everywhere. */

export const Model = Type.String({ minLength: 1, description: 'The model, by the name the key\'s provider knows or by an alias of the key.' })

/** The same, or `null`: clients send it for what they leave out. */
export function nullable (schema: TSchema): TSchema {
  const { type } = schema as { type?: unknown }
  return Type.Unsafe(typeof type === 'string' && !('enum' in schema) ? { ...schema, type: [type, 'null'] } : { anyOf: [schema, { type: 'null' }] })
}

/** An object that the gateway reads no further here. */
export const AnyObject = Type.Object({})

/** Text, or a list of typed parts. */
export const Content = Type.Union([
  Type.String(),
  Type.Array(Type.Object({ type: Type.Optional(Type.String()) }))
])
