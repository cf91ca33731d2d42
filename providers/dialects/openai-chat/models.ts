import type { Model, ModelList } from '../dialect.ts'
import { objectOf, objectsOf, textOf } from '../json.ts'

/** `{ object: 'list', data: [{ id, object: 'model', created, owned_by }] }`, always one page. */
export const models: ModelList = {
  decode: (body) => objectsOf(Array.isArray(body) ? body : objectOf(body).data).flatMap((entry): Model[] => {
    const id = textOf(entry.id)
    if (id === undefined) return []
    const owner = textOf(entry.owned_by)
    const name = textOf(entry.name)
    return [{
      id,
      ...typeof entry.created === 'number' && { created: entry.created },
      ...owner !== undefined && { owner },
      ...name !== undefined && { name }
    }]
  }),
  encode: (list) => ({ object: 'list', data: list.map(encodeOne) }),
  encodeOne
}

function encodeOne ({ id, created, owner }: Model): Record<string, unknown> {
  return { id, object: 'model', created: created ?? 0, owned_by: owner ?? 'unknown' }
}
