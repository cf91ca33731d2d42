import { objectsOf, textOf } from './json.ts'

/** The ids of items, be they of a response's output, of its input or of a conversation. */
export function itemIds (items: unknown): string[] {
  return objectsOf(items).flatMap(({ id }) => textOf(id) ?? [])
}

/**
 * The items that a request leans on by their ids alone: `{ "type": "item_reference", "id": "…" }`, whose type may be
 * left out. https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
 */
export function itemReferences (param: string, items: unknown): Array<{ param: string, id: string }> {
  return objectsOf(items).flatMap(({ type, id, role }, i) => {
    const refers = type === 'item_reference' || ((type === undefined || type === null) && role === undefined)
    return refers && typeof id === 'string' ? [{ param: `${param}[${i}].id`, id }] : []
  })
}
