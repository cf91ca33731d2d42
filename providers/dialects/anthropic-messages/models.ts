import type { Model, ModelList } from '../dialect.ts'
import { objectOf, objectsOf, textOf } from '../json.ts'

/** `{ data: [{ type: 'model', id, display_name, created_at }], has_more, first_id, last_id }` in pages of up to 1000. */
export const models: ModelList = {
  query: 'limit=1000',
  decode: (body) => objectsOf(objectOf(body).data).flatMap((entry): Model[] => {
    const id = textOf(entry.id)
    if (id === undefined) return []
    const created = Math.floor(Date.parse(textOf(entry.created_at) ?? '') / 1000)
    const name = textOf(entry.display_name)
    return [{ id, ...created > 0 && { created }, ...name !== undefined && { name } }]
  }),
  encode: (list) => ({ data: list.map(encodeOne), has_more: false, first_id: list[0]?.id ?? null, last_id: list.at(-1)?.id ?? null }),
  encodeOne
}

function encodeOne ({ id, name, created = 0 }: Model): Record<string, unknown> {
  return { type: 'model', id, display_name: name ?? id, created_at: new Date(created * 1000).toISOString() }
}
