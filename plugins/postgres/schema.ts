/**
 * What lies in Postgres, in a schema of its own: `requests` and `sums` as in the gateway's own database, with the gateway's
 * name (its database's id) beside them, so that no two gateways ever write the same row.
 */

/** The columns of a row, and their types here. */
export const columns = {
  id: 'text COLLATE "C" PRIMARY KEY',
  gateway: 'text NOT NULL',
  seq: 'bigint NOT NULL',
  request_id: 'text',
  started_at: 'bigint NOT NULL',
  first_byte_at: 'bigint',
  ended_at: 'bigint',
  key: 'text NOT NULL',
  key_name: 'text NOT NULL',
  groups: 'jsonb',
  provider: 'text NOT NULL',
  requested_model: 'text NOT NULL',
  sent_model: 'text',
  served_model: 'text',
  client_dialect: 'text NOT NULL',
  upstream_dialect: 'text NOT NULL',
  stream: 'boolean NOT NULL',
  attempts: 'bigint',
  status: 'integer',
  outcome: 'text NOT NULL',
  error: 'text',
  requests: 'bigint NOT NULL',
  input: 'bigint',
  cache_read: 'bigint',
  cache_write_5m: 'bigint',
  cache_write_1h: 'bigint',
  output: 'bigint',
  reasoning: 'bigint',
  audio_input: 'bigint',
  audio_output: 'bigint',
  usage_source: 'text NOT NULL',
  cost: 'bigint',
  price_version: 'text',
  price_model: 'text',
  rates: 'jsonb',
  hold: 'bigint NOT NULL',
  held_tokens: 'bigint NOT NULL',
  lossy: 'jsonb',
  limits: 'jsonb'
} as const

const names = Object.keys(columns).map((name) => `"${name}"`)
/** Written out, and not the ledger's list: the steps below are never changed. */
const buckets = ['input', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'output', 'reasoning', 'audio_input', 'audio_output']
const totals = ['calls', 'requests', ...buckets, 'held_tokens', 'cost', 'unpriced']

/** What a row adds to each of the totals: as plugins/ledger/sums.ts has it. */
const terms = [
  '1', 'requests', ...buckets.map((name) => `coalesce(${name}, 0)`),
  "CASE WHEN outcome = 'interrupted' THEN held_tokens ELSE 0 END",
  'coalesce(cost, 0)',
  `CASE WHEN cost IS NULL AND coalesce(${buckets.join(', ')}) IS NOT NULL THEN 1 ELSE 0 END`
]

/**
 * Takes a batch of rows as they stand now. What is there already and the same is left alone, so a batch may come twice;
 * what has changed since, such as a price, replaces what was there; and the sums follow by the difference.
 */
const ship = `CREATE OR REPLACE FUNCTION llm_gateway.ship (source text, batch jsonb) RETURNS void
LANGUAGE plpgsql SET lock_timeout = '3s' SET search_path = llm_gateway, pg_temp AS $ship$
#variable_conflict use_column
BEGIN
  -- A batch of a gateway's that was killed may still be on its way: each gateway's come one after another.
  PERFORM pg_advisory_xact_lock(hashtext('llm_gateway'), hashtext(source));
  WITH given AS MATERIALIZED (
    SELECT * FROM jsonb_populate_recordset(NULL::requests, batch)
  ), old AS MATERIALIZED (
    SELECT * FROM requests WHERE id IN (SELECT id FROM given)
  ), added AS (
    INSERT INTO requests SELECT * FROM given ON CONFLICT (id) DO NOTHING RETURNING *
  ), changed AS (
    UPDATE requests SET (${names.join(', ')}) = ROW(given.*)
    FROM given WHERE requests.id = given.id AND ROW(requests.*) IS DISTINCT FROM ROW(given.*)
    RETURNING requests.*
  ), counted AS (
    SELECT 1 AS sign, * FROM added
    UNION ALL SELECT 1, * FROM changed
    UNION ALL SELECT -1, * FROM old WHERE id IN (SELECT id FROM changed)
  ), owned AS (
    SELECT key AS owner, * FROM counted
    UNION ALL SELECT 'group:' || name, counted.* FROM counted, jsonb_array_elements_text(groups) AS name
  )
  INSERT INTO sums (gateway, owner, slot, provider, model, key_name, ${totals.join(', ')})
  SELECT gateway, owner, started_at - started_at % 900000, provider, coalesce(served_model, requested_model),
    (array_agg(key_name ORDER BY id DESC))[1], ${terms.map((term) => `sum(sign * ${term})`).join(', ')}
  FROM owned GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
  ON CONFLICT (owner, slot, provider, model, gateway) DO UPDATE SET key_name = excluded.key_name,
    ${totals.map((name) => `${name} = sums.${name} + excluded.${name}`).join(', ')};
END $ship$`

/** How the schema came to be, one step a version. Steps are added at the end and never changed. */
const migrations = [[
  `CREATE TABLE llm_gateway.requests (${Object.entries(columns).map(([name, type]) => `"${name}" ${type}`).join(', ')})`,
  'CREATE INDEX requests_by_time ON llm_gateway.requests (started_at, id)',
  'CREATE INDEX requests_by_request_id ON llm_gateway.requests (request_id) WHERE request_id IS NOT NULL',
  `CREATE TABLE llm_gateway.sums (
    gateway text NOT NULL, owner text COLLATE "C" NOT NULL, slot bigint NOT NULL, provider text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL, key_name text NOT NULL, ${totals.map((name) => `${name} bigint NOT NULL`).join(', ')},
    PRIMARY KEY (owner, slot, provider, model, gateway)
  )`,
  ship
]]

/** Brings the schema up to date, as one statement: gateways that start together do so one after another. */
export const MIGRATE = `DO $migrate$ BEGIN
  PERFORM set_config('lock_timeout', '3s', true);
  PERFORM pg_advisory_xact_lock(hashtext('llm_gateway'), 0);
  IF to_regclass('llm_gateway.migrations') IS NULL THEN
    CREATE SCHEMA IF NOT EXISTS llm_gateway;
    CREATE TABLE llm_gateway.migrations (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now());
  END IF;
  ${migrations.map((steps, i) => `IF NOT EXISTS (SELECT FROM llm_gateway.migrations WHERE version = ${i + 1}) THEN
    ${steps.join(';\n    ')};
    INSERT INTO llm_gateway.migrations (version) VALUES (${i + 1});
  END IF;`).join('\n  ')}
END $migrate$`

/** The gateway's id, and rows as a JSON array. As text: the client would make JSON of a JSON parameter once more. */
export const SHIP = 'SELECT llm_gateway.ship($1, $2::text::jsonb)'
