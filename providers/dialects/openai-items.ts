import type { Dialect } from './dialect.ts'
import { objectsOf, textOf } from './json.ts'

/** The ids of items, be they of a response's output, of its input or of a conversation. */
export function itemIds (items: unknown): string[] {
  return objectsOf(items).flatMap(({ id }) => textOf(id) ?? [])
}

/**
 * The items of a list that a request leans on by their ids alone: `{ "type": "item_reference", "id": "…" }`, whose type may be
 * left out. https://platform.openai.com/docs/api-reference/responses/create#responses-create-input
 */
export function itemReferences (list: string): NonNullable<Dialect['references']> {
  return { list, refers: ({ type, role }) => type === 'item_reference' || ((type === undefined || type === null) && role === undefined) }
}
