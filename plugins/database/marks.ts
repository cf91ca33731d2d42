import type { DatabaseWriter } from './writer.ts'

const READ = 'SELECT value FROM marks WHERE name = ?'
const WRITE = 'INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value'

/** A number that is kept by its name, beside the tables. */
export function readMark (database: Pick<DatabaseWriter, 'get'>, name: string): number | undefined {
  const value = database.get(READ, name)?.['value']
  return value === undefined ? undefined : Number(value)
}

export function writeMark (database: Pick<DatabaseWriter, 'write'>, name: string, value: number): void {
  database.write(WRITE, [name, value])
}
