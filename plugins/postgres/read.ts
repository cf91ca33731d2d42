import type { PostgresClient, Row } from './client.ts'

/** ms. */
const PATIENCE = 20_000

/** The gateway's own tables, where they are here. */
const TABLE = /\b(FROM|JOIN) (requests|sums)\b/g

/** What a query for the gateway's own database, with `?` for each value, finds in the one that all have in common. */
export async function read (client: PostgresClient, sql: string, values: Array<string | number>): Promise<Row[]> {
  let count = 0
  const here = sql.replace(TABLE, '$1 llm_gateway.$2').replaceAll('?', () => `$${++count}`)
  return await client.query('reports', here, values, PATIENCE)
}
