/**
 * The embedded driver's tables. The outcomes log has one partition here, 0, so no table names it. Records are kept as
 * the bytes that #wire makes; beside them stand only the columns that are asked for.
 */
import type { DatabaseSync } from 'node:sqlite';

/** Grows by one with each change of the tables; a file of another version is refused, never guessed at. */
export const SCHEMA_VERSION = 1;

const TABLES = `
  -- L1 outcomes: outcomes and marks. The newest is never deleted (retention.ts), so the next offset is never forgotten.
  CREATE TABLE log (offset INTEGER PRIMARY KEY, append_ms INTEGER NOT NULL, key BLOB, value BLOB) STRICT;
  -- V1: the fingerprint of the log's first record, which outlives that record.
  CREATE TABLE log_identity (id INTEGER PRIMARY KEY CHECK (id = 0), identity TEXT NOT NULL) STRICT;
  -- L1 control: kept for ever.
  CREATE TABLE control (offset INTEGER PRIMARY KEY, append_ms INTEGER NOT NULL, value BLOB NOT NULL) STRICT;
  -- L1 transitions: one row for each identity (G1). AUTOINCREMENT, so that page tokens are never used twice.
  CREATE TABLE transitions (
    id INTEGER PRIMARY KEY AUTOINCREMENT, append_ms INTEGER NOT NULL,
    upstream TEXT NOT NULL, incarnation INTEGER NOT NULL, generation INTEGER NOT NULL, value BLOB NOT NULL,
    UNIQUE (upstream, incarnation, generation)
  ) STRICT;
  CREATE INDEX transitions_newest ON transitions (upstream, id);
  -- L1 outcomes.dead: a refold tells of the same record again, hence UNIQUE.
  CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, append_ms INTEGER NOT NULL,
    partition INTEGER NOT NULL, offset INTEGER NOT NULL, reason TEXT NOT NULL, key BLOB, value BLOB,
    UNIQUE (partition, offset)
  ) STRICT;
  -- K1. One row, or none before the first commit.
  CREATE TABLE meta (
    id INTEGER PRIMARY KEY CHECK (id = 0), incarnation INTEGER NOT NULL, next INTEGER NOT NULL, clock_ms INTEGER NOT NULL,
    control INTEGER NOT NULL, sequence INTEGER NOT NULL, restoring_to INTEGER, commit_id TEXT NOT NULL
  ) STRICT;
  CREATE TABLE epochs (consumer_group TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT;
  CREATE TABLE snapshots (upstream TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT;
  -- K4: 64-bit hashes as signed integers.
  CREATE TABLE ids (offset INTEGER NOT NULL, hash INTEGER NOT NULL, PRIMARY KEY (offset, hash)) STRICT, WITHOUT ROWID;
  -- K3.
  CREATE TABLE outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, offset INTEGER NOT NULL, incarnation INTEGER NOT NULL,
    generation INTEGER NOT NULL, upstream TEXT NOT NULL, value BLOB NOT NULL,
    UNIQUE (offset, incarnation, generation, upstream)
  ) STRICT;
`;

/** Came later, and an older Fuseboard passes it over: so the version stays. */
const LATER_TABLES = `
  CREATE TABLE IF NOT EXISTS checkpoints (
    id INTEGER PRIMARY KEY AUTOINCREMENT, append_ms INTEGER NOT NULL, next INTEGER NOT NULL,
    writing TEXT NOT NULL, part INTEGER NOT NULL, value BLOB NOT NULL, UNIQUE (writing, part)
  ) STRICT;
`;

/** What a file says it is; it has not been touched yet. */
export type SchemaState = { readonly kind: 'empty' | 'current' } | { readonly kind: 'unknown'; readonly version: number };

export function schemaState(sqlite: DatabaseSync): SchemaState {
  const { user_version: version } = sqlite.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version === SCHEMA_VERSION) return { kind: 'current' };
  const { tables } = sqlite.prepare('SELECT count(*) AS tables FROM sqlite_schema').get() as { tables: number };
  return version === 0 && tables === 0 ? { kind: 'empty' } : { kind: 'unknown', version };
}

/** Of meta, likewise: which log it is the state of, and by which rules (PartitionMeta). */
const LATER_COLUMNS = ['log TEXT', 'engine INTEGER'] as const;

/** Those that a file of this version may lack; `TEMP`: for this connection alone. */
export function addLaterTables(sqlite: DatabaseSync, kind: 'TEMP' | '' = ''): void {
  sqlite.exec(LATER_TABLES.replace('CREATE TABLE', `CREATE ${kind} TABLE`));
}

/** Those that a file of this version may lack. Whoever only looks does without them. */
export function addLaterColumns(sqlite: DatabaseSync): void {
  const there = sqlite.prepare('PRAGMA table_info(meta)').all().map(({ name }) => String(name));
  for (const column of LATER_COLUMNS) if (!there.includes(column.split(' ')[0] ?? '')) sqlite.exec(`ALTER TABLE meta ADD COLUMN ${column}`);
}

/** All tables or none: a process killed here leaves a file that is still empty. */
export function createSchema(sqlite: DatabaseSync): void {
  const columns = LATER_COLUMNS.map((column) => `ALTER TABLE meta ADD COLUMN ${column};`).join(' ');
  sqlite.exec(`BEGIN IMMEDIATE; ${TABLES} ${LATER_TABLES} ${columns} PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
}
