import type { DatabaseSync } from 'node:sqlite'

/** How the database came to be, one step a version. Steps are added at the end and never changed. */
export const migrations: readonly string[] = [
  `CREATE TABLE stored (
    provider TEXT NOT NULL,
    id TEXT NOT NULL,
    key TEXT NOT NULL,
    requests INTEGER,
    made_at INTEGER NOT NULL,
    PRIMARY KEY (provider, id)
  ) STRICT, WITHOUT ROWID`,
  // The ledger. Times are ms since 1970, money whole nano-dollars, tokens NULL where they are not known. `id` is in the
  // order of time, so that its index grows at the end only; `request_id` stands only where a client chose another, and
  // `sent_model` where an alias stands for it.
  `CREATE TABLE requests (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    request_id TEXT,
    started_at INTEGER NOT NULL,
    first_byte_at INTEGER,
    ended_at INTEGER,
    key TEXT NOT NULL,
    key_name TEXT NOT NULL,
    groups TEXT,
    provider TEXT NOT NULL,
    requested_model TEXT NOT NULL,
    sent_model TEXT,
    served_model TEXT,
    client_dialect TEXT NOT NULL,
    upstream_dialect TEXT NOT NULL,
    stream INTEGER NOT NULL,
    attempts INTEGER,
    status INTEGER,
    outcome TEXT,
    error TEXT,
    requests INTEGER NOT NULL,
    input INTEGER,
    cache_read INTEGER,
    cache_write_5m INTEGER,
    cache_write_1h INTEGER,
    output INTEGER,
    reasoning INTEGER,
    audio_input INTEGER,
    audio_output INTEGER,
    usage_source TEXT,
    cost INTEGER,
    price_version TEXT,
    price_model TEXT,
    rates TEXT,
    hold INTEGER NOT NULL,
    held_tokens INTEGER NOT NULL,
    lossy TEXT,
    limits TEXT
  ) STRICT;
  CREATE INDEX requests_by_request_id ON requests (request_id) WHERE request_id IS NOT NULL;
  CREATE TABLE sums (
    owner TEXT NOT NULL,
    slot INTEGER NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    key_name TEXT NOT NULL,
    calls INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    input INTEGER NOT NULL,
    cache_read INTEGER NOT NULL,
    cache_write_5m INTEGER NOT NULL,
    cache_write_1h INTEGER NOT NULL,
    output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL,
    audio_input INTEGER NOT NULL,
    audio_output INTEGER NOT NULL,
    held_tokens INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    unpriced INTEGER NOT NULL,
    PRIMARY KEY (owner, slot, provider, model)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE marks (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  // Rows on their way to a common database, in the order in which they were closed; and which of the gateways' databases
  // this is, as long as it lasts.
  `CREATE TABLE spool (place INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
  CREATE INDEX spool_by_seq ON spool (seq);
  INSERT INTO marks (name, value) VALUES ('database', abs(random() % 9007199254740991))`
]

/** Takes the steps that a database has not had yet. */
export function migrate (db: DatabaseSync): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > migrations.length) throw new Error('gateway.db was written by a newer gateway')
  for (const [step, sql] of migrations.entries()) {
    if (step < version) continue
    db.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version = ${step + 1}; COMMIT`)
  }
}
