import { objectOf, textOf } from './json.ts'

/** What to call something that only its own dialect understands, when it is reported lost. */
export function foreignType ({ dialect, value }: { dialect: string, value: unknown }): string {
  return textOf(objectOf(value).type) ?? dialect
}
