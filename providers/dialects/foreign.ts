import { objectOf, textOf } from './json.ts'

/** A name as a report may hold it, in a header too: visible ASCII, no comma, bounded. */
export function reportable (name: string): string {
  return name.slice(0, 96).replaceAll(/[^\x21-\x2b\x2d-\x7e]/g, '?')
}

/** What to call something that only its own dialect understands, when it is reported lost. */
export function foreignType ({ dialect, value }: { dialect: string, value: unknown }): string {
  return reportable(textOf(objectOf(value).type) ?? dialect)
}
