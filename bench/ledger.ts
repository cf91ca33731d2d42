import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Unavailable } from './targets/target.ts'

/** Puts closed rows of the past month into the ledger of a gateway that has stopped. @throws {Unavailable} */
export function fillLedger (dataDir: string, rows: number): void {
  const file = existsSync(dataDir) ? readdirSync(dataDir).find((name) => /\.(db|sqlite3?)$/.test(name)) : undefined
  if (file === undefined) throw new Unavailable('this build keeps no database')
  const db = new DatabaseSync(join(dataDir, file))
  try {
    db.prepare(FILL).run({ rows, now: Date.now(), month: 30 * 86_400_000 })
  } catch (error) {
    throw new Unavailable(`its ledger is not as this benchmark knows it: ${(error as Error).message}`)
  } finally {
    db.close()
  }
}

/** Ids that sort before real ones; a thousand keys, ten models. */
const FILL = `
INSERT INTO requests (
  seq, id, started_at, first_byte_at, ended_at, key, key_name, provider, requested_model, served_model,
  client_dialect, upstream_dialect, stream, attempts, status, outcome, requests,
  input, cache_read, cache_write_5m, cache_write_1h, output, usage_source, cost, price_version, rates, hold, held_tokens
)
WITH RECURSIVE
  numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < :rows),
  last (seq) AS (SELECT coalesce(max(seq), 0) FROM requests)
SELECT
  last.seq + n, printf('0000-%027d', n), at, at + 300, at + 2000,
  printf('%012x', n % 1000), printf('key %d', n % 1000), 'openai', printf('model-%d', n % 10), printf('model-%d', n % 10),
  'openai-chat', 'openai-chat', 1, 1, 200, 'done', 1,
  900, 100, 0, 0, 200, 'provider', 1500000, 'bench', '{"input":1000000,"cacheRead":100000,"output":4000000}', 0, 0
FROM (SELECT n, :now - :month + CAST(n * 1.0 * :month / :rows AS INTEGER) AS at FROM numbers), last
`
